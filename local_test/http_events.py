"""HTTP requests as events for Lambda, and replies of Lambda as HTTP answers.

In three shapes: `http`, an HTTP API with format 2.0; `rest`, a REST API; `url`, a function URL.
Sources: requirements L2 and L3, and the recorded events in tests/lambda/events.
"""

from __future__ import annotations

import base64
import json
import secrets
import time
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs

SHAPES = ("http", "rest", "url")

_ACCOUNT = "111122223333"
_API = "abcdef1234"
_JSON = "application/json"
# What arrives as text in format 2.0, beside text/*; all else, and what has no type, as base64.
_TEXTS = (_JSON, "application/javascript", "application/xml")
# About one connection, so they are not passed on.
_HOP_BY_HOP = ("connection", "content-length", "keep-alive", "transfer-encoding")


class MalformedReplyError(Exception):
    """The reply does not have the form that its gateway takes."""


@dataclass(frozen=True)
class Request:
    """What a client sent."""

    method: str
    path: str
    query: str
    protocol: str
    headers: Sequence[tuple[str, str]]
    body: bytes
    client: str
    """Its IP address."""

    def header(self, wanted: str) -> str:
        return ",".join(value for name, value in self.headers if name.lower() == wanted)


@dataclass(frozen=True)
class Answer:
    """What is sent back."""

    status: int
    headers: Sequence[tuple[str, str]]
    body: bytes


def make_event(shape: str, request: Request) -> dict[str, Any]:
    """The event that the gateway of this shape makes of a request."""
    return _rest_event(request) if shape == "rest" else _event(request, is_url=shape == "url")


def _event(request: Request, *, is_url: bool) -> dict[str, Any]:
    """Format 2.0. What is absent has no key."""
    host = request.header("host")
    route = "$default" if is_url else f"{request.method} {request.path}"
    now = time.time()
    names = dict.fromkeys(name.lower() for name, _ in request.headers)
    event: dict[str, Any] = {
        "version": "2.0", "routeKey": route, "rawPath": request.path,
        "rawQueryString": request.query,
        "headers": {name: request.header(name) for name in names if name != "cookie"},
        "requestContext": {
            "accountId": "anonymous" if is_url else _ACCOUNT, "apiId": _API, "domainName": host,
            "domainPrefix": host.partition(".")[0],
            "http": {"method": request.method, "path": request.path, "protocol": request.protocol,
                     "sourceIp": request.client, "userAgent": request.header("user-agent")},
            "requestId": (str(uuid.uuid4()) if is_url
                          else base64.b64encode(secrets.token_bytes(11)).decode()),
            "routeKey": route, "stage": "$default",
            "time": time.strftime("%d/%b/%Y:%H:%M:%S +0000", time.gmtime(now)),
            "timeEpoch": int(now * 1000)},
        "isBase64Encoded": False}
    if "cookie" in names:
        event["cookies"] = [part.strip() for name, value in request.headers
                            if name.lower() == "cookie" for part in value.split(";")]
    if request.query:
        event["queryStringParameters"] = {name: ",".join(values)
                                          for name, values in _parameters(request).items()}
    if request.body:
        media = request.header("content-type").partition(";")[0].strip().lower()
        is_text = media.startswith("text/") or media in _TEXTS
        event["isBase64Encoded"] = not is_text
        event["body"] = (request.body.decode(errors="replace") if is_text
                         else base64.b64encode(request.body).decode())
    return event


def _rest_event(request: Request) -> dict[str, Any]:
    """Format 1.0. What is absent is null, and every body is text: no binary types are set up."""
    several: dict[str, list[str]] = {}
    for name, value in request.headers:
        if name.lower() != "content-length":
            several.setdefault(name, []).append(value)
    parameters = _parameters(request)
    return {
        "resource": request.path, "path": request.path, "httpMethod": request.method,
        "headers": {name: values[-1] for name, values in several.items()},
        "multiValueHeaders": several,
        "queryStringParameters": {name: values[-1] for name, values in parameters.items()} or None,
        "multiValueQueryStringParameters": parameters or None,
        "pathParameters": None, "stageVariables": None,
        "requestContext": {
            "accountId": _ACCOUNT, "apiId": _API, "httpMethod": request.method,
            "identity": {"sourceIp": request.client, "userAgent": request.header("user-agent")},
            "path": f"/prod{request.path}", "protocol": request.protocol,
            "requestId": str(uuid.uuid4()), "resourceId": "123456", "resourcePath": request.path,
            "stage": "prod"},
        "body": request.body.decode(errors="replace") or None, "isBase64Encoded": False}


def _parameters(request: Request) -> dict[str, list[str]]:
    return parse_qs(request.query, keep_blank_values=True)


def read_reply(shape: str, reply: object) -> Answer:
    """The answer that the gateway of this shape makes of a function's reply.

    Raises:
        MalformedReplyError: it makes none of it; the message says why.
    """
    if shape != "rest" and not (isinstance(reply, dict) and "statusCode" in reply):
        return Answer(200, [("content-type", _JSON)], json.dumps(reply).encode())
    if not isinstance(reply, dict):
        raise MalformedReplyError("the reply is no object")
    status, body = reply.get("statusCode"), reply.get("body")
    if body is None:
        body = ""
    if not isinstance(status, int) or not 200 <= status <= 599:
        raise MalformedReplyError("statusCode is no status")
    if not isinstance(body, str):
        raise MalformedReplyError("body is no string")
    headers = _headers(shape, reply)
    if not any(name.lower() == "content-type" for name, _ in headers):
        headers.append(("content-type", _JSON))
    return Answer(status, headers, _bytes(shape, reply, body))


def _headers(shape: str, reply: Mapping[str, Any]) -> list[tuple[str, str]]:
    headers = reply.get("headers") or {}
    several = (reply.get("multiValueHeaders") or {}) if shape == "rest" else {}
    cookies = [] if shape == "rest" else reply.get("cookies") or []
    try:
        found = [(name, str(value)) for name, value in headers.items() if name not in several]
        found += [(name, str(value)) for name, values in several.items() for value in values]
        found += [("set-cookie", str(cookie)) for cookie in cookies]
    except (AttributeError, TypeError):
        raise MalformedReplyError("the headers are no headers") from None
    if not all(part.isascii() and part.isprintable() for pair in found for part in pair):
        raise MalformedReplyError("a header has a letter that is not ASCII, or a line break")
    return [(name, value) for name, value in found if name.lower() not in _HOP_BY_HOP]


def _bytes(shape: str, reply: Mapping[str, Any], body: str) -> bytes:
    if shape == "rest" or reply.get("isBase64Encoded") is not True:
        return body.encode(errors="replace")
    try:
        return base64.b64decode(body, validate=True)
    except ValueError:
        raise MalformedReplyError("body is no base64") from None
