"""Requests at the gate one at a time: limits, deadlines, statuses."""

from __future__ import annotations

import pytest

from contract.errors import RequestError
from contract.serving.gate import Deadline, Gate
from crowd import Crowd, Lonely, Number, answers, turn
from executables import PATIENCE


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
