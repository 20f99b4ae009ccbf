"""The Flask application: routes, statuses and one log line per request. It is given a predictor.

Sources: requirements S6, S8-S13, B1-B5. The one door at which an error becomes a status.
"""

from __future__ import annotations

import gzip
import io
import json
import logging
import secrets
import time
import traceback
import zlib
from contextlib import suppress
from dataclasses import dataclass

from flask import Flask, Response, request
from gunicorn.http.errors import ParseException
from werkzeug.exceptions import ClientDisconnected, HTTPException, MethodNotAllowed

from contract.algorithm import Predictor
from contract.errors import RequestError, UserError, expected
from contract.serving import codec, media
from contract.serving.gate import Deadline, Gate, Turn
from contract.serving.settings import LARGEST_BODY_MB, MEGABYTE, Settings

log = logging.getLogger("access")

INFERENCE_ID = "X-Amzn-SageMaker-Inference-Id"

_MESSAGE_LIMIT = 500

# What reading a body raises when the client is gone or its chunks are damaged.
_BROKEN_BODY = (OSError, ParseException, ClientDisconnected)


@dataclass
class Facts:
    """What the log says about a request. Never any of its text."""

    reviews: int = 0
    bytes_in: int = 0
    model_ms: float = 0.0
    """Of the call that answered it, which other requests may have shared."""
    shared: int = 0
    """Reviews in that call."""


def create_app(predictor: Predictor, settings: Settings) -> Flask:
    """The application, ready to be served by several threads."""
    app = Flask(__name__, static_folder=None)
    # One more than allowed: Werkzeug cuts a chunked body here without a word, and `_body` must see
    # that there was more.
    app.config["MAX_CONTENT_LENGTH"] = settings.max_body + 1
    app.config["PROVIDE_AUTOMATIC_OPTIONS"] = False
    app.url_map.merge_slashes = False  # or `//ping` would be redirected
    gate = Gate(predictor, settings.queue)

    @app.get("/ping")
    def ping() -> Response:
        # The model was loaded before the fork: whoever can answer this can answer for it.
        return Response(status=200, content_type=media.JSON)

    @app.get("/execution-parameters")
    def execution_parameters() -> Response:
        return _json(200, settings.execution_parameters)

    @app.post("/invocations")
    def invocations() -> Response:
        started = time.monotonic()
        facts = Facts()
        try:
            response = _invoke(predictor, settings, gate, facts)
        except Exception as error:
            response = _failure(error)
        if response.status_code == 413:
            _discard_rest(Deadline(settings.deadline))
        _log_request(response, facts, time.monotonic() - started)
        return response

    @app.errorhandler(Exception)
    def failed(error: Exception) -> Response:
        response = _failure(error)
        _log_request(response, Facts(), 0.0)
        return response

    return app


def _invoke(predictor: Predictor, settings: Settings, gate: Gate, facts: Facts) -> Response:
    deadline = Deadline(settings.deadline)
    body = _body(settings.max_body)
    facts.bytes_in = len(body)
    sent = media.request_type(request.headers.get("Content-Type"), body)
    wanted = media.answer_type(request.headers.get("Accept"), sent, settings.default_accept)
    asked = codec.decode(body, sent, batch=settings.batch)
    facts.reviews = len(asked.records)
    instances = [_read(predictor, asked, place) for place in range(len(asked.records))]
    good = [instance for instance in instances if not isinstance(instance, UserError)]
    turn = Turn(good, deadline)
    try:
        predictions = gate.predict(turn) if good else []
    finally:
        facts.model_ms, facts.shared = turn.seconds * 1000, turn.shared
    in_order = iter(predictions)
    answers = [instance if isinstance(instance, UserError) else next(in_order)
               for instance in instances]
    content = codec.encode(answers, asked.shape, wanted, lambda: predictor.counts(predictions),
                           batch=settings.batch)
    return Response(content, content_type=wanted.spelled)


def _read(predictor: Predictor, asked: codec.Request, place: int) -> object:
    """One record as the predictor wants it, or its error if the request tolerates that.

    Raises:
        UserError: the record cannot be used, and the request tolerates none of that.
    """
    record = asked.records[place]
    try:
        if isinstance(record, UserError):
            raise record
        return predictor.read(record, asked.options)
    except UserError as error:
        if asked.tolerant:
            return error
        where = "" if asked.shape is codec.Shape.ONE else f"record {place + 1}: "
        raise UserError(f"{where}{error}") from None


