"""What is refused before the endpoint is asked."""

from __future__ import annotations

import json
from typing import Any

import pytest

from proxying import call, make_event, review
from runtime_standin import Fault, Runtime


@pytest.fixture(autouse=True)
def answers(runtime: Runtime) -> None:
    runtime.script.append(Fault(200, raw=b"1"))


@pytest.mark.parametrize(("sent", "body", "forwarded"), [
    ("text/plain", "Fine.", "text/plain"),
    ("text/plain;charset=UTF-8", "Fine.", "text/plain"),
    ('TEXT/Plain ; charset="utf-8"', "Fine.", "text/plain"),
    (None, "Fine.", "text/plain"),
    (";", "Fine.", "text/plain"),
    ("application/octet-stream", "Fine.", "text/plain"),
    (None, ' {"text": "Fine."}', "application/json"),
    ("application/octet-stream", '["Fine."]', "application/json"),
    ("application/json; charset=utf-8", '["Fine."]', "application/json"),
    ("application/json", '{"text": "Fine.", "explain": true}', "application/json"),
    ("application/json", '[{"text": "Fine."}, "Bad."]', "application/json"),
    ("application/json", '{"instances": [{"text": "Fine."}], "explain": true}', "application/json"),
])
def test_a_body_goes_on_as_it_came(
    sent: str | None, body: str, forwarded: str, runtime: Runtime
) -> None:
    assert call(make_event(body, sent)).status == 200
    [seen] = runtime.seen
    assert (seen.headers["Content-Type"], seen.body.decode()) == (forwarded, body)


@pytest.mark.parametrize("media", [
    "text/csv", "application/x-www-form-urlencoded", "text/html", "text/plain; charset=latin-1",
    "image/png", "text/plain, application/json",
])
def test_other_types_are_refused(media: str, runtime: Runtime) -> None:
    assert call(make_event("Fine.", media)).status == 415
    assert runtime.seen == []


@pytest.mark.parametrize("body", [
    "{", "nothing", '"Fine."', "[]", "{}", "null", "7", '{"text": 7}',
    '{"text": null}', '{"review": "Fine."}',
    '{"instances": []}', '{"instances": {"text": "Fine."}}', '{"instances": ["Fine.", 7]}',
    '[["Fine."]]', "[" * 100_000, '{"text": "Fine."} {}', "1" * 10_000,
], ids=lambda body: body[:30])
def test_json_of_another_shape_is_refused(body: str, runtime: Runtime) -> None:
    assert call(make_event(body)).status == 400
    assert runtime.seen == []


def test_a_refusal_names_the_review_but_does_not_repeat_it(runtime: Runtime) -> None:
    reply = call(make_event(json.dumps(["Fine.", {"film": "secret"}])))
    assert reply.status == 400
    assert reply.message.startswith("review 2 ")
    assert "secret" not in reply.body


LIMITS = {"MAX_BODY_BYTES": "100", "MAX_RECORDS": "3", "MAX_CHARACTERS": "40"}


@pytest.fixture
def small_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in LIMITS.items():
        monkeypatch.setenv(name, value)


@pytest.mark.usefixtures("small_limits")
@pytest.mark.parametrize(("event", "status", "limit"), [
    (review("x" * 40), 200, ""),
    (review("x" * 41), 413, "40"),
    (review("ö" * 40), 200, ""),
    (review("ö" * 51), 413, "100"),
    (make_event(b"x" * 101, "text/plain"), 413, "100"),
    (make_event('["a", "b", "c"]'), 200, ""),
    (make_event('["a", "b", "c", "d"]'), 413, "3"),
    (make_event('{"instances": ["a", "b", "c", "d"]}'), 413, "3"),
    (make_event(json.dumps(["x", "x" * 41])), 413, "40"),
    (make_event(json.dumps({"text": "x" * 41})), 413, "40"),
])
def test_a_limit_holds_to_the_last_one(
    event: dict[str, Any], status: int, limit: str, runtime: Runtime
) -> None:
    reply = call(event)
    assert reply.status == status
    assert len(runtime.seen) == (status == 200)
    assert not limit or f"at most {limit} " in reply.message


def test_an_answer_that_lambda_could_not_hand_back_is_refused(runtime: Runtime) -> None:
    runtime.script.appendleft(Fault(200, raw=b'"' * 3_000_001))
    reply = call(review())
    assert reply.status == 413
    assert "fewer reviews" in reply.message
