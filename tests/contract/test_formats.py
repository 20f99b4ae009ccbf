from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable

import numpy as np
import pytest
from flask.testing import FlaskClient

from contract.algorithm import Predictor

ROWS = ["3,7,8,9", "0", "2,5,6,0,0"]


def probability(predictor: Predictor, record: object) -> float:
    """What the model itself says of one record."""
    instance = predictor.read(record, {})  # type: ignore[arg-type]
    return predictor.predict([instance], lambda: None)[0].as_number()


def array(rows: list[list[int]]) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, np.array(rows))
    return buffer.getvalue()


@pytest.mark.parametrize(("side", "label"), [("positive", "1"), ("negative", "0")])
def test_one_plain_review_gets_its_label_as_text(client: FlaskClient, reviews: dict[str, str],
                                                 side: str, label: str) -> None:
    answer = client.post("/invocations", data=reviews[side].encode(), content_type="text/plain")
    assert (answer.status_code, answer.data) == (200, label.encode())
    assert answer.headers["Content-Type"] == "text/plain"


@pytest.mark.parametrize("side", ["positive", "negative"])
def test_one_json_object_gets_label_and_probability(client: FlaskClient, reviews: dict[str, str],
                                                    predictor: Predictor, side: str) -> None:
    answer = client.post("/invocations", json={"text": reviews[side]})
    assert answer.headers["Content-Type"] == "application/json"
    assert answer.json == {"label": side, "probability": probability(predictor, reviews[side])}


@pytest.mark.parametrize("wrap", [
    lambda texts: texts,
    lambda texts: [{"text": text} for text in texts],
    lambda texts: {"instances": texts},
    lambda texts: {"instances": [{"text": text} for text in texts]},
])
def test_several_in_json_get_predictions_in_order_and_counts(
        client: FlaskClient, reviews: dict[str, str], wrap: Callable[[list[str]], object]) -> None:
    sides = ["positive", "negative", "positive"]
    answer = client.post("/invocations", json=wrap([reviews[side] for side in sides]))
    assert answer.json is not None
    assert [one["label"] for one in answer.json["predictions"]] == sides
    assert answer.json["counts"] == {"positive": 2, "negative": 1}


def test_json_documents_one_after_the_other_are_answered_together(
        client: FlaskClient, reviews: dict[str, str]) -> None:
    body = "\n".join(json.dumps({"text": reviews[side]}) for side in ("positive", "negative"))
    answer = client.post("/invocations", data=body, content_type="application/json")
    assert answer.json is not None
    assert [one["label"] for one in answer.json["predictions"]] == ["positive", "negative"]


@pytest.mark.parametrize("media", ["application/jsonlines", "application/x-jsonlines",
                                   "application/x-ndjson", "application/jsonl"])
def test_json_lines_get_a_line_each_under_the_name_that_was_sent(
        client: FlaskClient, reviews: dict[str, str], media: str) -> None:
    sides = ["negative", "positive"]
    body = "\r\n".join(json.dumps({"text": reviews[side]}) for side in sides)
    answer = client.post("/invocations", data=body, content_type=media)
    assert answer.headers["Content-Type"] == media
    assert [json.loads(line)["label"] for line in answer.text.splitlines()] == sides


def test_a_bad_json_line_gets_an_error_at_its_place(client: FlaskClient,
                                                    reviews: dict[str, str]) -> None:
    good = json.dumps({"text": reviews["positive"]})
    body = "\n".join([good, "{broken", '{"review": "x"}', "", good]) + "\n"
    answer = client.post("/invocations", data=body, content_type="application/jsonlines")
    lines = [json.loads(line) for line in answer.text.splitlines()]
    assert answer.status_code == 200
    assert ["error" in line for line in lines] == [False, True, True, True, False]
    assert lines[1]["error"]["code"] == 400


def test_encoded_rows_get_one_probability_a_line(client: FlaskClient,
                                                 predictor: Predictor) -> None:
    answer = client.post("/invocations", data="\n".join(ROWS), content_type="text/csv")
    assert answer.headers["Content-Type"] == "text/csv"
    assert [float(line) for line in answer.text.splitlines()] == [
        probability(predictor, row.split(",")) for row in ROWS]


def test_quoted_texts_in_csv_get_one_probability_a_line(
        client: FlaskClient, predictor: Predictor, reviews: dict[str, str]) -> None:
    texts = [*reviews.values(), 'Two\nlines, "quoted"']
    buffer = io.StringIO()
    csv.writer(buffer, quoting=csv.QUOTE_ALL).writerows([text] for text in texts)
    answer = client.post("/invocations", data=buffer.getvalue(), content_type="text/csv")
    assert [float(line) for line in answer.text.splitlines()] == [
        probability(predictor, text) for text in texts]


def test_an_array_of_rows_gets_an_array_of_probabilities(client: FlaskClient,
                                                         predictor: Predictor) -> None:
    rows = [[3, 7, 8, 9], [1, 5, 0, 0]]
    answer = client.post("/invocations", data=array(rows), content_type="application/x-npy")
    assert answer.headers["Content-Type"] == "application/x-npy"
    assert np.load(io.BytesIO(answer.data)).tolist() == [probability(predictor, row)
                                                         for row in rows]


@pytest.mark.parametrize(("media", "body", "words"), [
    ("application/json", b'{"text": 5}', "found a number"),
    ("application/json", b'{"review": "x"}', "with \\\"text\\\""),
    ("application/json", b'{"text": "x", "explain": "yes"}', "true or false"),
    ("application/json", b'["x", null]', "record 2: a review must be a text, found null"),
    ("application/json", b'["x", "  "]', "record 2: the review is empty"),
    ("text/plain", b"a" * 100_001, "at most 100000"),
    ("text/csv", b"9,1,2\n", "record 1: length is 9, but 2 ids follow"),
    ("text/csv", b"1,2\n1,999999\n", "record 2: word id 999999 is outside"),
    ("text/csv", b"1,x\n", "whole numbers"),
    ("text/csv", b"A fine film, really\n", "double quotes"),
    ("text/csv", b",".join([b"1"] * 502), "502 cells"),
])
def test_a_record_that_cannot_be_used_is_400_and_says_why(client: FlaskClient, media: str,
                                                          body: bytes, words: str) -> None:
    answer = client.post("/invocations", data=body, content_type=media)
    assert answer.status_code == 400
    assert words in answer.text


@pytest.mark.parametrize("media", ["text/plain", "text/csv", "application/json",
                                   "application/jsonlines", "application/x-npy"])
@pytest.mark.parametrize("accept", ["text/plain", "text/csv", "application/json",
                                    "application/jsonlines", "application/x-npy"])
def test_every_type_in_can_be_answered_in_every_type(
        client: FlaskClient, reviews: dict[str, str], media: str, accept: str) -> None:
    body = {"text/plain": reviews["positive"].encode(), "text/csv": b"3,7,8,9\n",
            "application/json": json.dumps([reviews["positive"]]).encode(),
            "application/jsonlines": json.dumps(reviews["positive"]).encode(),
            "application/x-npy": array([[3, 7, 8, 9]])}[media]
    answer = client.post("/invocations", data=body, content_type=media, headers={"Accept": accept})
    assert (answer.status_code, answer.headers["Content-Type"]) == (200, accept)
    assert answer.data
