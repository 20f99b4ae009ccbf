"""Clients that stall, and clients that do not speak HTTP."""

from __future__ import annotations

import http.client
import json
import signal
import socket
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from executables import PATIENCE, Server, serving

STALLED = 60
"""More connections than a worker has places in its queue."""

HALF_A_BODY = b"POST /invocations HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\nabc"
HALF_A_HEAD = b"POST /invocations HTTP/1.1\r\nHos"
NOTHING = b""
LAST = b"GET /ping HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
"""After its answer the client is to close, and does not."""


@pytest.fixture(scope="module")
def server(small_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    log = tmp_path_factory.mktemp("abuse") / "log"
    with serving(small_model, log, SAGEMAKER_MODEL_SERVER_WORKERS="1") as started:
        yield started.wait_until_ready()


def send(server: Server, request: bytes) -> socket.socket:
    connection = socket.create_connection(("127.0.0.1", server.port), PATIENCE)
    connection.sendall(request)
    return connection


@pytest.mark.parametrize("sent", [HALF_A_BODY, HALF_A_HEAD, NOTHING, LAST])
def test_stalled_clients_do_not_keep_a_ping_from_its_answer(server: Server, sent: bytes) -> None:
    with ExitStack() as stalled:
        for _ in range(STALLED):
            stalled.enter_context(send(server, sent))
        assert server.ask("GET", "/ping").status == 200
        assert server.predict(b"A fine film", "text/plain").status == 200


def test_a_client_whose_body_stops_coming_is_told_so(server: Server) -> None:
    with send(server, HALF_A_BODY) as connection:
        response = http.client.HTTPResponse(connection)
        response.begin()
        error = json.loads(response.read())["error"]
    assert (response.status, error["code"]) == (408, 408)
    assert "stopped coming" in error["message"]


@pytest.mark.parametrize(("request_", "status"), [
    (b"this SECRET is no HTTP\r\n\r\n", 400),
    (b"GET /ping HTTP/1.1\r\nHost: x\r\nContent-Length: -SECRET\r\n\r\n", 400),
    (b"GET /ping HTTP/1.1\r\nHost: x\r\nX-SECRET: " + b"y" * 20_000 + b"\r\n\r\n", 431),
    (b"GET /SECRET" + b"y" * 9_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n", 414),
    (b"GET /ping HTTP/1.1\r\nHost: x\r\nExpect: SECRET\r\n\r\n", 417),
    (b"POST /ping HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: SECRET\r\n\r\n", 501),
])
def test_what_is_no_http_is_refused_in_json_and_repeated_nowhere(server: Server, request_: bytes,
                                                                 status: int) -> None:
    with send(server, request_) as connection:
        answer = connection.makefile("rb").read()
    head, _, body = answer.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 %d " % status)
    assert json.loads(body)["error"]["code"] == status
    assert b"SECRET" not in answer
    assert "SECRET" not in server.log


def test_stalled_clients_do_not_hold_up_the_end(small_model: Path, tmp_path: Path) -> None:
    with serving(small_model, tmp_path / "log") as server:
        server.wait_until_ready()
        with send(server, HALF_A_BODY):
            server.send(signal.SIGTERM)
            assert server.process.wait(25) == 0


def test_after_a_stop_signal_new_connections_are_refused(small_model: Path,
                                                         tmp_path: Path) -> None:
    with serving(small_model, tmp_path / "log") as server:
        server.wait_until_ready()
        with send(server, HALF_A_BODY) as busy:
            server.ask("GET", "/ping")
            server.send(signal.SIGTERM)
            server.wait_for("Handling signal: term")
            refused = False
            while not refused and server.process.poll() is None:
                try:
                    send(server, NOTHING).close()
                except OSError:
                    refused = True
            assert refused
            assert server.process.poll() is None
            busy.close()
        assert server.process.wait(25) == 0
