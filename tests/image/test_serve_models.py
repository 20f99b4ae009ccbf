"""A multi-model endpoint's container: hardened, short of memory, and alive after all."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from image.engine import (
    HARDENED,
    ONE_PROCESSOR,
    PORT,
    Answer,
    Container,
    Engine,
    Image,
    environment,
    mount,
    request,
)
from shelf import load_body, route

URL = "/opt/ml/models/m/model"
MANY = 40
"""More models than fit."""


@pytest.fixture(scope="module")
def server(image: Image, model: Path) -> Iterator[Container]:
    """A server without models, in little memory. All that it will load are in one folder."""
    place = HARDENED.index("--network")
    reachable = [*HARDENED[:place], *HARDENED[place + 2:]]
    options = [*reachable, *ONE_PROCESSOR, "--memory", "700m", *mount(model, URL, "ro"),
               *environment({"SAGEMAKER_MULTI_MODEL": "true"}), "--publish", f"127.0.0.1::{PORT}"]
    with image.start("serve", options=options) as container:
        yield container.wait_until_ready()


@pytest.fixture
def loaded(server: Container) -> Iterator[list[str]]:
    """Names of models, as many as there is room for; they are unloaded at the end."""
    names: list[str] = []
    try:
        for name in map(str, range(MANY)):
            answer = load(server, name)
            if answer.status != 200:
                assert (answer.status, code(answer)) == (507, 507), answer
                break
            names.append(name)
        yield names
    finally:
        for name in names:
            call(server, "DELETE", route(name))


def call(server: Container, method: str, path: str, body: bytes | None = None) -> Answer:
    return request(server.address() + path, body, {"Content-Type": "text/plain"}, method)


def load(server: Container, name: str, url: str = URL) -> Answer:
    return call(server, "POST", "/models", load_body(name, url))


def code(answer: Answer) -> int:
    status: int = json.loads(answer.body)["error"]["code"]
    return status


def test_the_image_says_that_it_can_hold_many_models(engine: Engine, image: Image) -> None:
    labels: dict[str, Any] = engine.inspect(image.tag)["Config"]["Labels"]
    assert labels["com.amazonaws.sagemaker.capabilities.multi-models"] == "true"


def test_it_is_healthy_without_a_model(server: Container) -> None:
    assert server.ping().status == 200
    assert json.loads(call(server, "GET", "/models").body) == {"models": []}


def test_models_are_loaded_until_there_is_no_room_and_all_answer(server: Container,
                                                                 loaded: list[str]) -> None:
    assert 2 <= len(loaded) < MANY
    answers = [call(server, "POST", route(name, "/invoke"), b"A fine film") for name in loaded]
    assert [answer.status for answer in answers] == [200] * len(loaded)
    assert len({answer.body for answer in answers}) == 1


def test_a_model_that_is_unloaded_makes_room_for_another(server: Container,
                                                         loaded: list[str]) -> None:
    for name in ("next", "after that"):
        assert load(server, name).status == 507
        assert call(server, "DELETE", route(loaded.pop())).status == 200
        assert load(server, name).status == 200
        loaded.append(name)
    assert load(server, "one more").status == 507


def test_a_server_that_refused_models_is_alive(server: Container, engine: Engine,
                                               loaded: list[str]) -> None:
    for _ in range(5):
        assert load(server, "more").status == 507
        assert server.ping().status == 200
    killed = engine.must("inspect", "--format", "{{.State.OOMKilled}}", server.name)
    assert (killed, server.is_running()) == ("false", True)
    assert "Worker exiting" not in server.logs()


def test_a_folder_outside_is_refused(server: Container) -> None:
    for url in ("/opt/ml/models/m/../../../program", "/opt/program", "/opt/ml/models"):
        assert load(server, "x", url).status == 400
    assert json.loads(call(server, "GET", "/models").body) == {"models": []}
