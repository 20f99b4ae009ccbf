"""The Flask application in this process, with real small models or with a stand-in for one.

Tests run with two algorithms, the one that is plugged in and the example's. One that asks for more
than the contract has `@pytest.mark.parametrize("algorithm", ["sentiment"], indirect=True)`.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient

from contract.algorithm import Predictor
from contract.errors import UserError
from contract.serving.app import create_app
from contract.serving.logs import JsonFormatter
from contract.serving.settings import read_settings
from executables import lay_out, train
from naive_bayes import ALGORITHM as EXAMPLE
from plug import ALGORITHM
from rating import extremes

MakeClient = Callable[..., FlaskClient]


@pytest.fixture(scope="session", params=["plugged", "example"])
def algorithm(request: pytest.FixtureRequest) -> str:
    """`example`, or anything else for the algorithm that is plugged in."""
    name: str = request.param
    if name == "sentiment" != ALGORITHM.name:
        pytest.skip("asks for what only the algorithm sentiment has")
    return name


@pytest.fixture(scope="session")
def predictor(algorithm: str, request: pytest.FixtureRequest) -> Predictor:
    """A model that `train` has made of the built-in corpus."""
    loaded: Predictor
    if algorithm == "example":
        loaded = EXAMPLE.load(request.getfixturevalue("small_naive_bayes"))
    else:
        loaded = ALGORITHM.load(request.getfixturevalue("small_model"))
    loaded.start(1)
    return loaded


@pytest.fixture(scope="session")
def small_naive_bayes(naive_bayes: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = lay_out(tmp_path_factory.mktemp("small"), hyperparameters={})
    trained = train(root, program=naive_bayes / "train")
    assert trained.status == 0, trained.log
    return root / "model"


@pytest.fixture(scope="session")
def reviews(predictor: Predictor) -> dict[str, str]:
    """The review that the model likes best, and the one that it likes least."""
    return extremes(predictor)


@pytest.fixture
def make_client(predictor: Predictor) -> MakeClient:
    """Makes a client for `model` (the small one by default) under some environment variables."""

    def make(environment: Mapping[str, str] | None = None,
             model: Predictor = predictor) -> FlaskClient:
        return create_app(model, read_settings(environment or {}, 1)).test_client()

    return make


@pytest.fixture
def client(make_client: MakeClient) -> FlaskClient:
    return make_client()


@pytest.fixture
def batch_client(make_client: MakeClient) -> FlaskClient:
    """As in a batch transform job."""
    return make_client({"SAGEMAKER_BATCH": "true"})


@pytest.fixture
def printed(caplog: pytest.LogCaptureFixture) -> Callable[[], list[dict[str, Any]]]:
    """The log as it would be printed: the entries since the test began."""
    caplog.set_level(logging.INFO)
    formatter = JsonFormatter()
    return lambda: [json.loads(formatter.format(record)) for record in caplog.records]


@dataclass
class Half:
    """A stand-in's answer: exactly undecided."""

    def as_object(self) -> dict[str, Any]:
        return {"probability": self.as_number()}

    def as_label(self) -> str:
        return "0"

    def as_number(self) -> float:
        return 0.5


@dataclass
class StandIn:
    """A predictor without a model: takes any text, and does `work` for each request."""

    work: Callable[[Callable[[], None]], None] = lambda check: None
    name: str = "stand-in"
    asked: list[int] = field(default_factory=list)

    def start(self, threads: int) -> None:
        pass

    def read(self, record: object, options: Mapping[str, Any]) -> str:
        if not isinstance(record, str):
            raise UserError("expected a text")
        return record

    def predict(self, instances: Sequence[Any], check: Callable[[], None]) -> list[Half]:
        self.asked.append(len(instances))
        self.work(check)
        return [Half() for _ in instances]

    def counts(self, predictions: Sequence[Any]) -> dict[str, int]:
        return {"undecided": len(predictions)}


@pytest.fixture
def stand_in() -> type[StandIn]:
    return StandIn
