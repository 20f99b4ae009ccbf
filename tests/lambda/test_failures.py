"""Every row of requirement L6, over real HTTP, so that botocore itself reads the errors."""

from __future__ import annotations

import json
import socket
from collections.abc import Callable, Iterator
from typing import Any

import boto3
import pytest

from proxying import call, review
from runtime_standin import Fault, Runtime, model_error

Logged = Callable[[], list[dict[str, Any]]]

SECRET = "Nobody may read this."


def _refused(status: int) -> Fault:
    return model_error(status, json.dumps({"error": {"code": status, "message": "no such film"}}))


def _fault(status: int, code: str, message: str = SECRET) -> Fault:
    return Fault(status, code, {"Message": message})


@pytest.mark.parametrize("status", [400, 413, 415, 422])
def test_a_callers_mistake_is_answered_in_the_containers_words(
    status: int, runtime: Runtime
) -> None:
    runtime.script.append(_refused(status))
    reply = call(review())
    assert reply.status == status
    assert reply.message == "no such film"


@pytest.mark.parametrize(("words", "message"), [
    ("<html>Traceback</html>", "the model cannot use this request"),
    ("", "the model cannot use this request"),
    ('{"error": "flat"}', "the model cannot use this request"),
    ('{"error": {"message": 7}}', "the model cannot use this request"),
    (json.dumps({"error": {"message": "x" * 400}}), "x" * 297 + "..."),
])
def test_other_words_of_a_container_are_not_passed_on_at_length(
    words: str, message: str, runtime: Runtime
) -> None:
    runtime.script.append(model_error(400, words))
    reply = call(review())
    assert (reply.status, reply.message) == (400, message)


@pytest.mark.parametrize(("faults", "attempts", "status", "retry_after", "code"), [
    ([model_error(406, SECRET)], 1, 500, None, "ModelError 406"),
    ([model_error(404, SECRET)], 1, 500, None, "ModelError 404"),
    ([model_error(429, SECRET)], 1, 503, "5", "ModelError 429"),
    ([model_error(503, SECRET)], 1, 503, "5", "ModelError 503"),
    ([model_error(0, SECRET)], 1, 504, None, "ModelError 0"),
    ([model_error(504, SECRET)], 1, 504, None, "ModelError 504"),
    ([model_error(500, "Your invocation timed out while waiting for a response")], 1, 504, None,
     "ModelError 500"),
    ([model_error(500, SECRET)], 1, 502, None, "ModelError 500"),
    ([model_error(502, SECRET)], 1, 502, None, "ModelError 502"),
    ([_fault(429, "ModelNotReadyException")], 1, 503, "10", "ModelNotReadyException"),
    ([_fault(400, "ThrottlingException")] * 2, 2, 429, "5", "ThrottlingException"),
    ([Fault(429, raw=b"")] * 2, 2, 429, "5", "429"),
    ([_fault(503, "ServiceUnavailable")] * 2, 2, 503, "5", "ServiceUnavailable"),
    ([_fault(500, "InternalFailure")] * 2, 2, 502, None, "InternalFailure"),
    ([_fault(530, "InternalDependencyException")], 1, 502, None, "InternalDependencyException"),
    ([_fault(400, "ValidationError", "Endpoint sentiment of account 111122223333 not found.")], 1,
     503, None, "ValidationError"),
    ([_fault(400, "ValidationError", "Request 8a5f has oversize body.")], 1, 413, None,
     "ValidationError"),
    ([_fault(400, "ValidationError", "1 validation error detected: Value at 'body' failed to "
             "satisfy constraint: Member must have length less than or equal to 6291456")], 1, 413,
     None, "ValidationError"),
    ([Fault(413, raw=b"HTTP content length exceeded 5246976 bytes.")], 1, 413, None, "413"),
    ([_fault(400, "ValidationError", "Variant B of endpoint sentiment not found.")], 1, 400, None,
     "ValidationError"),
    ([_fault(403, "AccessDeniedException")], 1, 500, None, "AccessDeniedException"),
    ([_fault(403, "ExpiredTokenException")], 1, 500, None, "ExpiredTokenException"),
    ([_fault(403, "ExpiredToken")], 1, 500, None, "ExpiredToken"),
    ([_fault(418, "SomethingNew")], 1, 500, None, "SomethingNew"),
    ([_fault(599, "SomethingWorse")], 1, 502, None, "SomethingWorse"),
    ([Fault(502, raw=b"<html>not the service</html>")] * 2, 2, 502, None, "502"),
    ([Fault()] * 2, 2, 502, None, "ConnectionClosedError"),
    ([Fault(200, raw=b"1", cut=True)], 1, 502, None, "ResponseStreamingError"),
], ids=lambda value: value if isinstance(value, str) else None)
def test_a_fault_of_the_endpoint_has_its_answer(
    faults: list[Fault], attempts: int, status: int, retry_after: str | None, code: str,
    runtime: Runtime, logged: Logged,
) -> None:
    runtime.script.extend(faults)
    reply = call(review())
    assert (reply.status, reply.headers.get("retry-after")) == (status, retry_after)
    assert SECRET not in reply.message
    assert len(runtime.seen) == attempts
    [entry] = logged()
    assert (entry["status"], entry["error"]) == (status, code)


