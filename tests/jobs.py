"""Whole training jobs in this process, through the door that `train` uses."""

from __future__ import annotations

import json
import os
import shutil
import signal
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from contract.training import main
from plug import ALGORITHM
from sentiment import job

QUICK = {"epochs": "3", "batch_size": "32", "seed": "5"}
LSTM = {"architecture": "lstm", "hidden_dim": "8", "embedding_dim": "6", "vocab_size": "400",
        "learning_rate": "0.01"}
"""What makes `lstm` as quick as the default is."""

BY_ARCHITECTURE: Mapping[str, Mapping[str, str]] = {"ngrams": {}, "lstm": LSTM}


def run_job(root: Path, channels: Mapping[str, Path], *options: str, **hyper: str) -> int:
    """Run a job in `root` with copies of the folders `channels`; returns its exit status."""
    config = root / "input" / "config"
    config.mkdir(parents=True, exist_ok=True)
    (config / "hyperparameters.json").write_text(json.dumps({**QUICK, **hyper}))
    for name, folder in channels.items():
        shutil.copytree(folder, root / "input" / "data" / name, dirs_exist_ok=True)
    return main(ALGORITHM, ["--root", str(root), *options])


def description(root: Path) -> dict[str, Any]:
    value: dict[str, Any] = json.loads((root / "model" / "model.json").read_text())
    return value


def artifact(root: Path) -> dict[str, bytes]:
    """The files of the model but for its description, which tells how long it took."""
    return {path.name: path.read_bytes() for path in (root / "model").iterdir()
            if path.name != "model.json"}


def failure(root: Path) -> str:
    return (root / "output" / "failure").read_text()


def stop_after(epochs: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """The platform's stop signal comes when so many epochs are reported."""
    report, left = job._report, iter(range(epochs - 1, -1, -1))

    def report_and_stop(metrics: Mapping[str, float]) -> None:
        report(metrics)
        if next(left, None) == 0:
            os.kill(os.getpid(), signal.SIGTERM)

    monkeypatch.setattr(job, "_report", report_and_stop)
