"""Memory that requests share: who is short goes through, who is large waits for the others."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from contract.errors import RequestError
from contract.serving.gate import Deadline
from contract.serving.room import Room
from executables import PATIENCE


def test_as_much_can_be_taken_as_there_is() -> None:
    room = Room(10)
    assert [room.take(6), room.take(5), room.take(4)] == [True, False, True]
    room.give_back(6)
    assert room.take(6)


def test_who_finds_nobody_there_may_have_more_than_there_is() -> None:
    with Room(10).held(1000, Deadline(PATIENCE)):
        pass


def test_who_finds_too_little_waits_for_the_others() -> None:
    room, entered = Room(10), threading.Event()

    def large() -> None:
        with room.held(8, Deadline(PATIENCE)):
            entered.set()

    with ThreadPoolExecutor(1) as pool:
        with room.held(8, Deadline(PATIENCE)):
            waiting = pool.submit(large)
            time.sleep(0.05)
            assert not entered.is_set()
        waiting.result(PATIENCE)
    assert entered.is_set()


def test_who_waits_beyond_the_deadline_is_told_to_come_back() -> None:
    room = Room(10)
    with room.held(8, Deadline(PATIENCE)), \
            pytest.raises(RequestError, match="try again") as raised, \
            room.held(8, Deadline(0.05)):
        pytest.fail("there was no room")
    assert (raised.value.status, raised.value.retry_after) == (503, 1)


def test_what_is_held_is_given_back_also_after_an_error() -> None:
    room = Room(10)
    with pytest.raises(ZeroDivisionError), room.held(10, Deadline(PATIENCE)):
        raise ZeroDivisionError
    assert room.take(10)
