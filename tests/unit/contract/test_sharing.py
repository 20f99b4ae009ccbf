"""Requests that share calls of the predictor: who joins whom, and who pays for whose fault."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contract.errors import RequestError
from contract.serving.gate import SHARED, Deadline, Gate, Turn
from crowd import Crowd, Number, Sociable, answers, turn
from executables import PATIENCE, until

ONE, TWO, THREE = Number(1), Number(2), Number(3)
HEAVY = Number(9, weight=SHARED + 1)
BAD = Number(7, fault=ZeroDivisionError())


@pytest.mark.parametrize(("waiting", "calls"), [
    ([[ONE], [TWO], [THREE]], [[1, 2, 3]]),
    ([[ONE, TWO], [THREE]], [[1, 2, 3]]),
    ([[ONE], [HEAVY], [TWO], [THREE]], [[1], [9], [2, 3]]),
    ([[HEAVY], [HEAVY], [ONE], [TWO]], [[9], [9], [1, 2]]),
    ([[Number(1, weight=SHARED - 1)], [TWO], [THREE]], [[1, 2], [3]]),
    ([[Number(1, weight=SHARED)], [TWO], [THREE]], [[1], [2, 3]]),
    ([[ONE], [TWO] * SHARED, [THREE]], [[1], [2] * SHARED, [3]]),
    ([[ONE]] * (SHARED + 2), [[1] * SHARED, [1] * 2]),
], ids=lambda value: str(len(value)))
def test_those_that_wait_share_calls_in_the_order_of_arrival(
        waiting: list[list[Number]], calls: list[list[int]]) -> None:
    with Crowd() as crowd:
        asked = [crowd.ask(*numbers) for numbers in waiting]
    assert [answer.result() for answer in asked] == [
        [number.value for number in numbers] for numbers in waiting]
    assert crowd.predictor.calls == [[0], *calls]


def test_who_led_leaves_while_the_next_call_goes_on() -> None:
    second, leave = threading.Event(), threading.Event()

    def work(values: list[int], check: Callable[[], None]) -> None:
        if values == [2]:
            second.set()
            assert leave.wait(PATIENCE)

    with Crowd(Sociable(work)) as crowd:
        first, last = crowd.ask(ONE), crowd.ask(Number(2, weight=SHARED))
        crowd.predictor.go.set()
        try:
            assert second.wait(PATIENCE)
            assert first.result(PATIENCE) == [1]
            assert not last.done()
        finally:
            leave.set()


def test_what_is_known_of_a_call_is_known_to_all_that_shared_it() -> None:
    turns = [turn(1, 2), turn(3)]
    with Crowd() as crowd:
        for one in turns:
            crowd.come(one)
    assert [one.shared for one in turns] == [3, 3]
    assert turns[0].seconds == turns[1].seconds > 0


def test_a_fault_reaches_its_own_request_only() -> None:
    with Crowd() as crowd:
        good, bad, fine = crowd.ask(ONE), crowd.ask(TWO, BAD), crowd.ask(THREE)
    assert (good.result(), fine.result()) == ([1], [3])
    assert bad.exception() is BAD.fault
    assert crowd.predictor.calls == [[0], [1, 2, 7, 3], [1], [2, 7], [3]]


@pytest.mark.parametrize("fault", [ZeroDivisionError("secret"), MemoryError(), SystemExit(3)],
                         ids=lambda fault: type(fault).__name__)
def test_a_call_that_fails_only_when_shared_fails_nobody(
        fault: BaseException, caplog: pytest.LogCaptureFixture) -> None:
    def work(values: list[int], check: Callable[[], None]) -> None:
        if len(values) > 1:
            raise fault

    with Crowd(Sociable(work)) as crowd, caplog.at_level(logging.WARNING):
        asked = [crowd.ask(number) for number in (ONE, TWO, THREE)]
    assert [answer.result() for answer in asked] == [[1], [2], [3]]
    assert caplog.messages == ["a call shared by 3 requests failed, so each is predicted alone: "
                               f"{type(fault).__name__}"]


def test_who_was_in_a_call_that_failed_comes_before_who_came_later() -> None:
    half = Number(1, weight=SHARED // 2)
    with Crowd() as crowd:
        for number in (half, half._replace(fault=BAD.fault), TWO, THREE):
            crowd.ask(number)
    assert crowd.predictor.calls == [[0], [1, 1], [1], [1], [2, 3]]


class TooFew(Sociable):
    """Answers all but one."""

    def predict(self, instances: Sequence[Number], check: Callable[[], None]) -> list[Any]:
        return super().predict(instances, check)[1:] or [0]


def test_too_few_answers_are_a_fault_and_never_somebody_elses() -> None:
    with Crowd(TooFew()) as crowd:
        one, two = crowd.ask(ONE), crowd.ask(TWO, THREE)
    assert one.result() == [0]
    assert isinstance(two.exception(), ValueError)


class Manual(Deadline):
    """Is over when the test says so; until then so many seconds are left."""

    def __init__(self, seconds: float) -> None:
        super().__init__(seconds)
        self.over = threading.Event()

    @property
    def left(self) -> float:
        return 0.0 if self.over.is_set() else self._seconds


class Wake:
    """A lock on which one waits until the test says that the time is up."""

    def __init__(self, up: threading.Event) -> None:
        self._up = up
        self._lock = threading.Lock()
        self.release = self._lock.release

    def acquire(self, blocking: bool = True, timeout: float = -1) -> bool:
        if timeout < 0:
            return self._lock.acquire(blocking)
        while not self._up.is_set():
            if self._lock.acquire(timeout=0.01):
                return True
        return False


def fading(*numbers: Number, seconds: float = 1,
           up: threading.Event | None = None) -> tuple[Turn, threading.Event]:
    """A turn, and what ends its time; its own thread notices at once, or when `up` is set."""
    deadline = Manual(seconds)
    return Turn(numbers, deadline, wake=cast(Any, Wake(up or deadline.over))), deadline.over


def test_who_has_no_time_left_is_left_out_of_the_call() -> None:
    noticed = threading.Event()
    late, over = fading(ONE, up=noticed)
    with Crowd() as crowd:
        refused, answer = crowd.come(late), crowd.ask(TWO)
        over.set()
        crowd.predictor.go.set()
        assert answer.result(PATIENCE) == [2]
        noticed.set()
        error = refused.exception(PATIENCE)
    assert crowd.predictor.calls == [[0], [2]]
    assert isinstance(error, RequestError)
    assert (error.status, error.retry_after) == (503, 1)


class Slow(Wake):
    """Does not notice before its time is up that it was released."""

    def acquire(self, blocking: bool = True, timeout: float = -1) -> bool:
        if timeout < 0:
            return super().acquire(blocking)
        self._up.wait(timeout)
        return False


@pytest.mark.parametrize("ahead", [[], [ONE]], ids=["to lead", "with an answer"])
def test_who_is_called_at_the_last_moment_comes(ahead: list[Number]) -> None:
    up = threading.Event()
    with Crowd() as crowd:
        first = [crowd.ask(number) for number in ahead]
        last = crowd.come(Turn([TWO], Deadline(PATIENCE), wake=cast(Any, Slow(up))))
        crowd.predictor.go.set()
        until(lambda: not crowd.gate._waiting, "nobody is called")
        assert [answer.result(PATIENCE) for answer in first] == [[1]] * len(ahead)
        up.set()
        assert last.result(PATIENCE) == [2]
    assert answers(crowd.gate, 3) == [3]


@pytest.mark.parametrize("fault", [None, ZeroDivisionError()], ids=["answered", "failed"])
def test_whose_time_is_up_in_a_shared_call_is_told_at_once_and_spoils_it_for_nobody(
        fault: BaseException | None) -> None:
    begun, leave = threading.Event(), threading.Event()

    def work(values: list[int], check: Callable[[], None]) -> None:
        if len(values) == 3:
            begun.set()
            assert leave.wait(PATIENCE)
            check()
            if fault:
                raise fault

    late, over = fading(TWO)
    with Crowd(Sociable(work)) as crowd:
        first, refused, last = crowd.ask(ONE), crowd.come(late), crowd.ask(THREE)
        crowd.predictor.go.set()
        try:
            assert begun.wait(PATIENCE)
            over.set()
            error = refused.exception(PATIENCE)
            assert not first.done()
        finally:
            leave.set()
    assert isinstance(error, RequestError) and error.status == 504
    assert (first.result(), last.result()) == ([1], [3])
    assert crowd.predictor.calls[2:] == ([[1], [3]] if fault else [])


def test_a_call_is_given_up_when_the_time_of_all_in_it_is_up() -> None:
    (leader, first_over), (other, last_over) = fading(ONE), fading(TWO, seconds=2)

    def work(values: list[int], check: Callable[[], None]) -> None:
        if values == [1, 2]:
            first_over.set()
            check()  # for the other's sake
            last_over.set()
        check()

    with Crowd(Sociable(work)) as crowd:
        errors = [crowd.come(one) for one in (leader, other)]
    assert [error.exception().status for error in errors] == [504, 504]  # type: ignore[union-attr]
    assert crowd.predictor.calls == [[0], [1, 2], [1]]


Request = tuple[list[Number], int | None]
"""What is asked, and the call during which its time is up."""


@st.composite
def requests(draw: st.DrawFn) -> Request:
    number = st.builds(Number, st.integers(1, 99),
                       st.sampled_from([*[1] * 20, 5, SHARED, SHARED + 1]),
                       st.sampled_from([*[None] * 20, ZeroDivisionError()]))
    return (draw(st.lists(number, min_size=1, max_size=3)),
            draw(st.sampled_from([None, None, 1, 2, 3, 5])))


def is_right(request: Request, answer: Future[Sequence[Any]]) -> bool:
    """Whether it is what the request would get alone, or the word that its time was up."""
    numbers, ends = request
    error = answer.exception(PATIENCE)
    if isinstance(error, RequestError):
        return ends is not None and error.status in (503, 504)
    faults = [number.fault for number in numbers if number.fault]
    return error is faults[0] if faults else (
        answer.result() == [number.value for number in numbers])


@given(asked=st.lists(requests(), min_size=2, max_size=16), brittle=st.integers(2, 9))
def test_everybody_gets_exactly_what_he_would_get_alone(asked: list[Request],
                                                        brittle: int) -> None:
    turns = [fading(*numbers, seconds=PATIENCE if ends is None else 1) for numbers, ends in asked]

    def work(values: list[int], check: Callable[[], None]) -> None:
        for (_, ends), (_, over) in zip(asked, turns, strict=True):
            if ends == len(predictor.calls):
                over.set()
        check()
        if len(values) > 3 and sum(values) % brittle == 0:
            raise OverflowError  # which no request brings about alone

    predictor = Sociable(work)
    with Crowd(predictor) as crowd:
        found = [crowd.come(one) for one, _ in turns]
    assert all(map(is_right, asked, found))
    assert all(len(values) <= SHARED for values in predictor.calls)
    assert answers(crowd.gate, 1) == [1]


def test_a_crowd_that_comes_again_and_again_is_answered() -> None:
    def work(values: list[int], check: Callable[[], None]) -> None:
        for _ in range(10):
            time.sleep(0)  # the others' turn to come

    predictor = Sociable(work)
    gate = Gate(predictor, queue=8)

    def come(caller: int) -> bool:
        return all(answers(gate, caller, value) == [caller, value] for value in range(100))

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(come, range(1, 9)))
    assert sum(map(len, predictor.calls)) == 8 * 100 * 2
