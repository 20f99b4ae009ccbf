"""Models to be loaded by name: folders without a model, and an algorithm that loads stand-ins."""

from __future__ import annotations

import json
import threading
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

from contract.algorithm import Algorithm, Predictor
from contract.serving.models import Models
from contract.serving.settings import read_settings
from executables import PATIENCE


class Shelf:
    """An algorithm whose loading a test can watch, hold and break."""

    def __init__(self, root: Path, make: Callable[[], Predictor]) -> None:
        self.directory = root / "models"
        self.directory.mkdir(parents=True)
        self.loads = 0
        self.predictors: list[weakref.ref[Predictor]] = []
        self.need = 0
        self.fault: BaseException | None = None
        self.entered, self.go = threading.Event(), threading.Event()
        self.go.set()
        self.make = make

    @property
    def algorithm(self) -> Algorithm:
        return Algorithm("stand-in", (), (), lambda job: None, self._load,
                         memory=lambda folder: self.need)

    def models(self, left: Callable[[], int | None] = lambda: None, **environment: str) -> Models:
        return Models(self.algorithm, self.directory, read_settings(environment, 1), left)

    def add(self, name: str) -> str:
        """Make the folder of a model, and give its url."""
        folder = self.directory / name / "model"
        folder.mkdir(parents=True)
        return str(folder)

    @contextmanager
    def holding(self) -> Iterator[None]:
        """Who loads meanwhile, waits until the end."""
        self.entered.clear()
        self.go.clear()
        try:
            yield
        finally:
            self.go.set()

    def alive(self) -> int:
        """Predictors that take memory."""
        return sum(predictor() is not None for predictor in self.predictors)

    def _load(self, folder: Path) -> Predictor:
        self.loads += 1
        self.entered.set()
        assert self.go.wait(PATIENCE)
        if self.fault:
            raise self.fault
        predictor = self.make()
        self.predictors.append(weakref.ref(predictor))
        return predictor


def load_body(name: object, url: object) -> bytes:
    """The body of a request to load a model."""
    return json.dumps({"model_name": name, "url": url}).encode()


def route(name: str, more: str = "") -> str:
    """The address of a model, every character of its name encoded that may be."""
    return f"/models/{quote(name, safe='')}{more}"


def names(answer: Any) -> list[str]:
    """Of the models in an answer to GET /models."""
    return [model["modelName"] for model in answer["models"]]
