"""Who reads over the shoulder: data capture stores what is said, Clarify asks by the hundred."""

from __future__ import annotations

import base64
import csv
import io
import json
from collections.abc import Callable
from typing import Any

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

TEXT = 'A "fine" film, really;\nnot\ta dull one, says André'
MEDIA = ["text/csv", "application/json", "application/jsonlines"]
AS_TEXT = {"CSV": ["text/csv"], "JSON": ["application/json", "application/jsonlines"]}
"""What a capture configuration lists; anything else is stored in base64."""


def quoted(texts: list[str]) -> str:
    buffer = io.StringIO()
    csv.writer(buffer, quoting=csv.QUOTE_ALL, lineterminator="\n").writerows([one] for one in texts)
    return buffer.getvalue()


def templated(template: str) -> Callable[[list[str]], str]:
    """JSON Lines as Clarify makes them: the template's $features are the record's features."""
    return lambda texts: "".join(
        template.replace("$features", json.dumps([text])) + "\n" for text in texts)


def captured(answer: TestResponse) -> dict[str, Any]:
    """The answer as data capture stores it."""
    media = answer.headers["Content-Type"]
    for encoding, types in AS_TEXT.items():
        if media in types:  # compared as it stands: a parameter would make it another type
            return {"observedContentType": media, "encoding": encoding, "data": answer.text}
    return {"observedContentType": media, "encoding": "BASE64",
            "data": base64.b64encode(answer.data).decode()}


@pytest.mark.parametrize("sent", [*MEDIA, "text/csv; charset=utf-8", "text/csv;header=absent"])
@pytest.mark.parametrize("accept", MEDIA)
def test_what_is_captured_is_text_under_its_exact_type(client: FlaskClient, sent: str,
                                                       accept: str) -> None:
    body = quoted([TEXT]) if "csv" in sent else json.dumps(TEXT)
    stored = captured(client.post("/invocations", data=body.encode(), content_type=sent,
                                  headers={"Accept": accept}))
    assert stored["observedContentType"] == accept
    assert stored["encoding"] == ("CSV" if "csv" in accept else "JSON")


def test_the_same_request_is_captured_with_the_same_answer(client: FlaskClient) -> None:
    first, second = (captured(client.post("/invocations", data=quoted([TEXT] * 3),
                                          content_type="text/csv")) for _ in range(2))
    assert first == second
    assert first["data"].count("\n") == 3


def perturbed(text: str) -> list[str]:
    """The text with each of its words left out in turn, as Kernel SHAP asks about a text."""
    words = text.split(" ")
    return [" ".join(words[:place] + words[place + 1:]) for place in range(len(words))]


@pytest.mark.parametrize(("media", "write"), [
    ("text/csv", quoted), ("application/jsonlines", templated('{"text":$features}'))])
def test_as_many_texts_as_clarify_asks_about_get_a_score_each_in_order(
        client: FlaskClient, media: str, write: Callable[[list[str]], str],
        explained: str) -> None:
    texts = perturbed(explained)
    answer = client.post("/invocations", data=write(texts * 20).encode(), content_type=media,
                         headers={"Accept": "text/csv"})
    alone = [client.post("/invocations", data=quoted([text]), content_type="text/csv").text
             for text in texts]
    assert answer.status_code == 200
    scores = [float(line) for line in answer.text.splitlines()]
    assert scores == pytest.approx([float(score) for score in alone] * 20, abs=3e-6)


@pytest.mark.parametrize("algorithm", ["sentiment"], indirect=True)
@pytest.mark.parametrize("key", ["text", "features", "myfeatures"])
def test_the_keys_of_clarifys_own_examples_are_read(client: FlaskClient, key: str) -> None:
    texts = perturbed(TEXT)
    answers = [client.post("/invocations", data=body.encode(), content_type=media, headers={
        "Accept": "text/csv"}).text for body, media in [
            (templated(f'{{"{key}":$features}}')(texts), "application/jsonlines"),
            (quoted(texts), "text/csv")]]
    assert answers[0] == answers[1]
    assert answers[0].count("\n") == len(texts)


@pytest.fixture
def explained(reviews: dict[str, str]) -> str:
    """A review with what is hard to write in CSV."""
    return f'{reviews["positive"][:60]} "Fine", says\nAndré'


def test_label_and_score_are_found_where_clarify_is_told_to_look(
        client: FlaskClient, reviews: dict[str, str]) -> None:
    """`LabelAttribute: label` and `ProbabilityAttribute: probability` in JSON Lines."""
    body = templated('{"text":$features}')([reviews["positive"], reviews["negative"]])
    answer = client.post("/invocations", data=body, content_type="application/jsonlines")
    lines = [json.loads(line) for line in answer.text.splitlines()]
    assert [line["label"] for line in lines] == ["positive", "negative"]
    assert all(isinstance(line["probability"], float) for line in lines)
