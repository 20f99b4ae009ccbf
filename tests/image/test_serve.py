"""`docker run IMAGE serve` as the platform runs it: answers, settings, stop."""

from __future__ import annotations

import asyncio
import json
import socket
import threading
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from benchmarks.callers import NOT_TAKEN, Account, mixed
from benchmarks.faults import stopped
from executables import free_port
from image.engine import (
    HARDENED,
    ONE_PROCESSOR,
    PATIENCE,
    Container,
    Image,
    environment,
    mount,
    request,
    wait_for,
)

PAYLOADS = Path(__file__).resolve().parents[2] / "local_test" / "payloads"

# File, content type, number of answers.
CASES = [
    ("review.txt", "text/plain", 1),
    ("review.txt", "text/plain; charset=utf-8", 1),
    ("review.json", "application/json", 1),
    ("reviews.json", "application/json", 3),
    ("explain.json", "application/json", 1),
    ("reviews.jsonl", "application/jsonlines", 2),
    ("reviews.jsonl", "application/x-jsonlines", 2),
    ("reviews.jsonl", "application/x-ndjson", 2),
    ("reviews.csv", "text/csv", 2),
    ("encoded.csv", "text/csv", 2),
]

# Run inside, where no network leads to: POST the arguments and print the answer.
ASK_INSIDE = """
import sys, urllib.request
call = urllib.request.Request("http://127.0.0.1:8080/invocations", sys.argv[1].encode(),
                              {"Content-Type": sys.argv[2]})
print(urllib.request.urlopen(call, timeout=60).read().decode())
"""


def _settings(log: str) -> dict[str, Any]:
    """The server's one line about its settings."""
    lines = [json.loads(line) for line in log.splitlines() if '"workers"' in line]
    found: dict[str, Any] = lines[0]
    return found


def _answers(body: bytes, content_type: str) -> list[Any]:
    """One value per record: a probability, or the label in plain text."""
    text = body.decode()
    if content_type.startswith("application/json") and not content_type.endswith("lines"):
        value = json.loads(text)
        return [row["probability"] for row in value.get("predictions", [value])]
    if "json" in content_type:
        return [json.loads(line)["probability"] for line in text.splitlines()]
    return [float(line) for line in text.splitlines()]


def test_ping_is_healthy_and_empty(server: Container) -> None:
    answer = server.ping()
    assert answer.status == 200
    assert answer.body == b""


@pytest.mark.parametrize(("name", "content_type", "count"), CASES)
def test_every_sample_payload_is_answered(
        server: Container, name: str, content_type: str, count: int) -> None:
    answer = server.invocations((PAYLOADS / name).read_bytes(), content_type)
    assert answer.status == 200, answer
    assert answer.content_type == content_type.partition(";")[0]
    answers = _answers(answer.body, content_type)
    assert len(answers) == count
    assert all(0 <= value <= 1 for value in answers)


def test_the_cases_are_all_the_payloads() -> None:
    assert {name for name, _, _ in CASES} == {path.name for path in PAYLOADS.iterdir()}


def test_an_explanation_names_words_by_their_place(server: Container) -> None:
    sent = (PAYLOADS / "explain.json").read_bytes()
    words = json.loads(server.invocations(sent, "application/json").body)["words"]
    text = json.loads(sent)["text"]
    assert [text[word["start"]:word["end"]] for word in words][:2] == ["A", "graceful"]


def test_the_log_holds_no_review_and_no_ping(server: Container) -> None:
    server.ping()
    server.invocations(b"An unmistakable sentence.", "text/plain")
    log = server.wait_for_log('"reviews"')
    assert "unmistakable" not in log
    assert "/ping" not in log


def test_any_user_can_serve_on_a_read_only_root_without_network(image: Image, model: Path) -> None:
    options = [*HARDENED, *mount(model, "/opt/ml/model", "ro")]
    with image.start("serve", options=options) as server:
        server.wait_for_log("worker ready")
        asked = server.execute("python3", "-c", ASK_INSIDE, "A fine film.", "text/plain")
        assert asked.out.strip() in ("0", "1"), asked
        assert server.stop(30) == 0


