"""The whole chain: recorded event, handler, botocore, stand-in, and a real `serve`."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import runtime_standin
from executables import Server, serving
from proxying import ENDPOINT, SHAPES, call, make_event, recorded, review
from runtime_standin import Runtime


@pytest.fixture(scope="module")
def server(small_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    output = tmp_path_factory.mktemp("served") / "serve.log"
    with serving(small_model, output, SAGEMAKER_MODEL_SERVER_WORKERS="1") as started:
        yield started.wait_until_ready()


@pytest.fixture(scope="module")
def real_runtime(server: Server) -> Iterator[Runtime]:
    containers = {ENDPOINT: f"http://127.0.0.1:{server.port}", "gone": "http://127.0.0.1:1"}
    with runtime_standin.running(containers) as runtime:
        yield runtime


@pytest.fixture(autouse=True)
def behind_it(real_runtime: Runtime, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_SAGEMAKER_RUNTIME", real_runtime.url)
    real_runtime.seen.clear()


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize(("liked", "answer"), [("positive", "1"), ("negative", "0")])
def test_the_course_projects_page_works_unchanged(
    liked: str, answer: str, shape: str, reviews: dict[str, str]
) -> None:
    # What a browser sends for a string, and what `parseFloat(responseText)` reads.
    reply = call(make_event(reviews[liked], "text/plain;charset=UTF-8", shape))
    assert (reply.status, reply.body) == (200, answer)
    assert reply.headers["content-type"] == "text/plain"


@pytest.mark.parametrize("shape", SHAPES)
def test_a_recorded_event_gets_an_answer_of_the_model(shape: str) -> None:
    reply = call(recorded(shape))
    assert reply.status == 200
    assert reply.headers["content-type"] == "application/json"
    assert 0 < reply.json()["probability"] < 1


def test_an_explanation_comes_back(reviews: dict[str, str]) -> None:
    text = reviews["positive"]
    answer = call(make_event(json.dumps({"text": text, "explain": True}))).json()
    assert answer["label"] == "positive"
    marked = [text[word["start"]:word["end"]] for word in answer["words"]]
    assert marked
    assert all(word.split() == [word] for word in marked)


@pytest.mark.parametrize("wrap", [
    lambda texts: texts,
    lambda texts: {"instances": texts},
    lambda texts: {"instances": [{"text": text} for text in texts], "explain": False},
], ids=["list", "instances", "objects"])
def test_many_reviews_are_answered_in_order(
    wrap: Callable[[list[str]], Any], reviews: dict[str, str]
) -> None:
    texts = [reviews["negative"], reviews["positive"], reviews["negative"]]
    answer = call(make_event(json.dumps(wrap(texts)).encode())).json()
    assert [one["label"] for one in answer["predictions"]] == ["negative", "positive", "negative"]
    assert answer["counts"] == {"positive": 1, "negative": 2}


def test_the_request_id_is_in_the_containers_log(server: Server) -> None:
    event = review()
    event["requestContext"]["requestId"] = "follow-me"
    assert call(event).headers["x-request-id"] == "follow-me"
    assert "follow-me" in [entry.get("request_id") for entry in server.entries()]


def test_a_refusal_of_the_container_reaches_the_caller_in_its_words() -> None:
    reply = call(make_event('{"text": "Fine.", "explain": "yes"}'))
    assert reply.status == 400
    assert "true or false" in reply.message


def test_an_endpoint_that_is_not_deployed_is_unavailable(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("ENDPOINT_NAME", "forgotten")
    assert call(review()).status == 503
    assert "Endpoint forgotten of account" in capsys.readouterr().out


def test_a_container_that_does_not_answer_is_a_timeout(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ENDPOINT_NAME", "gone")
    assert call(review()).status == 504
