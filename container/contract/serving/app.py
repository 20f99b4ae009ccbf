"""The Flask application: routes, statuses and one log line per request. It is given a predictor.

Sources: requirements S6, S8-S13, B1-B5. The one door at which an error becomes a status.
"""

from __future__ import annotations

import json
import logging
import random
import time
import traceback
from collections.abc import Callable

from flask import Flask, Response, current_app, request
from werkzeug.exceptions import HTTPException, MethodNotAllowed

from contract.algorithm import Predictor
from contract.errors import RequestError, UserError, expected
from contract.serving import codec, media
from contract.serving.bodies import BrokenBodyError, discard_rest
from contract.serving.figures import CONTENT_TYPE, Figures
from contract.serving.gate import Deadline, Gate
from contract.serving.invocation import Facts, invoke
from contract.serving.pace import CONNECTION, Abandoned
from contract.serving.room import RECORDS, Room
from contract.serving.settings import LARGEST_BODY_MB, MEGABYTE, Settings

log = logging.getLogger("access")

INFERENCE_ID = "X-Amzn-SageMaker-Inference-Id"

TARGET_MODEL = "X-Amzn-SageMaker-Target-Model"
"""What the caller of an endpoint with several models calls the model. Logged, and no more (M3)."""

_FIGURES = "figures"
_MESSAGE_LIMIT = 500
_NAME_LIMIT = 200


def create_app(predictor: Predictor, settings: Settings) -> Flask:
    """The application for one model, ready to be served by several threads."""
    app = new_app(settings)
    figures(app).model["model"] = predictor.name
    gate, room = Gate(predictor, settings.queue, figures(app).waiting), Room(RECORDS)

    @app.post("/invocations")
    def invocations() -> Response:
        return answered(settings, lambda facts: invoke(lambda: gate, settings, room, facts))

    return app


def new_app(settings: Settings) -> Flask:
    """An application with the routes that need no model."""
    app = Flask(__name__, static_folder=None)
    app.config["PROVIDE_AUTOMATIC_OPTIONS"] = False
    app.url_map.merge_slashes = False  # or `//ping` would be redirected
    app.extensions[_FIGURES] = Figures(settings.processes)

    @app.get("/ping")
    def ping() -> Response:
        # A single model was loaded before the fork: whoever can answer this can answer for it.
        return Response(status=200, content_type=media.JSON)

    @app.get("/execution-parameters")
    def execution_parameters() -> Response:
        return as_json(200, settings.execution_parameters)

    @app.get("/metrics")
    def metrics() -> Response:
        return Response(figures(app).text(), content_type=CONTENT_TYPE)

    @app.errorhandler(Exception)
    def failed(error: Exception) -> Response:
        response = _refusal(error, settings)
        _account(response, Facts(), 0.0)
        return response

    return app


def figures(app: Flask) -> Figures:
    """The figures that all processes of the server share."""
    found: Figures = app.extensions[_FIGURES]
    return found


def answered(settings: Settings, work: Callable[[Facts], Response], model: str = "") -> Response:
    """What `work` makes of the request, or its error as a response; logged either way."""
    started = time.monotonic()
    facts = Facts(model=model)
    try:
        response = work(facts)
    except Exception as error:
        response = _refusal(error, settings)
    _account(response, facts, time.monotonic() - started)
    return response


def _refusal(error: Exception, settings: Settings) -> Response:
    """An error as a response, once the rest of the body is out of its way."""
    response = _failure(error)
    if isinstance(error, BrokenBodyError) or response.status_code == 408:
        # There is no rest, and what comes next is no request.
        request.environ.get(CONNECTION, Abandoned()).abandoned = True
    else:
        discard_rest(request.environ["wsgi.input"], LARGEST_BODY_MB * MEGABYTE,
                     Deadline(settings.deadline))
    return response


def _failure(error: Exception) -> Response:
    """An error as a response: status by class, a short sentence, never a trace."""
    if isinstance(error, HTTPException):
        status, message = _http_words(error)
        response = as_json(status, codec.error_object(status, message))
        if isinstance(error, MethodNotAllowed) and error.valid_methods:
            response.headers["Allow"] = ", ".join(sorted(error.valid_methods))
        return response
    known = expected(error)
    if isinstance(known, RequestError):
        response = as_json(known.status, codec.error_object(known.status, _short(known)))
        if known.retry_after is not None:
            response.headers["Retry-After"] = str(known.retry_after)
        return response
    if isinstance(known, UserError):
        return as_json(400, codec.error_object(400, _short(known)))
    # Without the error's own words, which may hold some of the request's text.
    log.error("request failed: %s", known or type(error).__name__, extra={"fields": {
        "trace": "".join(traceback.format_tb(error.__traceback__))}})
    status = 500 if known is None else 503
    return as_json(status, codec.error_object(status, "the server failed; its log says why"))


def _http_words(error: HTTPException) -> tuple[int, str]:
    """Flask's own refusals in our words."""
    status = error.code or 500
    words = {
        404: f"no such route; there are {', '.join(_routes())}",
        405: f"{request.method} is not allowed here; there are {', '.join(_routes())}",
    }
    return status, words.get(status, error.name)


def _routes() -> list[str]:
    return [f"{method} {rule.rule}" for rule in current_app.url_map.iter_rules()
            for method in sorted((rule.methods or set()) - {"HEAD"})]


def _short(error: Exception) -> str:
    message = str(error)
    return message if len(message) <= _MESSAGE_LIMIT else message[:_MESSAGE_LIMIT - 3] + "..."


def as_json(status: int, value: object) -> Response:
    return Response(json.dumps(value), status=status, content_type=media.JSON)


def _account(response: Response, facts: Facts, seconds: float) -> None:
    """Count the request, and log it."""
    figures(current_app).request(
        response.status_code, refused=response.status_code == 503 and "Retry-After" in
        response.headers, records=facts.reviews, bad=facts.bad, bytes_in=facts.bytes_in,
        bytes_out=response.content_length or 0, seconds=seconds,
        model_seconds=facts.model_ms / 1000)
    # The system's own random numbers would cost a wait for the interpreter's lock.
    number = f"{random.getrandbits(64):016x}"
    log.info("request", extra={"fields": {
        "request_id": request.headers.get(INFERENCE_ID, "")[:64] or number,
        "method": request.method, "path": request.path[:100], "status": response.status_code,
        "ms": round(seconds * 1000, 2), "model_ms": round(facts.model_ms, 2),
        "reviews": facts.reviews, "shared": facts.shared, "bytes_in": facts.bytes_in,
        "bytes_out": response.content_length or 0,
        **({"model": facts.model[:_NAME_LIMIT],
            "target": request.headers.get(TARGET_MODEL, "")[:_NAME_LIMIT]} if facts.model else {}),
    }})
