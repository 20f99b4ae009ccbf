"""Batch transform: as many lines out as in, whatever is in them, and one line end at the end."""

from __future__ import annotations

import json

import pytest
from flask.testing import FlaskClient


@pytest.mark.parametrize(("media", "good", "bad"), [
    ("text/plain", "{text}", ""),
    ("text/plain", "{text}", " \t"),
    ("text/csv", '"{text}"', ""),
    ("text/csv", '"{text}"', '"open'),
    ("application/jsonlines", '{{"text": "{text}"}}', ""),
    ("application/jsonlines", '{{"text": "{text}"}}', "{broken"),
    ("application/json", '{{"text": "{text}"}}', '{"text": 5}'),
])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_a_bad_line_is_marked_at_its_place(batch_client: FlaskClient, reviews: dict[str, str],
                                           media: str, good: str, bad: str, end: str) -> None:
    line = good.format(text=reviews["positive"])
    body = end.join([line, bad, line]) + end
    answer = batch_client.post("/invocations", data=body.encode(), content_type=media)
    first, second, third = answer.text.splitlines()
    assert answer.status_code == 200
    assert first == third != second
    assert "ERROR" in second or json.loads(second)["error"]["code"] == 400


def test_plain_text_is_one_review_a_line(batch_client: FlaskClient,
                                         reviews: dict[str, str]) -> None:
    body = "\n".join([reviews["positive"], reviews["negative"], reviews["positive"]])
    answer = batch_client.post("/invocations", data=body, content_type="text/plain")
    assert answer.text == "1\n0\n1\n"


@pytest.mark.parametrize(("charset", "bad"), [
    ("", b"caf\xe9"), ("; charset=utf-8", b"caf\xe9"), ("; charset=us-ascii", b"caf\xe9"),
    ("; charset=windows-1252", b"caf\x81"), ("; charset=utf-8", b"\xed\xb3\xa9")])
def test_a_line_of_another_charset_does_not_fail_its_neighbours(
        batch_client: FlaskClient, charset: str, bad: bytes) -> None:
    answer = batch_client.post("/invocations", data=b"A dull film\n" + bad + b"\nA dull film",
                               content_type=f"text/plain{charset}")
    first, second, third = answer.text.splitlines()
    assert (first, second) == (third, "ERROR") != (second, second)


@pytest.mark.parametrize(("media", "body"), [
    ("text/plain", "A fine film"),
    ("text/csv", '"A fine, long film"'),
    ("application/json", '{"text": "A fine film"}'),
    ("application/json", '["A fine film", "Dull"]'),
    ("application/jsonlines", '{"text": "A fine film"}'),
])
def test_every_answer_ends_in_exactly_one_line_end(batch_client: FlaskClient, media: str,
                                                   body: str) -> None:
    text = batch_client.post("/invocations", data=body, content_type=media).text
    assert text.endswith("\n")
    assert text.count("\n") == 1


@pytest.mark.parametrize("media", ["text/plain", "text/csv", "application/jsonlines"])
def test_a_blank_line_alone_is_marked_too(batch_client: FlaskClient, media: str) -> None:
    answer = batch_client.post("/invocations", data="\n", content_type=media)
    assert answer.status_code == 200
    assert len(answer.text.splitlines()) == 1


def test_json_documents_one_after_the_other_get_a_line_each(batch_client: FlaskClient,
                                                            reviews: dict[str, str]) -> None:
    body = "".join(json.dumps({"text": reviews[side]}) for side in ("positive", "negative"))
    answer = batch_client.post("/invocations", data=body, content_type="application/json")
    assert [json.loads(line)["label"] for line in answer.text.splitlines()] == ["positive",
                                                                                "negative"]


def test_the_same_request_again_gets_the_same_bytes(batch_client: FlaskClient,
                                                    reviews: dict[str, str]) -> None:
    body = "\n".join(reviews.values())
    first, second = (batch_client.post("/invocations", data=body, content_type="text/plain",
                                       headers={"Accept": "text/csv"}).data for _ in range(2))
    assert first == second
