"""What the caller gets when the model is slow, busy, or broken."""

from __future__ import annotations

import errno
import json
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from contract.algorithm import Predictor, SharingPredictor
from contract.serving import app, codec
from contract.serving.gate import SHARED, Gate
from executables import PATIENCE, until

MakeClient = Callable[..., FlaskClient]
StandIn = Callable[..., Any]
Printed = Callable[[], list[dict[str, Any]]]

SECRET = "Xyzzyplugh"


def invoke(client: FlaskClient, body: bytes = b"A fine film") -> TestResponse:
    return client.post("/invocations", data=body, content_type="text/plain")


@contextmanager
def busy(make_client: MakeClient, stand_in: StandIn,
         **environment: str) -> Iterator[tuple[FlaskClient, Future[TestResponse]]]:
    """A client whose model's only slot is held by one request until the end."""
    entered, leave = threading.Event(), threading.Event()

    def work(check: Callable[[], None]) -> None:
        entered.set()
        leave.wait(PATIENCE)

    client = make_client(environment, stand_in(work))
    with ThreadPoolExecutor(1) as pool:
        held = pool.submit(invoke, client.application.test_client())
        try:
            assert entered.wait(PATIENCE)
            yield client, held
        finally:
            leave.set()


def test_a_prediction_beyond_the_deadline_is_504(make_client: MakeClient,
                                                 stand_in: StandIn) -> None:
    def work(check: Callable[[], None]) -> None:
        while True:
            check()

    client = make_client({"SAGEMAKER_MODEL_SERVER_TIMEOUT": "0.05"}, stand_in(work))
    answer = invoke(client)
    assert answer.status_code == 504
    assert answer.json is not None
    assert "fewer records" in answer.json["error"]["message"]


def test_a_real_model_looks_at_the_deadline(make_client: MakeClient) -> None:
    client = make_client({"SAGEMAKER_MODEL_SERVER_TIMEOUT": "0.001"})
    body = json.dumps([f"film {number} " * 200 for number in range(500)])
    answer = client.post("/invocations", data=body, content_type="application/json")
    assert answer.status_code == 504


def test_beyond_the_queue_is_503_and_says_when_to_come_back(make_client: MakeClient,
                                                            stand_in: StandIn) -> None:
    with busy(make_client, stand_in, SAGEMAKER_MODEL_JOB_QUEUE_SIZE="0") as (client, held):
        answer = invoke(client)
    assert answer.status_code == 503
    assert answer.headers["Retry-After"] == "1"
    assert held.result().status_code == 200


def test_a_request_that_is_refused_is_not_even_read(make_client: MakeClient, stand_in: StandIn,
                                                    monkeypatch: pytest.MonkeyPatch) -> None:
    with busy(make_client, stand_in, SAGEMAKER_MODEL_JOB_QUEUE_SIZE="0") as (client, held):
        monkeypatch.delattr(codec, "decode")
        answer = invoke(client)
    assert answer.status_code == 503
    assert held.result().status_code == 200


def test_a_wait_beyond_the_deadline_is_503(make_client: MakeClient, stand_in: StandIn) -> None:
    with busy(make_client, stand_in, SAGEMAKER_MODEL_SERVER_TIMEOUT="0.05") as (client, held):
        answer = invoke(client)
    assert answer.status_code == 503
    assert answer.headers["Retry-After"] == "1"
    assert held.result().status_code == 200


def test_a_ping_is_answered_while_the_model_is_busy(make_client: MakeClient,
                                                    stand_in: StandIn) -> None:
    with busy(make_client, stand_in, SAGEMAKER_MODEL_JOB_QUEUE_SIZE="0") as (client, held):
        assert client.get("/ping").status_code == 200
        assert not held.done()


def test_a_request_in_which_nothing_is_good_does_not_wait_for_the_model(
        make_client: MakeClient, stand_in: StandIn) -> None:
    model = stand_in()
    answer = make_client({"SAGEMAKER_BATCH": "true"}, model).post(
        "/invocations", data=b"{}\n[]\n", content_type="application/jsonlines")
    assert answer.status_code == 200
    assert model.asked == []


FAULTS: list[tuple[BaseException, int]] = [
    (MemoryError(), 503),
    (OSError(errno.ENOSPC, "No space left on device"), 503),
    (ValueError(f"cannot read {SECRET}"), 500),
    (KeyError(SECRET), 500),
    (RecursionError("maximum recursion depth exceeded"), 500),
    (FileNotFoundError(errno.ENOENT, "No such file", f"/tmp/{SECRET}"), 500),
]


