"""Three shapes of events, their bodies and their CORS headers."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from proxying import LAMBDA_REQUEST_ID, PAGE, SHAPES, call, make_event, recorded, review
from runtime_standin import Fault, Runtime

CORS = "access-control-"


@pytest.fixture(autouse=True)
def answers(runtime: Runtime) -> None:
    runtime.script.append(Fault(200, raw=b'{"label": "positive"}'))


@pytest.mark.parametrize("shape", SHAPES)
def test_a_recorded_event_is_forwarded_and_answered(shape: str, runtime: Runtime) -> None:
    reply = call(recorded(shape))
    assert (reply.status, reply.json()) == (200, {"label": "positive"})
    [seen] = runtime.seen
    assert seen.body == b'{"text": "A fine film."}'
    assert seen.headers["Content-Type"] == seen.headers["Accept"] == "application/json"


@pytest.mark.parametrize("shape", SHAPES)
def test_the_gateways_request_id_goes_all_the_way(shape: str, runtime: Runtime) -> None:
    event = recorded(shape)
    reply = call(event)
    expected = event["requestContext"]["requestId"]
    assert reply.headers["x-request-id"] == expected
    assert runtime.seen[0].headers["X-Amzn-SageMaker-Inference-Id"] == expected


@pytest.mark.parametrize(("given", "expected"), [
    (None, LAMBDA_REQUEST_ID), ("", LAMBDA_REQUEST_ID), (" \n", LAMBDA_REQUEST_ID),
    ("a\r\nb: c", "ab:c"), ("x" * 99, "x" * 64),
])
def test_an_id_that_the_endpoint_would_not_take_is_made_fit(
    given: str | None, expected: str, runtime: Runtime
) -> None:
    event = review()
    event["requestContext"]["requestId"] = given
    assert call(event).headers["x-request-id"] == expected
    assert runtime.seen[0].headers["X-Amzn-SageMaker-Inference-Id"] == expected


@pytest.mark.parametrize("name", ["content-type", "Content-Type", "CONTENT-TYPE"])
def test_headers_are_found_in_any_case(name: str, runtime: Runtime) -> None:
    event = make_event("[fine]", None, "rest")
    event["headers"][name] = "text/plain"
    assert call(event).status == 200
    assert runtime.seen[0].headers["Content-Type"] == "text/plain"


def test_headers_are_found_where_only_the_lists_are_sent(runtime: Runtime) -> None:
    event = recorded("rest")
    event["headers"] = None
    event["multiValueHeaders"] = {"content-type": ["text/plain"]}
    assert call(event).status == 200
    assert runtime.seen[0].headers["Content-Type"] == "text/plain"


@pytest.mark.parametrize("body", ["Ein schöner Film ☺", "Ein schöner Film ☺".encode()])
def test_letters_of_every_language_arrive_whole(body: str | bytes, runtime: Runtime) -> None:
    assert call(make_event(body, "text/plain")).status == 200
    assert runtime.seen[0].body.decode() == "Ein schöner Film ☺"


@pytest.mark.parametrize("change", [
    {"body": None}, {"body": ""}, {"body": None, "isBase64Encoded": True},
    {"body": "%%%", "isBase64Encoded": True}, {"body": "abc", "isBase64Encoded": True},
    {"body": "/w==", "isBase64Encoded": True}, {"body": "\ud800"},
    {"body": {"text": "an object"}},
], ids=str)
def test_an_absent_or_damaged_body_is_a_bad_request(
    change: dict[str, Any], runtime: Runtime
) -> None:
    event = review() | change
    assert call(event).status == 400
    del event["body"]
    assert call(event).status == 400
    assert runtime.seen == []


@pytest.mark.parametrize("event", [
    {}, None, [], "text", {"key1": "value1"}, {"version": "2.0"}, {"version": "9"},
    {"httpMethod": 7, "headers": [], "requestContext": "x"},
], ids=str)
def test_what_is_no_http_event_is_answered_all_the_same(event: Any, runtime: Runtime) -> None:
    reply = call(event)
    assert reply.status == 400
    assert "API Gateway" in reply.message
    assert runtime.seen == []


_JSON = st.recursive(st.none() | st.booleans() | st.integers() | st.text(max_size=9),
                     lambda inner: st.lists(inner, max_size=2)
                     | st.dictionaries(st.sampled_from(["http", "method", "text", "origin"]), inner,
                                       max_size=2), max_leaves=5)


@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(shape=st.sampled_from(SHAPES), key=st.sampled_from(
    ["version", "httpMethod", "headers", "multiValueHeaders", "requestContext", "body",
     "isBase64Encoded"]), value=_JSON)
def test_whatever_stands_in_an_event_the_reply_is_well_formed(
    shape: str, key: str, value: Any
) -> None:
    reply = call(recorded(shape) | {key: value})
    assert reply.status == 204 or reply.json()


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "HEAD"])
def test_only_post_is_forwarded(method: str, shape: str, runtime: Runtime) -> None:
    reply = call(review(shape=shape, method=method))
    assert reply.status == 405
    assert reply.headers["allow"] == "POST, OPTIONS"
    assert runtime.seen == []


@pytest.mark.parametrize("shape", SHAPES)
def test_a_listed_page_may_send_and_read(shape: str, runtime: Runtime) -> None:
    preflight = call(make_event(None, None, shape, method="OPTIONS"))
    assert (preflight.status, preflight.body) == (204, "")
    assert preflight.headers[CORS + "allow-methods"] == "POST, OPTIONS"
    assert preflight.headers[CORS + "allow-headers"] == "content-type"
    assert runtime.seen == []
    answer = call(review(shape=shape))
    assert answer.headers[CORS + "expose-headers"] == "retry-after, x-request-id"
    for reply in (preflight, answer):
        assert reply.headers[CORS + "allow-origin"] == PAGE
        assert reply.headers["vary"] == "Origin"


@pytest.mark.parametrize("event", [
    review(method="GET"), make_event("x", "text/csv"), make_event("{", "application/json"),
], ids=["405", "415", "400"])
def test_a_refusal_can_be_read_by_the_page_too(event: dict[str, Any]) -> None:
    assert call(event).headers[CORS + "allow-origin"] == PAGE


def test_an_error_of_the_endpoint_can_be_read_by_the_page_too(runtime: Runtime) -> None:
    runtime.script.appendleft(Fault(530, "InternalDependencyException"))
    reply = call(review())
    assert (reply.status, reply.headers[CORS + "allow-origin"]) == (502, PAGE)


@pytest.mark.parametrize("origin", [
    "https://page.example.evil.example", "http://page.example", "https://page.example:8443", "null",
    "*", "", None,
])
def test_another_page_gets_no_permission(origin: str | None) -> None:
    for method in ("OPTIONS", "POST"):
        reply = call(review(method=method, origin=origin))
        assert [name for name in reply.headers if name.startswith(CORS)] == []
        assert reply.headers["vary"] == "Origin"


@pytest.mark.parametrize(("shape", "ours"), [
    ("rest", True), ("http_api", False), ("function_url", False),
])
def test_where_the_platform_adds_the_headers_we_add_none(
    shape: str, ours: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CORS_BY_PLATFORM", "true")
    reply = call(review(shape=shape))
    assert (CORS + "allow-origin" in reply.headers) is ours
    assert ("vary" in reply.headers) is ours


def test_an_http_api_may_send_the_old_format(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CORS_BY_PLATFORM", "true")
    reply = call(recorded("rest") | {"version": "1.0"})
    assert reply.status == 200
    assert "vary" not in reply.headers
