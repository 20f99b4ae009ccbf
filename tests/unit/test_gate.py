from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from contract.errors import RequestError
from contract.serving.gate import Deadline, Gate

PATIENCE = 10.0


@contextmanager
def inside(gate: Gate) -> Iterator[threading.Event]:
    """Another thread that holds a slot until the event is set."""
    entered, leave = threading.Event(), threading.Event()

    def hold() -> None:
        with gate.enter(Deadline(PATIENCE)):
            entered.set()
            leave.wait(PATIENCE)

    thread = threading.Thread(target=hold)
    thread.start()
    try:
        assert entered.wait(PATIENCE)
        yield leave
    finally:
        leave.set()
        thread.join()


def test_before_the_deadline_nothing_happens() -> None:
    deadline = Deadline(PATIENCE)
    deadline.check()
    assert 0 < deadline.left <= PATIENCE


def test_after_the_deadline_a_check_answers_504() -> None:
    with pytest.raises(RequestError, match="fewer records") as raised:
        Deadline(0).check()
    assert raised.value.status == 504


def test_a_free_slot_is_entered_again_and_again() -> None:
    gate = Gate(slots=1, queue=0)
    for _ in range(3):
        with gate.enter(Deadline(PATIENCE)):
            pass


def test_beyond_the_queue_a_request_is_sent_away_at_once() -> None:
    gate = Gate(slots=1, queue=0)
    with inside(gate), pytest.raises(RequestError, match="too many") as raised:
        gate.enter(Deadline(PATIENCE)).__enter__()
    assert (raised.value.status, raised.value.retry_after) == (503, 1)


def test_a_wait_beyond_the_deadline_is_given_up() -> None:
    gate = Gate(slots=1, queue=1)
    with inside(gate), pytest.raises(RequestError, match="in time") as raised:
        gate.enter(Deadline(0.01)).__enter__()
    assert (raised.value.status, raised.value.retry_after) == (503, 1)


def test_who_waits_enters_when_a_slot_becomes_free() -> None:
    gate = Gate(slots=1, queue=1)
    with inside(gate) as leave:
        threading.Timer(0.05, leave.set).start()
        with gate.enter(Deadline(PATIENCE)):
            assert leave.is_set()


def test_as_many_as_there_are_slots_are_inside_at_once() -> None:
    gate = Gate(slots=2, queue=0)
    with inside(gate), inside(gate), pytest.raises(RequestError):
        gate.enter(Deadline(PATIENCE)).__enter__()


def test_places_come_back_after_errors_and_refusals() -> None:
    gate = Gate(slots=1, queue=1)
    for _ in range(3):
        with pytest.raises(ZeroDivisionError), gate.enter(Deadline(PATIENCE)):
            raise ZeroDivisionError
        with inside(gate), pytest.raises(RequestError, match="in time"):
            gate.enter(Deadline(0)).__enter__()
    with gate.enter(Deadline(PATIENCE)):
        pass


def test_never_more_inside_than_slots_under_a_crowd() -> None:
    gate = Gate(slots=2, queue=100)
    now = most = 0
    lock = threading.Lock()

    def visit() -> None:
        nonlocal now, most
        for _ in range(50):
            with gate.enter(Deadline(PATIENCE)):
                with lock:
                    now += 1
                    most = max(most, now)
                with lock:
                    now -= 1

    threads = [threading.Thread(target=visit) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE)
    assert now == 0
    assert 1 <= most <= 2