@pytest.mark.parametrize(("fault", "status"), FAULTS, ids=lambda value: type(value).__name__)
def test_a_fault_in_the_model_is_a_short_error_and_no_trace(
        make_client: MakeClient, stand_in: StandIn, fault: BaseException, status: int) -> None:
    def work(check: Callable[[], None]) -> None:
        raise fault

    answer = invoke(make_client({}, stand_in(work)))
    assert (answer.status_code, answer.headers["Content-Type"]) == (status, "application/json")
    assert answer.json == {"error": {"code": status,
                                     "message": "the server failed; its log says why"}}


@pytest.mark.parametrize(("fault", "status"), FAULTS, ids=lambda value: type(value).__name__)
def test_a_fault_in_the_model_is_traced_in_the_log_without_the_text(
        make_client: MakeClient, stand_in: StandIn, printed: Printed, fault: BaseException,
        status: int) -> None:
    def work(check: Callable[[], None]) -> None:
        raise fault

    invoke(make_client({}, stand_in(work)), SECRET.encode())
    failure, request = printed()
    assert (failure["level"], request["status"]) == ("ERROR", status)
    assert "in work" in failure["trace"]
    assert SECRET not in json.dumps(failure)


@pytest.fixture
def crowd(make_client: MakeClient, stand_in: StandIn, monkeypatch: pytest.MonkeyPatch,
          ) -> Callable[[Callable[[int], None]], list[TestResponse]]:
    """Three requests that waited for a model together; it does `work(records of the call)`."""
    gates: list[Gate] = []

    def make_gate(*arguments: Any) -> Gate:
        gates.append(Gate(*arguments))
        return gates[-1]

    def come(work: Callable[[int], None]) -> list[TestResponse]:
        held, go = threading.Event(), threading.Event()

        def hold_the_first(check: Callable[[], None]) -> None:
            if len(model.asked) == 1:
                held.set()
                assert go.wait(PATIENCE)
            work(model.asked[-1])

        model = stand_in(hold_the_first)
        model.weight = lambda instance: 1
        application = make_client({}, model).application
        with ThreadPoolExecutor(4) as pool:
            try:
                pool.submit(invoke, application.test_client())
                assert held.wait(PATIENCE)
                waiting = [pool.submit(invoke, application.test_client(), SECRET.encode())
                           for _ in range(3)]
                until(lambda: len(gates[0]._waiting) == 3, "the requests do not wait")
            finally:
                go.set()
        return [one.result() for one in waiting]

    monkeypatch.setattr(app, "Gate", make_gate)
    return come


def test_those_that_wait_together_are_answered_in_one_call(
        crowd: Callable[..., list[TestResponse]], printed: Printed) -> None:
    assert [answer.status_code for answer in crowd(lambda records: None)] == [200] * 3
    # Who is answered first need not be the first to log it.
    assert sorted((entry["reviews"], entry["shared"]) for entry in printed()) == [
        (1, 1), *[(1, 3)] * 3]


def test_a_fault_in_a_shared_call_is_hidden_from_the_callers_and_logged_without_the_text(
        crowd: Callable[..., list[TestResponse]], printed: Printed) -> None:
    def work(records: int) -> None:
        if records > 1:
            raise ValueError(f"cannot read {SECRET}")

    assert [answer.status_code for answer in crowd(work)] == [200] * 3
    [warning] = [entry for entry in printed() if entry["level"] == "WARNING"]
    assert "ValueError" in warning["message"]
    assert SECRET not in json.dumps(printed())


@pytest.mark.parametrize("algorithm", ["sentiment"], indirect=True)
def test_the_real_model_shares_calls_for_reviews_and_keeps_explanations_apart(
        predictor: Predictor) -> None:
    assert isinstance(predictor, SharingPredictor)
    plain, explained = (predictor.weight(predictor.read({"text": "Fine", "explain": wish}, {}))
                        for wish in (False, True))
    assert plain == 1
    assert explained > SHARED


def test_after_a_fault_the_next_request_is_answered(make_client: MakeClient,
                                                    stand_in: StandIn) -> None:
    faults: list[Exception] = [ZeroDivisionError()]

    def work(check: Callable[[], None]) -> None:
        if faults:
            raise faults.pop()

    client = make_client({"SAGEMAKER_MODEL_JOB_QUEUE_SIZE": "0"}, stand_in(work))
    assert [invoke(client).status_code for _ in range(2)] == [500, 200]
