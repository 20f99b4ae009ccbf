from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable

import pytest
from flask.testing import FlaskClient

from contract.algorithm import Predictor


def probability(predictor: Predictor, record: object) -> float:
    """What the model itself says of one record."""
    instance = predictor.read(record, {})  # type: ignore[arg-type]
    return predictor.predict([instance], lambda: None)[0].as_number()


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


def test_quoted_texts_in_csv_get_one_probability_a_line(
        client: FlaskClient, predictor: Predictor, reviews: dict[str, str]) -> None:
    texts = [*reviews.values(), 'Two\nlines, "quoted"']
    buffer = io.StringIO()
    csv.writer(buffer, quoting=csv.QUOTE_ALL).writerows([text] for text in texts)
    answer = client.post("/invocations", data=buffer.getvalue(), content_type="text/csv")
    assert [float(line) for line in answer.text.splitlines()] == [
        probability(predictor, text) for text in texts]


@pytest.mark.parametrize("algorithm", ["sentiment"], indirect=True)
@pytest.mark.parametrize(("media", "body", "words"), [
    ("application/json", b'{"text": 5}', "found a number"),
    ("application/json", b'{"review": "x"}', "with \\\"text\\\""),
    ("application/json", b'{"text": "x", "explain": "yes"}', "true or false"),
    ("application/json", b'["x", null]', "record 2: a review must be a text, found null"),
    ("application/json", b'["x", "  "]', "record 2: the review is empty"),
    ("text/plain", b"a" * 100_001, "at most 100000"),
])
def test_a_record_that_cannot_be_used_is_400_and_says_why(client: FlaskClient, media: str,
                                                          body: bytes, words: str) -> None:
    answer = client.post("/invocations", data=body, content_type=media)
    assert answer.status_code == 400
    assert words in answer.text


@pytest.mark.parametrize("media", ["text/plain", "text/csv", "application/json",
                                   "application/jsonlines"])
@pytest.mark.parametrize("accept", ["text/plain", "text/csv", "application/json",
                                    "application/jsonlines", "application/x-npy"])
def test_every_type_in_can_be_answered_in_every_type(
        client: FlaskClient, reviews: dict[str, str], media: str, accept: str) -> None:
    body = {"text/plain": reviews["positive"], "text/csv": f'"{reviews["positive"]}"',
            "application/json": json.dumps([reviews["positive"]]),
            "application/jsonlines": json.dumps(reviews["positive"])}[media]
    answer = client.post("/invocations", data=body, content_type=media, headers={"Accept": accept})
    assert (answer.status_code, answer.headers["Content-Type"]) == (200, accept)
    assert answer.data