def _body(limit: int) -> bytes:
    """The whole body, decompressed.

    Raises:
        UserError: it is cut off or damaged.
        RequestError: 413 beyond `limit` bytes, 415 for an encoding other than gzip.
    """
    try:
        body = request.get_data(cache=False)
    except _BROKEN_BODY as error:
        if BlockingIOError in (type(error), type(error.__context__)):  # Werkzeug wraps it
            raise RequestError(408, "the body stopped coming; send it again") from None
        raise UserError("the body is damaged or cut off; send it again") from None
    if len(body) < (request.content_length or 0):
        raise UserError(f"the body is cut off: {len(body)} bytes came, Content-Length is "
                        f"{request.content_length}; send it again")
    if len(body) > limit:
        raise RequestError(413, _too_large(limit))
    encoding = request.headers.get("Content-Encoding", "identity").strip().lower()
    if encoding in ("identity", ""):
        return body
    if encoding != "gzip":
        raise RequestError(415, f"Content-Encoding {encoding[:30]!r} is not supported; send gzip "
                                "or none")
    try:
        with gzip.GzipFile(fileobj=io.BytesIO(body)) as stream:
            plain = stream.read(limit + 1)
    except (OSError, EOFError, zlib.error):
        raise UserError("the gzip body is damaged or cut off") from None
    if len(plain) > limit:
        raise RequestError(413, _too_large(limit))
    return plain


def _discard_rest(deadline: Deadline) -> None:
    """Read what is left of a body that is refused, within reason.

    A client that is still sending would see a broken connection, and never the answer.
    """
    stream = request.environ["wsgi.input"]
    left = LARGEST_BODY_MB * MEGABYTE
    with suppress(*_BROKEN_BODY):
        while left > 0 and deadline.left > 0 and (piece := stream.read(MEGABYTE)):
            left -= len(piece)


def _failure(error: Exception) -> Response:
    """An error as a response: status by class, a short sentence, never a trace."""
    if isinstance(error, HTTPException):
        status, message = _http_words(error)
        response = _json(status, codec.error_object(status, message))
        if isinstance(error, MethodNotAllowed) and error.valid_methods:
            response.headers["Allow"] = ", ".join(sorted(error.valid_methods))
        return response
    known = expected(error)
    if isinstance(known, RequestError):
        response = _json(known.status, codec.error_object(known.status, _short(known)))
        if known.retry_after is not None:
            response.headers["Retry-After"] = str(known.retry_after)
        return response
    if isinstance(known, UserError):
        return _json(400, codec.error_object(400, _short(known)))
    # Without the error's own words, which may hold some of the request's text.
    log.error("request failed: %s", known or type(error).__name__, extra={"fields": {
        "trace": "".join(traceback.format_tb(error.__traceback__))}})
    status = 500 if known is None else 503
    return _json(status, codec.error_object(status, "the server failed; its log says why"))


def _http_words(error: HTTPException) -> tuple[int, str]:
    """Flask's own refusals in our words."""
    status = error.code or 500
    words = {
        404: "no such route; there are GET /ping, POST /invocations and GET /execution-parameters",
        405: f"{request.method} is not allowed here; use POST for /invocations, GET otherwise",
        413: _too_large((request.max_content_length or 1) - 1),
    }
    return status, words.get(status, error.name)


def _too_large(limit: int) -> str:
    return (f"the body is larger than {limit} bytes; send fewer records, or raise "
            "SAGEMAKER_MAX_PAYLOAD_IN_MB")


def _short(error: Exception) -> str:
    message = str(error)
    return message if len(message) <= _MESSAGE_LIMIT else message[:_MESSAGE_LIMIT - 3] + "..."


def _json(status: int, value: object) -> Response:
    return Response(json.dumps(value), status=status, content_type=media.JSON)


def _log_request(response: Response, facts: Facts, seconds: float) -> None:
    log.info("request", extra={"fields": {
        "request_id": request.headers.get(INFERENCE_ID, "")[:64] or secrets.token_hex(8),
        "method": request.method, "path": request.path[:100], "status": response.status_code,
        "ms": round(seconds * 1000, 2), "model_ms": round(facts.model_ms, 2),
        "reviews": facts.reviews, "shared": facts.shared, "bytes_in": facts.bytes_in,
        "bytes_out": response.content_length or 0}})
