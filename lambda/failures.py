"""Every way a call can fail, and what the browser is told: the table of lambda/README.md.

Failures are told apart by class and code. Their text is read only where one code stands for several
faults, which the platform does in `ValidationError` and where a container took too long.
Source: requirement L6.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectionError,  # noqa: A004 - botocore's own, the base of its connection errors
    ConnectTimeoutError,
    HTTPClientError,
    IncompleteReadError,
    ReadTimeoutError,
)
from botocore.parsers import ResponseParserError

from settings import SettingsError

SOON = 5
"""Seconds after which a busy endpoint is worth another try."""
LOADING = 10
"""Seconds after which a model may have been loaded."""

_MESSAGE_LIMIT = 300


class RefusalError(Exception):
    """A request that is answered without asking the endpoint; the message is for the caller."""

    def __init__(self, status: int, message: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.headers = dict(headers or {})


class OutOfTimeError(Exception):
    """Lambda would end the function before the endpoint could answer."""


@dataclass(frozen=True)
class Failure:
    """An answer that is an error, and what only the log is told."""

    status: int
    message: str
    retry_after: int | None = None
    code: str = ""
    """What went wrong, in one word."""
    detail: str = ""
    """For the operator. Never any of the request's text."""
    log_stream: str = ""


_BUSY = Failure(503, "the model is busy; try again in a few seconds", SOON)
_TOO_SLOW = Failure(504, "the model did not answer in time; try again, or send less")
_BROKEN = Failure(502, "the model failed; its log says why")
_UNREACHABLE = Failure(502, "the model cannot be reached")
_OURS = Failure(500, "this service is not set up as it should be; its log says why")
_TOO_LARGE = Failure(413, "the request is larger than the endpoint takes; send less")

# Codes of ClientError, which are the names of its classes where it has any.
_BY_CODE = {
    "ModelNotReadyException": Failure(503, "the model is being loaded; try again", LOADING),
    "ServiceUnavailable": _BUSY,
    "InternalFailure": _BROKEN,
    "InternalDependencyException": _BROKEN,
    "413": _TOO_LARGE,
    **dict.fromkeys(
        ("ThrottlingException", "Throttling", "ThrottledException", "RequestLimitExceeded",
         "TooManyRequestsException", "429"),
        Failure(429, "too many requests; try again in a few seconds", SOON)),
    **dict.fromkeys(
        ("AccessDeniedException", "ExpiredToken", "ExpiredTokenException",
         "UnrecognizedClientException", "InvalidSignatureException", "IncompleteSignature",
         "MissingAuthenticationTokenException", "InvalidClientTokenId", "OptInRequired"), _OURS),
}

# By the container's own status, in a ModelError. Below 500, what is not here is our mistake:
# the caller chooses neither the route nor `Accept`.
_BY_CONTAINER_STATUS = {0: _TOO_SLOW, 429: _BUSY, 503: _BUSY, 504: _TOO_SLOW}
_CALLERS_MISTAKES = {400, 413, 415, 422}

# In this order: a timeout while connecting is a connection error as well.
_BY_CLASS: tuple[tuple[type[Exception], Failure], ...] = (
    (ReadTimeoutError, _TOO_SLOW),
    (ConnectTimeoutError, _TOO_SLOW),
    (ConnectionError, _UNREACHABLE),
    (HTTPClientError, _UNREACHABLE),
    (IncompleteReadError, _BROKEN),
    (ResponseParserError, _BROKEN),
    (BotoCoreError, _OURS),
)


def describe(error: Exception) -> Failure:
    """What to answer for an error, whatever it is."""
    if isinstance(error, RefusalError):
        return Failure(error.status, str(error), code="Refused")
    if isinstance(error, SettingsError):
        return replace(_OURS, code="SettingsError", detail=str(error))
    if isinstance(error, OutOfTimeError):
        return replace(_TOO_SLOW, code="OutOfTime", detail=str(error))
    if isinstance(error, ClientError):
        return _client_error(error.response)
    for kind, failure in _BY_CLASS:
        if isinstance(error, kind):
            return replace(failure, code=type(error).__name__)
    return Failure(500, "this service failed; its log says why", code=type(error).__name__)


def _client_error(response: Mapping[str, Any]) -> Failure:
    code = str(response["Error"].get("Code", ""))
    message = str(response["Error"].get("Message", ""))
    if code == "ModelError":
        return _model_error(response, message)
    if code == "ValidationError":
        return _validation_error(message)
    failure = _BY_CODE.get(code)
    if failure is _OURS:
        return replace(failure, code=code, detail=message)  # it names a role and an action
    return replace(failure or _by_http_status(response), code=code)


def _by_http_status(response: Mapping[str, Any]) -> Failure:
    """For codes that nobody documented."""
    status = response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    return _BROKEN if status >= 500 else _OURS


def _model_error(response: Mapping[str, Any], message: str) -> Failure:
    """The container refused, failed or took too long."""
    status = response.get("OriginalStatusCode", 0)
    if status in _CALLERS_MISTAKES:
        failure = Failure(status, _containers_words(str(response.get("OriginalMessage", ""))))
    elif status in _BY_CONTAINER_STATUS:
        failure = _BY_CONTAINER_STATUS[status]
    elif "timed out" in message:  # the platform's words, under a status that says less
        failure = _TOO_SLOW
    else:
        failure = _BROKEN if status >= 500 else _OURS
    return replace(failure, code=f"ModelError {status}",
                   log_stream=str(response.get("LogStreamArn", "")))


def _containers_words(original: str) -> str:
    """The sentence in `{"error": {"message": ...}}`. Other containers' words are not passed on."""
    try:
        message = json.loads(original)["error"]["message"]
    except (ValueError, LookupError, TypeError, RecursionError):
        message = None
    if not isinstance(message, str):
        return "the model cannot use this request"
    return message if len(message) <= _MESSAGE_LIMIT else message[:_MESSAGE_LIMIT - 3] + "..."


def _validation_error(message: str) -> Failure:
    """One code for several faults, so their text must be read."""
    if re.match(r"Endpoint \S+ of account \S+ not found", message):
        return Failure(503, "the model is not deployed", code="ValidationError", detail=message)
    if "oversize body" in message or "at 'body' failed" in message:
        return replace(_TOO_LARGE, code="ValidationError")
    return Failure(400, "the endpoint does not take this request", code="ValidationError")
