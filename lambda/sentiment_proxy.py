"""The Lambda function between a web page and the endpoint: `sentiment_proxy.handler`.

It parses the event, looks at the body, forwards it and answers; nothing happens on import.
Sources: requirements L1-L7.
"""

from __future__ import annotations

import json
import os
import time
import traceback
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from functools import cache
from typing import Any, Protocol

import boto3
from botocore.config import Config

from events import REQUEST_ID, Request, cors_headers, parse, preflight_headers, reply
from failures import Failure, OutOfTimeError, RefusalError, describe
from reviews import JSON, PLAIN, check
from settings import Settings, read_settings

ATTEMPTS = 2
CONNECT_TIMEOUT = 2
RESERVE = 2.0
"""Seconds for the pause between two attempts (at most one) and for answering."""
LARGEST_ANSWER = 6_000_000
"""Bytes of a reply that Lambda hands back, with some room for headers."""


class Context(Protocol):
    """What is used of the object that Lambda passes."""

    aws_request_id: str

    def get_remaining_time_in_millis(self) -> int: ...


@dataclass
class Facts:
    """What the log says about a request. Never any of its text."""

    reviews: int = 0
    bytes_in: int = 0


@dataclass(frozen=True)
class Answer:
    """A body with its type, and whatever other headers it needs."""

    status: int
    body: str
    headers: Mapping[str, str]


@cache
def _settings() -> Settings:
    return read_settings(os.environ)


@cache
def _client(read_timeout: int) -> Any:
    """Made by the first request and kept; a second one only where less time is left."""
    return boto3.client("sagemaker-runtime", config=Config(
        connect_timeout=CONNECT_TIMEOUT, read_timeout=read_timeout,
        retries={"mode": "standard", "total_max_attempts": ATTEMPTS}))


def handler(event: Any, context: Context) -> dict[str, Any]:
    """Answer one HTTP request. The one door at which an error becomes a status."""
    started = time.monotonic()
    request = parse(event, context.aws_request_id)
    facts = Facts()
    headers = {REQUEST_ID: request.request_id}
    failure = None
    trace: list[str] = []
    try:
        settings = _settings()
        headers |= cors_headers(request, settings)
        answer = _answer(request, settings, context, facts)
    except Exception as error:
        failure = describe(error)
        if failure.status == 500:
            trace = traceback.format_tb(error.__traceback__)  # lines of code, no values
        answer = _error_answer(failure, error)
    _log(request, context, answer, facts, failure, trace, time.monotonic() - started)
    return reply(answer.status, answer.body, {**headers, **answer.headers})


def _answer(request: Request, settings: Settings, context: Context, facts: Facts) -> Answer:
    if request.method == "OPTIONS":
        return _preflight(request, settings)
    if not request.method:
        raise RefusalError(400, "this is not an event of API Gateway or of a function URL")
    if request.method != "POST":
        raise RefusalError(405, f"{request.method[:20]} is not allowed; use POST",
                           {"allow": "POST, OPTIONS"})
    body = request.body()
    facts.bytes_in = len(body)
    media, facts.reviews = check(body, request.header("content-type"), settings)
    return _invoke(body, media, request, settings, context)


def _preflight(request: Request, settings: Settings) -> Answer:
    """A page that is not on the list gets no permission, and its browser sends nothing."""
    cors = cors_headers(request, settings)
    allowed = preflight_headers() if "access-control-allow-origin" in cors else {}
    return Answer(204, "", {"content-type": PLAIN, **allowed})


def _invoke(body: bytes, media: str, request: Request, settings: Settings,
            context: Context) -> Answer:
    client = _client(_read_timeout(settings, context.get_remaining_time_in_millis()))
    response = client.invoke_endpoint(
        EndpointName=settings.endpoint_name, Body=body, ContentType=media, Accept=media,
        InferenceId=request.request_id)
    with closing(response["Body"]) as stream:
        text = stream.read().decode(errors="replace")
    # As it travels to the gateway: a string within JSON.
    if len(json.dumps(text)) > LARGEST_ANSWER:
        raise RefusalError(413, "the answer is larger than can be sent; send fewer reviews, or "
                                'leave "explain" out')
    return Answer(200, text, {"content-type": response.get("ContentType") or media})


def _read_timeout(settings: Settings, left_ms: int) -> int:
    """Seconds for each attempt, so that all of them end before Lambda ends the function.

    In whole seconds, so that requests share a client.
    """
    fitting = int((left_ms / 1000 - RESERVE) / ATTEMPTS - CONNECT_TIMEOUT)
    if fitting < 1:
        raise OutOfTimeError(f"{left_ms} ms are left, too few for {ATTEMPTS} attempts; raise the "
                             "function's timeout")
    return min(settings.read_timeout, fitting)


def _error_answer(failure: Failure, error: Exception) -> Answer:
    headers = {"content-type": JSON}
    if failure.retry_after is not None:
        headers["retry-after"] = str(failure.retry_after)
    if isinstance(error, RefusalError):
        headers |= error.headers
    message = {"error": {"code": failure.status, "message": failure.message}}
    return Answer(failure.status, json.dumps(message), headers)


def _log(request: Request, context: Context, answer: Answer, facts: Facts, failure: Failure | None,
         trace: list[str], seconds: float) -> None:
    """One JSON object a line: Lambda hands standard output to CloudWatch."""
    entry: dict[str, Any] = {
        "request_id": request.request_id, "lambda_request_id": context.aws_request_id,
        "method": request.method[:20], "status": answer.status, "ms": round(seconds * 1000, 1),
        "reviews": facts.reviews, "bytes_in": facts.bytes_in,
        "bytes_out": len(answer.body.encode())}
    if failure:
        entry["error"] = failure.code
        if failure.detail:
            entry["detail"] = failure.detail
        if failure.log_stream and failure.status >= 500:
            entry["log_stream"] = failure.log_stream
    if trace:
        entry["trace"] = "".join(trace)
    print(json.dumps(entry), flush=True)
