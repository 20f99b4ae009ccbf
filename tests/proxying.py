"""Events for the Lambda function in the three recorded shapes, and its replies, checked."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import sentiment_proxy

SHAPES = ("rest", "http_api", "function_url")
ENDPOINT = "sentiment"
PAGE = "https://page.example"
"""The origin in the recorded events."""
LAMBDA_REQUEST_ID = "11111111-2222-3333-4444-555555555555"

_EVENTS = Path(__file__).parent / "lambda" / "events"


@dataclass
class Context:
    """Lambda's own, as far as the function uses it."""

    left_ms: int = 29_000
    aws_request_id: str = LAMBDA_REQUEST_ID

    def get_remaining_time_in_millis(self) -> int:
        return self.left_ms


class Reply(NamedTuple):
    """What a gateway makes of the function's answer."""

    status: int
    headers: dict[str, str]
    body: str

    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def message(self) -> str:
        error = self.json()["error"]
        assert error["code"] == self.status
        return str(error["message"])


def recorded(shape: str) -> dict[str, Any]:
    """An event as a gateway sent it."""
    event: dict[str, Any] = json.loads((_EVENTS / f"{shape}.json").read_text())
    return event


def make_event(body: str | bytes | None, media: str | None = "application/json",
               shape: str = "http_api", *, method: str = "POST",
               **headers: str | None) -> dict[str, Any]:
    """A recorded event with another body and other headers; None takes a header away."""
    event = recorded(shape)
    event["isBase64Encoded"] = isinstance(body, bytes)
    event["body"] = base64.b64encode(body).decode() if isinstance(body, bytes) else body
    wanted = {"content-type": media,
              **{name.replace("_", "-"): value for name, value in headers.items()}}
    kept = {name: value for name, value in event["headers"].items() if name.lower() not in wanted}
    event["headers"] = {**kept, **{name: value for name, value in wanted.items() if value}}
    event.pop("multiValueHeaders", None)
    if shape == "rest":
        event["httpMethod"] = method
    else:
        event["requestContext"]["http"]["method"] = method
    return event


def call(event: Any, left_ms: int = 29_000) -> Reply:
    """The function's answer, which must have the form that gateways take."""
    answer = json.loads(json.dumps(sentiment_proxy.handler(event, Context(left_ms))))
    assert set(answer) == {"isBase64Encoded", "statusCode", "headers", "body"}
    assert answer["isBase64Encoded"] is False
    assert isinstance(answer["body"], str)
    assert all(isinstance(value, str) for value in answer["headers"].values())
    assert {"content-type", "x-request-id"} <= set(answer["headers"])
    return Reply(answer["statusCode"], answer["headers"], answer["body"])


def review(text: str = "A fine film.", **kwargs: Any) -> dict[str, Any]:
    """An event with one review as plain text."""
    return make_event(text, "text/plain", **kwargs)
