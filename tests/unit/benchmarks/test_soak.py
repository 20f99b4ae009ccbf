"""The callers of the soak note what becomes of their requests, and a broken promise is named."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Thread

import pytest

from benchmarks.callers import LOST, NOT_TAKEN, Account, Request, crowd, mixed
from benchmarks.soak import Phase, slope, table
from executables import PATIENCE

REVIEW = Request("text/plain", b"Fine")


@contextmanager
def answering(answer: bytes) -> Iterator[int]:
    """A server for one connection: whatever it is asked, it says `answer` once and leaves."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(PATIENCE)

        def serve() -> None:
            connection, _ = listener.accept()
            with connection, listener:
                connection.recv(10_000)
                connection.sendall(answer)

        thread = Thread(target=serve)
        thread.start()
        try:
            yield listener.getsockname()[1]
        finally:
            thread.join()


@pytest.mark.parametrize(("answer", "status", "wrong", "hints"), [
    (b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n1", 200, 0, 0),
    (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n10", 200, 1, 0),
    (b"HTTP/1.1 503 Busy\r\nRetry-After: 1\r\nContent-Length: 0\r\n\r\n", 503, 0, 1),
    (b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n1", LOST, 0, 0),
    (b"", LOST, 0, 0),
])
def test_what_became_of_a_request_is_noted(answer: bytes, status: int, wrong: int,
                                           hints: int) -> None:
    account = Account()
    with answering(answer) as port:
        asyncio.run(crowd(port, [REVIEW], 1, 60, account))
    assert account.counts[status] == 1
    assert (account.wrong, account.hints) == (wrong, hints)
    assert account.counts[NOT_TAKEN] == 1, "a caller who is refused leaves"


@pytest.mark.parametrize(("request_", "answer", "good"), [
    (REVIEW, b"1", True),
    (REVIEW, b"0.93", False),
    (Request("text/csv", b"", 2), b"0.9\n0.1\n", True),
    (Request("application/jsonlines", b"", 2), b'{"probability": 1}\n', False),
])
def test_an_answer_has_a_prediction_for_each_record(request_: Request, answer: bytes,
                                                    good: bool) -> None:
    assert request_.is_answer(answer) is good


def test_the_mixed_requests_are_of_every_size() -> None:
    sizes = {request.records for request in mixed()}
    assert {1, 20, 200} <= sizes


def test_a_promise_that_is_broken_is_named() -> None:
    phase = Phase("load", 1.0)
    for status in (200, 500, LOST):
        phase.account.add(status, 0.1)
    phase.account.wrong = 2
    phase.pings = [0.1, None]
    phase.expect(200)
    assert phase.broken == ["1 requests with status 500", "1 requests with status 0",
                            "2 answers of another length", "1 pings without an answer"]


def test_a_phase_is_a_row_of_its_figures() -> None:
    phase = Phase("load", 2.0, pings=[0.001, 0.002])
    for seconds in (0.01, 0.02, 0.03):
        phase.account.add(200, seconds)
    row = table([phase]).splitlines()[2]
    assert row == "| load | 2 | 3 | 1.5 | 20 | 30 | 0 |  | 0 | 1 | 2 | 2 |"


@pytest.mark.parametrize(("grows", "expected"), [(0.0, 0.0), (0.5, 1800.0)])
def test_the_slope_is_that_of_the_later_half(grows: float, expected: float) -> None:
    early = [(float(second), 50.0 + 10 * second) for second in range(20)]
    late = [(20.0 + second, 300 + grows * second) for second in range(20)]
    assert slope(early + late) == pytest.approx(expected)
