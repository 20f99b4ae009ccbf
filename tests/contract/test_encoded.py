"""Reviews that come as rows of ids, which the course project's clients send."""

from __future__ import annotations

import io

import numpy as np
import pytest
from flask.testing import FlaskClient

from contract.algorithm import Predictor

pytestmark = pytest.mark.parametrize("algorithm", ["sentiment"], indirect=True)

ROWS = ["3,7,8,9", "0", "2,5,6,0,0"]


def probability(predictor: Predictor, row: list[object]) -> float:
    """What the model itself says of one row."""
    return predictor.predict([predictor.read(row, {})], lambda: None)[0].as_number()


def array(rows: list[list[int]]) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, np.array(rows))
    return buffer.getvalue()


def test_rows_get_one_probability_a_line(client: FlaskClient, predictor: Predictor) -> None:
    answer = client.post("/invocations", data="\n".join(ROWS), content_type="text/csv")
    assert answer.headers["Content-Type"] == "text/csv"
    assert [float(line) for line in answer.text.splitlines()] == [
        probability(predictor, [*row.split(",")]) for row in ROWS]


def test_an_array_of_rows_gets_an_array_of_probabilities(client: FlaskClient,
                                                         predictor: Predictor) -> None:
    rows = [[3, 7, 8, 9], [1, 5, 0, 0]]
    answer = client.post("/invocations", data=array(rows), content_type="application/x-npy")
    assert answer.headers["Content-Type"] == "application/x-npy"
    assert np.load(io.BytesIO(answer.data)).tolist() == [probability(predictor, [*row])
                                                         for row in rows]


@pytest.mark.parametrize(("media", "body"), [
    ("text/csv", b"3,7,8,9\n"), ("application/x-npy", array([[3, 7, 8, 9]]))])
@pytest.mark.parametrize("accept", ["text/plain", "text/csv", "application/json",
                                    "application/jsonlines", "application/x-npy"])
def test_rows_can_be_answered_in_every_type(client: FlaskClient, media: str, body: bytes,
                                            accept: str) -> None:
    answer = client.post("/invocations", data=body, content_type=media, headers={"Accept": accept})
    assert (answer.status_code, answer.headers["Content-Type"]) == (200, accept)
    assert answer.data


@pytest.mark.parametrize(("body", "words"), [
    (b"9,1,2\n", "record 1: length is 9, but 2 ids follow"),
    (b"1,2\n1,999999\n", "record 2: word id 999999 is outside"),
    (b"1,x\n", "whole numbers"),
    (b"A fine film, really\n", "double quotes"),
    (b",".join([b"1"] * 502), "502 cells"),
])
def test_a_row_that_cannot_be_used_is_400_and_says_why(client: FlaskClient, body: bytes,
                                                       words: str) -> None:
    answer = client.post("/invocations", data=body, content_type="text/csv")
    assert answer.status_code == 400
    assert words in answer.text


def test_in_batch_a_bad_row_is_marked_at_its_place(batch_client: FlaskClient) -> None:
    answer = batch_client.post("/invocations", data="3,7,8,9\n3,7,8\n3,7,8,9\n",
                               content_type="text/csv")
    first, second, third = answer.text.splitlines()
    assert answer.status_code == 200
    assert first == third != second
    assert "ERROR" in second
