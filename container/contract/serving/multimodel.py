"""The Flask application for many models, as a multi-model endpoint calls it.

Sources: requirements M1-M4. A model's name is an opaque id: no path is ever made from it, nor from
what the caller of the endpoint names.
"""

from __future__ import annotations

import json
from functools import partial
from typing import Any

from flask import Flask, Response, request
from werkzeug.routing import BaseConverter

from contract.errors import RequestError, UserError
from contract.serving.app import answered, as_json, figures, new_app
from contract.serving.bodies import Incoming
from contract.serving.gate import Deadline
from contract.serving.invocation import Facts, invoke
from contract.serving.models import Model, Models
from contract.serving.room import RECORDS, Room
from contract.serving.settings import Settings

LONGEST_NAME = 1000
"""Bytes of a name. With each of them URL-encoded, its routes still fit into a request line."""

_LONGEST_BODY = 64 * 1024


class _Name(BaseConverter):
    """Anything at all: encoded slashes have become slashes."""

    part_isolating = False
    regex = r"[\s\S]+?"


def create_models_app(models: Models, settings: Settings) -> Flask:
    """The application, ready to be served by several threads of one process."""
    app = new_app(settings)
    app.url_map.converters["default"] = _Name
    models.waiting = figures(app).waiting
    room = Room(RECORDS)

    @app.get("/models")
    def list_() -> Response:
        return answered(settings, lambda facts: _list(models))

    @app.post("/models")
    def load() -> Response:
        return answered(settings, lambda facts: _load(models, settings, facts))

    @app.get("/models/<name>")
    def describe(name: str) -> Response:
        return answered(settings, lambda facts: _described(models.find(name)), name)

    @app.delete("/models/<name>")
    def unload(name: str) -> Response:
        return answered(settings, lambda facts: _described(models.unload(name)), name)

    @app.post("/models/<name>/invoke")
    def invocations(name: str) -> Response:
        return answered(settings, lambda facts: _invoke(models, name, settings, room, facts), name)

    return app


def _invoke(models: Models, name: str, settings: Settings, room: Room, facts: Facts) -> Response:
    try:
        return invoke(partial(models.gate, name), settings, room, facts)
    except RequestError as error:
        if error.status != 507:
            raise
        # The platform would take it for a lack of memory, and unload other models.
        raise RequestError(503, str(error), retry_after=1) from error


def _load(models: Models, settings: Settings, facts: Facts) -> Response:
    incoming = Incoming(request.environ["wsgi.input"], request.content_length,
                        request.headers.get("Content-Encoding", ""), Deadline(settings.deadline))
    with incoming.spool(_LONGEST_BODY, "send model_name and url", settings.temporary) as body:
        facts.bytes_in = body.size
        facts.model, url = _read(body.rewound().read())
    return _described(models.load(facts.model, url))


def _read(body: bytes) -> tuple[str, str]:
    """The name and the url in the body of a request to load a model.

    Raises:
        UserError: they are not there, or the name is none that a later request could hold.
    """
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        value = None
    if not isinstance(value, dict):
        raise UserError('expected a JSON object, like {"model_name": "a", "url": "/..."}')
    name, url = value.get("model_name"), value.get("url")
    if not isinstance(name, str) or not isinstance(url, str):
        raise UserError("model_name and url must be texts")
    try:
        length = len(name.encode())
    except UnicodeEncodeError:
        length = 0
    if not 0 < length <= LONGEST_NAME:
        raise UserError(f"model_name must be of 1 to {LONGEST_NAME} bytes in UTF-8")
    return name, url


def _list(models: Models) -> Response:
    """A part of the list. Its token is the last name in it, in a form that no URL changes."""
    try:
        after = bytes.fromhex(request.args.get("next_page_token", "")).decode()
    except ValueError:
        raise UserError("next_page_token is none that was given here") from None
    found, last = models.page(after)
    answer: dict[str, Any] = {"models": [_fields(model) for model in found]}
    if last is not None:
        answer["nextPageToken"] = last.encode().hex()
    return as_json(200, answer)


def _described(model: Model) -> Response:
    return as_json(200, _fields(model))


def _fields(model: Model) -> dict[str, str]:
    return {"modelName": model.name, "modelUrl": model.url}
