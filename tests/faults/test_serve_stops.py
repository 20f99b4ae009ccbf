"""A server that is told to stop under load answers whatever it has accepted.

gunicorn alone loses some: those on connections that it has just promised to keep, and those that
wait to be accepted.
"""

from __future__ import annotations

import asyncio
import http.client
import os
import signal
import socket
from collections.abc import Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path

import pytest

from benchmarks.callers import NOT_TAKEN, Account, mixed
from benchmarks.faults import stopped
from executables import PATIENCE, Server, serving

SOON = 15
"""Seconds; left alone, gunicorn would use up its grace of 20."""
WAITING = 300

PLAIN = b"POST /invocations HTTP/1.1\r\nHost: x\r\nContent-Type: text/plain\r\n"
WHOLE = PLAIN + b"Content-Length: 4\r\n\r\nFine"
TO_BE_CONTINUED = PLAIN + b"Content-Length: 4\r\nExpect: 100-continue\r\n\r\n"


@pytest.fixture
def server(small_model: Path, tmp_path: Path) -> Iterator[Server]:
    with serving(small_model, tmp_path / "log", SAGEMAKER_MODEL_SERVER_WORKERS="1",
                 SAGEMAKER_MODEL_JOB_QUEUE_SIZE="1000") as started:
        yield started.wait_until_ready()


def connect(server: Server) -> socket.socket:
    return socket.create_connection(("127.0.0.1", server.port), PATIENCE)


def stop(server: Server) -> None:
    server.send(signal.SIGTERM)
    server.wait_for("Handling signal: term")


@pytest.mark.parametrize("workers", ["1", "2", "2"])
def test_every_request_of_a_crowd_is_answered(small_model: Path, tmp_path: Path,
                                              workers: str) -> None:
    account = Account()
    with serving(small_model, tmp_path / "log", SAGEMAKER_MODEL_SERVER_WORKERS=workers) as server:
        server.wait_until_ready()
        asyncio.run(stopped(server.port, partial(server.send, signal.SIGTERM), mixed(), 16,
                            account))
        assert server.process.wait(25) == 0
    assert set(account.counts) <= {200, 503, NOT_TAKEN}
    assert account.counts[NOT_TAKEN] == 16


def test_a_connection_that_was_promised_to_be_kept_is_good_for_another_request(
        server: Server) -> None:
    with connect(server) as connection:
        connection.sendall(TO_BE_CONTINUED)
        assert connection.recv(1000) == b"HTTP/1.1 100 Continue\r\n\r\n"  # now a worker has it
        stop(server)
        answers = []
        for sent in (b"Fine", WHOLE):
            connection.sendall(sent)
            answer = http.client.HTTPResponse(connection)
            answer.begin()
            answers.append((answer.status, answer.headers["Connection"]))
            assert answer.read() in (b"0", b"1")
    assert answers == [(200, "keep-alive"), (200, "close")]
    assert server.process.wait(25) == 0


def test_requests_that_wait_to_be_accepted_are_answered(server: Server) -> None:
    worker, = server.workers()
    os.kill(worker, signal.SIGSTOP)
    with ExitStack() as stack:
        waiting = [stack.enter_context(connect(server)) for _ in range(WAITING)]
        for connection in waiting:
            connection.sendall(WHOLE)
        stop(server)
        os.kill(worker, signal.SIGCONT)
        heads = [stack.enter_context(connection.makefile("rb")).readline()
                 for connection in waiting]
    assert heads == [b"HTTP/1.1 200 OK\r\n"] * WAITING
    assert server.process.wait(25) == 0


def test_a_client_that_never_asks_does_not_hold_up_the_end(server: Server) -> None:
    with connect(server) as silent:
        server.ask("GET", "/ping")  # so that the silent one is accepted
        server.send(signal.SIGTERM)
        assert server.process.wait(SOON) == 0
        assert silent.recv(1) == b""


def test_a_client_that_asks_only_after_the_stop_signal_is_answered(server: Server) -> None:
    with connect(server) as connection:
        server.ask("GET", "/ping")
        stop(server)
        connection.sendall(WHOLE)
        assert connection.makefile("rb").readline() == b"HTTP/1.1 200 OK\r\n"
    assert server.process.wait(25) == 0