@pytest.mark.parametrize("status", [500, 503, 504, 0, 406])
def test_the_log_names_the_containers_log_stream(
    status: int, runtime: Runtime, logged: Logged
) -> None:
    runtime.script.append(model_error(status, SECRET))
    call(review())
    [entry] = logged()
    assert entry["log_stream"].endswith(":log-stream:AllTraffic/i-0")
    assert SECRET not in json.dumps(entry)


@pytest.mark.parametrize("fault", [
    _fault(403, "AccessDeniedException", "no identity-based policy allows the action"),
    _fault(400, "ValidationError", "Endpoint sentiment of account 111122223333 not found."),
])
def test_the_log_tells_the_operator_what_is_not_set_up(
    fault: Fault, runtime: Runtime, logged: Logged
) -> None:
    runtime.script.append(fault)
    reply = call(review())
    [entry] = logged()
    assert entry["detail"] == fault.fields["Message"]
    assert entry["detail"] not in reply.body


def test_a_passing_fault_is_tried_again(runtime: Runtime) -> None:
    runtime.script.extend([_fault(503, "ServiceUnavailable"), Fault(200, raw=b"1")])
    reply = call(review())
    assert (reply.status, reply.body) == (200, "1")
    assert len(runtime.seen) == 2


def test_no_credentials_are_our_own_fault(
    monkeypatch: pytest.MonkeyPatch, logged: Logged
) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    monkeypatch.setattr(boto3, "DEFAULT_SESSION", None)  # it remembers them
    assert call(review()).status == 500
    assert logged()[0]["error"] == "NoCredentialsError"


@pytest.mark.parametrize(("fault", "attempts"), [
    (Fault(silence=True), 2),
    (Fault(200, raw=b"1", silence=True, cut=True), 1),
], ids=["from the start", "in the middle of the answer"])
def test_silence_is_a_timeout(
    fault: Fault, attempts: int, runtime: Runtime, monkeypatch: pytest.MonkeyPatch, logged: Logged
) -> None:
    monkeypatch.setenv("READ_TIMEOUT_SECONDS", "1")
    runtime.script.extend([fault] * attempts)
    assert call(review()).status == 504
    assert logged()[0]["error"] == "ReadTimeoutError"
    assert len(runtime.seen) == attempts


@pytest.fixture
def full_house() -> Iterator[str]:
    """An address whose queue of new connections is full, so that the kernel answers nobody."""
    waiting = []
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        try:
            for _ in range(4):
                waiting.append(socket.socket())
                waiting[-1].setblocking(False)
                waiting[-1].connect_ex(listener.getsockname())
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            for one in waiting:
                one.close()


def test_an_address_that_does_not_answer_is_a_timeout(
    full_house: str, monkeypatch: pytest.MonkeyPatch, logged: Logged
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_SAGEMAKER_RUNTIME", full_house)
    assert call(review()).status == 504
    assert logged()[0]["error"] == "ConnectTimeoutError"


@pytest.fixture
def closed_port() -> Iterator[int]:
    """Bound, so that nobody else takes it, but not listening."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield taken.getsockname()[1]


def test_a_refused_connection_is_a_bad_gateway(
    closed_port: int, monkeypatch: pytest.MonkeyPatch, logged: Logged
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_SAGEMAKER_RUNTIME", f"http://127.0.0.1:{closed_port}")
    assert call(review()).status == 502
    assert logged()[0]["error"] == "EndpointConnectionError"
