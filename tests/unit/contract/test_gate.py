"""Requests at the gate one at a time: limits, deadlines, statuses."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from types import SimpleNamespace
from typing import Any

import pytest

from contract.errors import RequestError
from contract.serving import gate
from contract.serving.gate import HEAVIEST, Deadline, Gate, Turn
from crowd import Crowd, Lonely, Number, Sociable, answers, turn
from executables import PATIENCE, until


def test_before_the_deadline_nothing_happens() -> None:
    deadline = Deadline(PATIENCE)
    deadline.check()
    assert 0 < deadline.left <= PATIENCE


def test_after_the_deadline_a_check_answers_504() -> None:
    with pytest.raises(RequestError, match="fewer records") as raised:
        Deadline(0).check()
    assert raised.value.status == 504


def test_a_lone_request_is_answered_at_once_and_again() -> None:
    predictor = Lonely()
    gate = Gate(predictor, queue=0)
    assert [answers(gate, value) for value in (1, 2, 3)] == [[1], [2], [3]]
    assert predictor.calls == [[1], [2], [3]]


def test_beyond_the_queue_a_request_is_sent_away_at_once() -> None:
    with Crowd(queue=1) as crowd:
        crowd.ask(1)
        with pytest.raises(RequestError, match="too many") as raised:
            crowd.gate.predict(turn(2))
    assert (raised.value.status, raised.value.retry_after) == (503, 1)


def test_whether_there_is_a_place_can_be_asked_beforehand() -> None:
    with Crowd(queue=1) as crowd:
        crowd.gate.check()
        crowd.ask(1)
        with pytest.raises(RequestError, match="too many") as raised:
            crowd.gate.check()
    assert (raised.value.status, raised.value.retry_after) == (503, 1)


def test_a_wait_beyond_the_deadline_is_given_up() -> None:
    with Crowd() as crowd, pytest.raises(RequestError, match="in time") as raised:
        crowd.gate.predict(turn(1, seconds=0.01))
    assert (raised.value.status, raised.value.retry_after) == (503, 1)
    assert crowd.predictor.calls == [[0]]


def test_places_come_back_after_refusals() -> None:
    with Crowd(queue=1) as crowd:
        for _ in range(3):
            with pytest.raises(RequestError, match="in time"):
                crowd.gate.predict(turn(1, seconds=0))
        answer = crowd.ask(2)
    assert answer.result() == [2]


def test_after_a_fault_the_next_request_is_answered() -> None:
    gate = Gate(Lonely(), queue=0)
    with pytest.raises(ZeroDivisionError):
        gate.predict(turn(Number(1, fault=ZeroDivisionError())))
    assert answers(gate, 2) == [2]


def test_a_predictor_that_knows_no_weights_is_asked_for_one_request_at_a_time() -> None:
    with Crowd(Lonely()) as crowd:
        asked = [crowd.ask(1, 2), crowd.ask(3)]
    assert [answer.result() for answer in asked] == [[1, 2], [3]]
    assert crowd.predictor.calls == [[0], [1, 2], [3]]


HEAVY = [1] * (2 * HEAVIEST + 10)


def test_a_heavy_request_lets_others_have_their_turn_between_its_calls() -> None:
    with Crowd() as crowd:
        heavy, light = crowd.ask(*HEAVY), crowd.ask(7)
    assert (heavy.result(), light.result()) == (HEAVY, [7])
    assert crowd.predictor.calls == [[0], [1] * HEAVIEST, [7], [1] * HEAVIEST, [1] * 10]


def test_a_single_instance_that_is_too_heavy_has_a_call_of_its_own() -> None:
    predictor = Sociable()
    numbers = [Number(1, 2), Number(2, HEAVIEST + 1), Number(3), Number(4, HEAVIEST)]
    assert answers(Gate(predictor, queue=0), *numbers) == [1, 2, 3, 4]
    assert predictor.calls == [[1], [2], [3], [4]]


def test_a_request_that_has_begun_always_has_a_place() -> None:
    others: list[Future[Sequence[Any]]] = []

    def fill_the_queue(values: list[int], check: Callable[[], None]) -> None:
        if len(values) == HEAVIEST and not others:
            others.append(pool.submit(answers, gate, 7))
            until(lambda: len(gate._waiting) == 1, "the queue is not full")

    gate = Gate(Sociable(fill_the_queue), queue=1)
    with ThreadPoolExecutor(1) as pool:
        assert answers(gate, *HEAVY) == HEAVY
    assert others[0].result() == [7]


def test_when_the_time_is_up_between_two_calls_it_is_504() -> None:
    with Crowd() as crowd, pytest.raises(RequestError, match="fewer records") as raised:
        crowd.gate.predict(Turn([Number(1)], Deadline(0.01), begun=True))
    assert raised.value.status == 504


def test_who_watches_knows_how_many_wait() -> None:
    seen: list[int] = []
    with Crowd() as crowd:
        crowd.gate._watch = seen.append
        asked = [crowd.ask(1), crowd.ask(2)]
        assert sum(seen) == 2
    assert [answer.result() for answer in asked] == [[1], [2]]
    assert sum(seen) == 0


def test_who_leads_after_waiting_pauses_as_long_as_others_come(
        monkeypatch: pytest.MonkeyPatch) -> None:
    late: list[Future[Sequence[Any]]] = []
    pauses: list[float] = []

    def sleep(seconds: float) -> None:
        pauses.append(seconds)
        if len(late) < 2:
            late.append(crowd.ask(2 + len(late)))

    with Crowd() as crowd:
        first = crowd.ask(1)
        monkeypatch.setattr(gate, "time", SimpleNamespace(monotonic=time.monotonic, sleep=sleep))
        crowd.predictor.go.set()
        assert first.result(PATIENCE) == [1]
        assert [answer.result(PATIENCE) for answer in late] == [[2], [3]]
    assert crowd.predictor.calls == [[0], [1, 2, 3]]
    assert len(pauses) == 3 and 0 < max(pauses) <= 0.001


@pytest.mark.parametrize(("after", "pauses"), [(0.0005, 1), (60, 0)])
def test_after_a_shared_call_the_first_to_come_pauses_for_the_others(
        monkeypatch: pytest.MonkeyPatch, after: float, pauses: int) -> None:
    ended: list[float] = []
    paused: list[float] = []
    with Crowd() as crowd:
        both = [crowd.ask(1), crowd.ask(2)]
        crowd.predictor.go.set()
        assert [answer.result(PATIENCE) for answer in both] == [[1], [2]]
        ended.append(crowd.gate._crowded_until)
        clock = SimpleNamespace(monotonic=lambda: ended[0] - 0.001 + after, sleep=paused.append)
        monkeypatch.setattr(gate, "time", clock)
        assert answers(crowd.gate, 3) == [3]
    assert len(paused) == pauses


def test_a_lone_request_never_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = SimpleNamespace(monotonic=time.monotonic, sleep=lambda seconds: pytest.fail("paused"))
    monkeypatch.setattr(gate, "time", clock)
    door = Gate(Sociable(), queue=1)
    assert [answers(door, value) for value in (1, 2)] == [[1], [2]]
