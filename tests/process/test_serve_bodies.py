"""Long bodies over real HTTP: what they cost in memory, and what they cost the others."""

from __future__ import annotations

import json
import select
import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import pytest

from executables import PATIENCE, Server, serving, until

MEGABYTE = 1024 * 1024
MORE_MEMORY = 24 * MEGABYTE
"""What a server may take beyond what it had, for a body of twice that and its answer."""

DRIPPING = 60
"""Clients; more than a worker has places in its queue."""


@pytest.fixture(scope="module")
def server(small_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    output = tmp_path_factory.mktemp("bodies") / "log"
    with serving(small_model, output, SAGEMAKER_MODEL_SERVER_WORKERS="1",
                 SAGEMAKER_MODEL_SERVER_TIMEOUT="600") as started:
        yield started.wait_until_ready()


def peak(server: Server) -> int:
    """The most memory that the worker has ever had, in bytes."""
    status = Path(f"/proc/{server.workers()[-1]}/status")
    if not status.is_file():
        pytest.skip("no /proc on this system")
    return next(int(line.split()[1]) * 1024 for line in status.read_text().splitlines()
                if line.startswith("VmHWM"))


def lines(number: int, length: int) -> Iterator[bytes]:
    """JSON Lines in pieces of a hundred; every hundredth line is bad."""
    text = json.dumps("A fine film, and worth your time. " * (length // 34)).encode() + b"\n"
    for _ in range(number // 100):
        yield text * 99 + b"{\n"


@pytest.mark.parametrize("chunked", [True, False])
def test_a_body_of_fifty_megabytes_does_not_fill_the_memory(server: Server,
                                                                chunked: bool) -> None:
    number, length = 600, 85_000
    before = peak(server)
    body = lines(number, length)
    answer = server.predict(body if chunked else b"".join(body), "application/jsonlines")
    answers = [json.loads(line) for line in answer.body.splitlines()]
    assert answer.status == 200
    assert ["error" in one for one in answers] == [place % 100 == 99 for place in range(number)]
    assert peak(server) - before < MORE_MEMORY


def test_an_answer_of_many_megabytes_is_whole(server: Server) -> None:
    number = 60_000
    answer = server.predict(b"{\n" * number + b'"Fine"\n', "application/jsonlines")
    assert answer.status == 200
    assert len(answer.body) == int(answer.headers["Content-Length"]) > 6 * MEGABYTE
    assert answer.body.count(b"\n") == number + 1


def test_others_are_answered_while_a_long_body_is_predicted(server: Server) -> None:
    body = b"".join(lines(8_000, 1000))
    with ThreadPoolExecutor(1) as pool:
        long = pool.submit(server.predict, body, "application/jsonlines")
        meanwhile = 0
        while not long.done():
            assert server.ask("GET", "/ping").status == 200
            assert server.predict(b"Fine", "text/plain").status == 200
            meanwhile += 1
        assert meanwhile > 1
        assert long.result().status == 200


def test_a_long_body_that_is_cut_off_leaves_no_file(server: Server) -> None:
    descriptors = Path(f"/proc/{server.workers()[-1]}/fd")
    if not descriptors.is_dir():
        pytest.skip("no /proc on this system")
    with socket.create_connection(("127.0.0.1", server.port), PATIENCE) as connection:
        connection.sendall(b"POST /invocations HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999\r\n"
                           b"Content-Type: application/jsonlines\r\n\r\n" + b"{\n" * 5_000_000)
        connection.shutdown(socket.SHUT_WR)
        assert connection.makefile("rb").read().startswith(b"HTTP/1.1 400 ")
    until(lambda: not any("/tmp/" in str(link.readlink()) and "deleted" in str(link.readlink())
                          and "wgunicorn" not in str(link.readlink())
                          for link in descriptors.iterdir() if link.is_symlink()),
          "a file is still open")


def test_without_a_place_for_files_long_bodies_are_507_and_short_ones_answered(
        small_model: Path, tmp_path: Path) -> None:
    with serving(small_model, tmp_path / "log", TMPDIR=str(tmp_path / "missing")) as server:
        server.wait_until_ready()
        answer = server.predict(b"{\n" * 5_000_000, "application/jsonlines")
        assert (answer.status, answer.json()["error"]["code"]) == (507, 507)
        assert server.predict(b"Fine", "text/plain").status == 200


@pytest.mark.parametrize("head", [
    b"POST /invocations HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n",
    b"POST /invocations HTTP/1.1\r\nX-Long: "])
def test_clients_that_send_drop_by_drop_cost_the_others_nothing_and_are_given_up(
        server: Server, head: bytes) -> None:
    with ExitStack() as stack:
        dripping = [stack.enter_context(socket.create_connection(("127.0.0.1", server.port),
                                                                 PATIENCE))
                    for _ in range(DRIPPING)]
        for connection in dripping:
            connection.sendall(head)
        answers: list[bytes] = []
        end = time.monotonic() + PATIENCE
        while dripping:
            assert time.monotonic() < end, f"{len(dripping)} clients are still listened to"
            answered = select.select(dripping, [], [], 0.5)[0]
            for connection in answered:
                answers.append(connection.recv(1000))
                dripping.remove(connection)
            for connection in dripping:
                connection.sendall(b"a")
            assert server.ask("GET", "/ping").status == 200
            assert server.predict(b"Fine", "text/plain").status == 200
    if head.endswith(b"\r\n\r\n"):
        assert all(answer.startswith(b"HTTP/1.1 408 ") for answer in answers)
