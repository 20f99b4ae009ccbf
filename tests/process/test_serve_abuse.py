"""Clients that stall, and clients that do not speak HTTP."""

from __future__ import annotations

import http.client
import json
import signal
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest

from contract.serving.worker import SILENT_SECONDS
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


def test_a_client_that_says_nothing_for_a_while_is_answered_when_it_asks(server: Server) -> None:
    with send(server, NOTHING) as connection:
        time.sleep(2 * SILENT_SECONDS)  # it waits without a thread by now
        for _ in range(2):
            connection.sendall(b"GET /ping HTTP/1.1\r\nHost: x\r\n\r\n")
            response = http.client.HTTPResponse(connection)
            response.begin()
            assert (response.status, response.read()) == (200, b"")


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


def answers(connection: socket.socket, count: int) -> list[int]:
    """The statuses of so many answers, or fewer if the connection ends before."""
    stream = connection.makefile("rb")
    found: list[int] = []
    while len(found) < count and (line := stream.readline()):
        found.append(int(line.split()[1]))
        length = 0
        while (header := stream.readline()) not in (b"\r\n", b""):
            if header.lower().startswith(b"content-length:"):
                length = int(header.split(b":")[1])
        stream.read(length)
    return found


def test_what_follows_a_damaged_body_is_taken_for_no_request(server: Server) -> None:
    damaged = (b"POST /invocations HTTP/1.1\r\nHost: x\r\nContent-Type: text/plain\r\n"
               b"Transfer-Encoding: chunked\r\n\r\n4\r\nFineXX")
    with send(server, damaged) as connection:
        assert answers(connection, 1) == [400]
        with suppress(OSError):
            connection.sendall(b"GET /metrics?SMUGGLED HTTP/1.1\r\nHost: x\r\n\r\n")
        with suppress(ConnectionError):
            assert connection.recv(1000) == b""


def test_requests_that_come_in_one_piece_are_all_answered(server: Server) -> None:
    ping = b"GET /ping HTTP/1.1\r\nHost: x\r\n\r\n"
    review = (b"POST /invocations HTTP/1.1\r\nHost: x\r\nContent-Type: text/plain\r\n"
              b"Content-Length: 4\r\n\r\nFine")
    with send(server, ping + review + ping + b"GET /nowhere HTTP/1.1\r\nHost: x\r\n\r\n" + ping
              ) as connection:
        assert answers(connection, 5) == [200, 200, 200, 404, 200]
        connection.sendall(ping)
        assert answers(connection, 1) == [200]


@pytest.mark.parametrize(("path", "headers", "status"), [
    ("/invocations", {"Content-Encoding": "gzip"}, 400),
    ("/invocation", {}, 404), ("/ping", {}, 405),
    ("/invocations", {"Content-Type": "image/png"}, 415),
])
def test_a_client_that_sends_a_long_body_in_vain_can_read_why(
        server: Server, path: str, headers: dict[str, str], status: int) -> None:
    connection = server.connect()
    connection.request("POST", path, b"no gzip at all" * 2_000_000, headers)
    answer = connection.getresponse()
    assert (answer.status, json.loads(answer.read())["error"]["code"]) == (status, status)
    connection.request("GET", "/ping")
    assert connection.getresponse().status == 200
    connection.close()


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
