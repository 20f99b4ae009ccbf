"""Throw-away /opt/ml trees on this side of the mounts."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import corpus
from contract.paths import Paths
from image.engine import Finished

QUICK = {"epochs": "2", "batch-size": "32"}
"""Hyperparameters for a model of no worth in a second."""


@dataclass(frozen=True)
class Tree(Paths):
    """A tree with the folders that the platform makes before a training job."""

    @classmethod
    def make(cls, root: Path) -> Tree:
        tree = cls(root)
        for folder in (tree.config, tree.data, tree.model, tree.failure.parent):
            folder.mkdir(parents=True)
        return tree

    def set_hyperparameters(self, values: Mapping[str, str]) -> None:
        (self.config / "hyperparameters.json").write_text(json.dumps(values))

    def add_corpus(self, *, train: int = 200, test: int = 20) -> None:
        """The generated corpus as the channels `train` and `test`."""
        corpus.write_corpus(self.data, train=train, test=test)

    def add_file(self, channel: str, name: str, content: str) -> None:
        (self.data / channel).mkdir(parents=True, exist_ok=True)
        (self.data / channel / name).write_text(content, encoding="utf-8")

    def model_files(self) -> set[str]:
        return {path.name for path in self.model.iterdir()}


class Trained(NamedTuple):
    """A tree after `docker run IMAGE train`, and what the run has said."""

    tree: Tree
    run: Finished
