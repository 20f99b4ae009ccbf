"""Many callers at once: their requests share calls of the model, and none notices the others."""

from __future__ import annotations

import json
import signal
import socket
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

import corpus
from executables import PATIENCE, Server, serving, until

CALLERS = 16

TEXTS = [text for _, text in corpus.reviews(30, seed=5)]
REQUESTS = [(media, json.dumps(value)) for text in TEXTS for media, value in [
    ("application/json", {"text": text}),
    ("application/jsonlines", {"text": text}),
    ("application/json", [text, TEXTS[0]]),
    ("application/json", {"text": text[:40], "explain": True}),
    ("application/json", [text, ""]),
]]

Answers = list[tuple[int, Any]]
"""Status and content."""


@pytest.fixture(scope="module")
def server(small_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    output = tmp_path_factory.mktemp("sharing") / "log"
    with serving(small_model, output, SAGEMAKER_MODEL_SERVER_WORKERS="1",
                 SAGEMAKER_MODEL_JOB_QUEUE_SIZE="64") as started:
        yield started.wait_until_ready()


def ask_all(server: Server, callers: int, number: Callable[[str], Any] = float) -> Answers:
    """The answers to all requests, of so many callers who each keep their connection."""

    def call(caller: int) -> Answers:
        connection = server.connect()
        try:
            answers = []
            for media, body in REQUESTS[caller::callers]:
                connection.request("POST", "/invocations", body, {"Content-Type": media})
                response = connection.getresponse()
                answers.append((response.status, json.loads(response.read(), parse_float=number)))
            return answers
        finally:
            connection.close()

    in_order: list[Any] = [None] * len(REQUESTS)
    with ThreadPoolExecutor(callers) as pool:
        for caller, answers in enumerate(pool.map(call, range(callers))):
            in_order[caller::callers] = answers
    return in_order


def shared(server: Server) -> list[dict[str, Any]]:
    """The log's entries of requests that were not predicted alone."""
    return [entry for entry in server.entries() if entry.get("shared", 0) > entry.get("reviews", 0)]


def test_many_callers_get_the_answers_of_a_lone_one(server: Server) -> None:
    # In company the sums are made in another order, and the sixth digit may be another.
    expected = ask_all(server, 1, lambda raw: pytest.approx(float(raw), abs=3e-6))
    assert not shared(server)

    def share() -> bool:
        assert ask_all(server, CALLERS) == expected
        return bool(shared(server))

    until(share, "no call was shared")


def test_a_crowd_that_is_there_when_the_server_is_told_to_stop_is_answered(
        small_model: Path, tmp_path: Path) -> None:
    with serving(small_model, tmp_path / "log", SAGEMAKER_MODEL_SERVER_WORKERS="1") as server:
        server.wait_until_ready()
        with ExitStack() as stack:
            streams = []
            for _ in range(CALLERS):
                connection = stack.enter_context(
                    socket.create_connection(("127.0.0.1", server.port), PATIENCE))
                connection.sendall(b"POST /invocations HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n"
                                   b"Content-Type: text/plain\r\nExpect: 100-continue\r\n\r\n")
                stream = stack.enter_context(connection.makefile("rwb"))
                assert [stream.readline() for _ in range(2)] == [
                    b"HTTP/1.1 100 Continue\r\n", b"\r\n"]  # now a worker has it
                streams.append(stream)
            server.send(signal.SIGTERM)
            server.wait_for("Handling signal: term")
            for stream in streams:
                stream.write(b"Fine")
                stream.flush()
            assert [stream.readline() for stream in streams] == [b"HTTP/1.1 200 OK\r\n"] * CALLERS
        assert server.process.wait(25) == 0
