"""Events to requests, and answers to replies: the three shapes in which HTTP reaches a Lambda.

A REST API sends format 1.0 without naming it, an HTTP API 1.0 or 2.0 by choice, a function URL 2.0.
Sources: requirements L2 and L4.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from failures import RefusalError
from settings import Settings

REQUEST_ID = "x-request-id"


@dataclass(frozen=True)
class Request:
    """What the rest of the code sees of an event."""

    request_id: str
    method: str = ""
    """Empty for an event that is no HTTP request."""
    headers: Mapping[str, str] | None = None
    """By name in lower case."""
    content: str = ""
    is_base64: bool = False
    is_rest: bool = False
    """From a REST API, which never adds CORS headers to an answer of ours."""

    def header(self, name: str) -> str:
        return (self.headers or {}).get(name, "")

    def body(self) -> bytes:
        """The body as the browser sent it.

        Raises:
            RefusalError: it is not the base64, or not the text, that the event says it is.
        """
        try:
            if self.is_base64:
                return base64.b64decode(self.content, validate=True)
            return self.content.encode()
        except (binascii.Error, ValueError):
            raise RefusalError(400, "the body is damaged; send it as UTF-8") from None


def parse(event: Any, fallback_id: str) -> Request:
    """Read an event of any shape. It refuses nothing: also a refusal needs a request to answer."""
    event = _mapping(event)
    about = _mapping(event.get("requestContext"))
    if event.get("version") == "2.0":
        method = _mapping(about.get("http")).get("method")
    else:
        method = event.get("httpMethod")
    content = event.get("body")
    return Request(
        _usable_id(about.get("requestId")) or fallback_id,
        method.upper() if isinstance(method, str) else "",
        _headers(event),
        content if isinstance(content, str) else "",
        event.get("isBase64Encoded") is True,
        "version" not in event,
    )


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _headers(event: Mapping[str, Any]) -> dict[str, str]:
    several = {name: values[-1] for name, values in _mapping(event.get("multiValueHeaders")).items()
               if isinstance(values, list) and values}
    found = {**several, **_mapping(event.get("headers"))}
    return {name.lower(): value for name, value in found.items() if isinstance(value, str)}


def _usable_id(value: object) -> str:
    """An id as the endpoint takes it for its own log: 64 visible characters."""
    return re.sub(r"[^!-~]", "", value)[:64] if isinstance(value, str) else ""


def cors_headers(request: Request, settings: Settings) -> dict[str, str]:
    """The headers that let a listed page read the answer, unless the platform adds them."""
    if settings.cors_by_platform and not request.is_rest:
        return {}
    # Whoever keeps an answer must not give one page's to another.
    headers = {"vary": "Origin"}
    origin = request.header("origin")
    if origin in settings.allowed_origins:
        headers["access-control-allow-origin"] = origin
        headers["access-control-expose-headers"] = f"retry-after, {REQUEST_ID}"
    return headers


def preflight_headers() -> dict[str, str]:
    """What a listed page may send."""
    return {"access-control-allow-methods": "POST, OPTIONS",
            "access-control-allow-headers": "content-type",
            "access-control-max-age": "600"}


def reply(status: int, body: str, headers: Mapping[str, str]) -> dict[str, Any]:
    """An answer in the form that all three kinds of gateway take."""
    return {"isBase64Encoded": False, "statusCode": status, "headers": dict(headers), "body": body}