def test_one_processor_means_one_worker(image: Image, model: Path) -> None:
    with image.serve(model, options=ONE_PROCESSOR) as server:
        server.wait_until_ready()
        settings = _settings(server.logs())
    assert settings["workers"] == 1
    assert settings["threads_per_worker"] == 1


def test_in_batch_there_is_one_line_for_each_line(image: Image, model: Path) -> None:
    with image.serve(model, options=environment({"SAGEMAKER_BATCH": "true"})) as server:
        server.wait_until_ready()
        answer = server.invocations(b"A fine film.\n\nA dull film.\n", "text/plain")
        asked = request(f"{server.address()}/execution-parameters")
    lines = answer.body.decode().splitlines()
    assert lines[1] == "ERROR"
    assert {lines[0], lines[2]} <= {"0", "1"}
    assert json.loads(asked.body)["BatchStrategy"] == "MULTI_RECORD"


def test_the_platform_chooses_the_port(image: Image, model: Path) -> None:
    options = environment({"SAGEMAKER_BIND_TO_PORT": "9099"})
    with image.serve(model, options=options, port=9099) as server:
        server.wait_until_ready(9099)
        assert _settings(server.logs())["port"] == 9099


def test_without_a_model_it_ends_with_one_clear_line(image: Image, tmp_path: Path) -> None:
    done = image.run("serve", options=mount(tmp_path, "/opt/ml/model", "ro"))
    assert done.status == 1
    lines = [line for line in (done.out + done.err).splitlines() if "no model" in line]
    assert len(lines) == 1
    assert "Traceback" not in done.out + done.err


def _open_request(address: str, body: bytes) -> socket.socket:
    """Send the head of a request, and return once the server has taken it up."""
    parts = urlsplit(address)
    connection = socket.create_connection((parts.hostname, parts.port), timeout=PATIENCE)
    connection.sendall(b"POST /invocations HTTP/1.1\r\nHost: test\r\nContent-Type: text/plain\r\n"
                       b"Expect: 100-continue\r\nConnection: close\r\n"
                       b"Content-Length: %d\r\n\r\n" % len(body))
    assert connection.recv(1000).startswith(b"HTTP/1.1 100 Continue")
    return connection


def test_docker_stop_lets_a_request_in_flight_finish(image: Image, model: Path) -> None:
    body = b"A fine film, and well worth your time."
    with image.serve(model) as server:
        server.wait_until_ready()
        statuses: list[int] = []
        stopping = threading.Thread(target=lambda: statuses.append(server.stop(60)))
        with _open_request(server.address(), body) as connection:
            stopping.start()
            server.wait_for_log("Handling signal: term")
            connection.sendall(body)
            answer = b"".join(iter(lambda: connection.recv(65536), b""))
        stopping.join(PATIENCE)
    assert answer.startswith(b"HTTP/1.1 200 OK")
    assert answer[-1:] in (b"0", b"1")
    assert statuses == [0]


def test_a_crowd_loses_nothing_when_the_container_is_stopped(image: Image, model: Path) -> None:
    """A container has fewer rights than a process of ours, and closes its door all the same."""
    port, account = free_port(), Account()
    options = [*mount(model, "/opt/ml/model", "ro"), "--network=host",
               *environment({"SAGEMAKER_BIND_TO_PORT": str(port)})]
    with image.start("serve", options=options) as server:
        wait_for(lambda: request(f"http://127.0.0.1:{port}/ping").status == 200, "/ping", server)
        asyncio.run(stopped(port, lambda: server.signal("TERM"), mixed(), 16, account))
        assert server.status() == 0
    assert set(account.counts) <= {200, 503, NOT_TAKEN}
    assert account.counts[NOT_TAKEN] == 16
