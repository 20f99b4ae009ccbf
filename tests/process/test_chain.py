"""The whole chain over real HTTP: gateway, handler, boto3, runtime stand-in, `serve`."""

from __future__ import annotations

import http.client
import json
import re
import signal
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

import gateway
import runtime_standin
from executables import PATIENCE, Answer, Program, Server, running, serving
from http_events import SHAPES, Request, make_event
from runtime_standin import Fault

STRING = "text/plain;charset=UTF-8"
"""What a browser says of a string."""


@pytest.fixture(scope="module")
def server(small_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    output = tmp_path_factory.mktemp("served") / "serve.log"
    with serving(small_model, output, SAGEMAKER_MODEL_SERVER_WORKERS="1") as started:
        yield started.wait_until_ready()


def start(shape: str, container: str, output: Path) -> AbstractContextManager[Program]:
    return running(sys.executable, Path(gateway.__file__), "--event", shape, "--port", "0",
                   "--container", container, output=output)


def port_of(program: Program) -> int:
    program.wait_for(" in front of ")
    [port] = re.findall(r"^http://127\.0\.0\.1:(\d+) in", program.log, re.MULTILINE)
    return int(port)


@pytest.fixture(scope="module", params=SHAPES)
def port(request: pytest.FixtureRequest, server: Server,
         tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """Of a gateway for each of the three shapes, a process of its own."""
    output = tmp_path_factory.mktemp("gateway") / "log"
    with start(request.param, f"http://127.0.0.1:{server.port}", output) as program:
        yield port_of(program)


def post(port: int, body: str | bytes, media: str | None = "application/json") -> Answer:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
    content = body.encode() if isinstance(body, str) else body
    try:
        connection.request("POST", "/predict", content,
                           {} if media is None else {"Content-Type": media})
        response = connection.getresponse()
        return Answer(response.status, response.headers, response.read())
    finally:
        connection.close()


@pytest.mark.parametrize(("liked", "number"), [("positive", 1.0), ("negative", 0.0)])
def test_the_course_projects_page_gets_a_number(
    port: int, reviews: dict[str, str], liked: str, number: float
) -> None:
    answer = post(port, reviews[liked], STRING)
    assert (answer.status, answer.headers["content-type"]) == (200, "text/plain")
    assert float(answer.body) == number


def test_a_review_without_a_type_is_taken_for_text(port: int, reviews: dict[str, str]) -> None:
    answer = post(port, reviews["positive"], None)
    assert (answer.status, answer.body) == (200, b"1")


def test_our_page_gets_probability_and_words(port: int, reviews: dict[str, str]) -> None:
    text = "“Très” 🎬 " + reviews["positive"]
    answer = post(port, json.dumps({"text": text, "explain": True}, ensure_ascii=False)).json()
    assert answer["label"] == "positive"
    assert 0.5 < answer["probability"] < 1
    words = [text[word["start"]:word["end"]] for word in answer["words"]]
    assert "".join(words) == "".join(text.split())


def test_many_reviews_are_answered_in_order(port: int, reviews: dict[str, str]) -> None:
    wanted = ["negative", "positive"] * 50
    answer = post(port, json.dumps({"instances": [reviews[one] for one in wanted]})).json()
    assert [one["label"] for one in answer["predictions"]] == wanted
    assert answer["counts"] == {"positive": 50, "negative": 50}


def test_requests_at_the_same_time_get_their_own_answers(
    port: int, reviews: dict[str, str]
) -> None:
    wanted = ["positive", "negative"] * 3
    with ThreadPoolExecutor(len(wanted)) as threads:
        answers = list(threads.map(lambda one: post(port, reviews[one], STRING), wanted))
    assert [answer.body for answer in answers] == [b"1", b"0"] * 3
    assert len({answer.headers["x-request-id"] for answer in answers}) == len(wanted)


@pytest.mark.parametrize(("body", "media", "status", "words"), [
    ("", STRING, 400, "empty"),
    ("{", "application/json", 400, "not JSON"),
    ('{"text": "Fine.", "explain": "yes"}', "application/json", 400, "true or false"),
    ("Fine.", "text/csv", 415, "text/csv"),
    ("x" * 20_001, STRING, 413, "20001 characters"),
    ("x" * 1_000_001, STRING, 413, "1000001 bytes"),
    (json.dumps(["x"] * 101), "application/json", 413, "101 reviews"),
], ids=["empty", "no JSON", "refused by the model", "type", "long", "large", "many"])
def test_what_is_refused_is_refused_in_words(
    port: int, body: str, media: str, status: int, words: str
) -> None:
    answer = post(port, body, media)
    error = answer.json()["error"]
    assert (answer.status, error["code"]) == (status, status)
    assert words in error["message"]


@pytest.mark.parametrize("megabytes", [7, 11])
def test_what_is_too_large_for_the_platform_never_reaches_the_handler(
    port: int, megabytes: int
) -> None:
    answer = post(port, b"x" * (megabytes * 1024 * 1024), STRING)
    assert (answer.status, answer.json()) == (413, {"message": "Request Too Long"})


def test_the_request_id_is_in_the_containers_log(port: int, server: Server) -> None:
    name = post(port, "Fine.", STRING).headers["x-request-id"]
    assert name in [entry.get("request_id") for entry in server.entries()]


def test_a_container_that_does_not_answer_is_a_timeout_as_in_production(tmp_path: Path) -> None:
    with start("http", "http://127.0.0.1:1", tmp_path / "log") as program:
        answer = post(port_of(program), "Fine.", STRING)
    assert answer.status == 504
    assert "did not answer in time" in answer.json()["error"]["message"]


def test_an_interrupt_ends_it(tmp_path: Path, server: Server) -> None:
    with start("http", f"http://127.0.0.1:{server.port}", tmp_path / "log") as program:
        port = port_of(program)
        assert post(port, "Fine.", STRING).status == 200
        program.send(signal.SIGINT)
        assert program.wait() == 0
    assert program.log.endswith("stopped\n")


def test_credentials_of_the_user_are_never_sent(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    file = tmp_path / "credentials"
    file.write_text("[own]\naws_access_key_id = AKIAOWN\naws_secret_access_key = own\n")
    for name, value in {
        "AWS_PROFILE": "own", "AWS_SHARED_CREDENTIALS_FILE": str(file), "AWS_REGION": "eu-west-3",
        "AWS_ACCESS_KEY_ID": "AKIAOWN", "AWS_SECRET_ACCESS_KEY": "own", "AWS_SESSION_TOKEN": "own",
        "AWS_ENDPOINT_URL": "http://127.0.0.1:1", "HTTP_PROXY": "http://127.0.0.1:1",
    }.items():
        monkeypatch.setenv(name, value)
    request = Request("POST", "/predict", "", "HTTP/1.1", [("content-type", STRING)], b"Fine.", "")
    with (
        runtime_standin.running({}) as runtime,
        gateway.make_function(runtime.url) as function,
    ):
        runtime.script.append(Fault(200, raw=b"1"))
        assert function(make_event("http", request))["statusCode"] == 200
    [seen] = runtime.seen
    assert re.search(r" Credential=none/\d+/us-east-1/", seen.headers["Authorization"])
    assert "X-Amz-Security-Token" not in seen.headers
