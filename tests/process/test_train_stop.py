"""A training job that is stopped, or killed at any moment."""

from __future__ import annotations

import json
import random
import shutil
import signal
import time
from itertools import cycle, islice
from pathlib import Path

import pytest

import corpus
from executables import LSTM, SMALL, lay_out, train, training, until, write_channel
from sentiment.loading import load_model

ENDLESS = {"epochs": "1000"}
MANY = 200_000
"""Reviews that take long enough to read for a signal to arrive meanwhile."""

LIVES = 6
LONG = {"ngrams": {**SMALL, "batch-size": "5"},
        "lstm": {**LSTM, "epochs": "8", "batch-size": "5", "hidden_dim": "48"}}
"""Hyperparameters of jobs with enough steps to be killed that often."""


def many_short_reviews() -> islice[tuple[int, str]]:
    return islice(cycle([(1, "A fine film"), (0, "Dull")]), MANY)


@pytest.mark.parametrize(("number", "settings"), [
    (signal.SIGTERM, SMALL), (signal.SIGINT, SMALL), (signal.SIGTERM, LSTM)],
    ids=["SIGTERM", "SIGINT", "SIGTERM, lstm"])
def test_a_stop_signal_ends_training_with_a_model(tmp_path: Path, number: signal.Signals,
                                                  settings: dict[str, str]) -> None:
    with training(lay_out(tmp_path, hyperparameters={**settings, **ENDLESS})) as job:
        job.wait_for("epoch=2.0")
        job.send(number)
        assert job.wait() == 0
    description = load_model(tmp_path / "model").description
    assert description["training"]["stopped"] is True
    assert description["training"]["best_epoch"] >= 1
    assert not (tmp_path / "output" / "failure").exists()


def test_a_stop_signal_while_data_is_read_ends_without_a_model(tmp_path: Path) -> None:
    write_channel(tmp_path, "train", many_short_reviews())
    with training(tmp_path) as job:
        job.wait_for("reading channel train")
        job.send(signal.SIGTERM)
        assert job.wait() == 128 + signal.SIGTERM
    assert list((tmp_path / "model").iterdir()) == []
    assert not (tmp_path / "output" / "failure").exists()


def test_a_stop_signal_after_the_model_is_saved_is_a_success(tmp_path: Path) -> None:
    """While the test reviews are evaluated, say."""
    lay_out(tmp_path, 10, hyperparameters={**SMALL, "epochs": "1"})
    write_channel(tmp_path, "test", many_short_reviews())
    with training(tmp_path) as job:
        job.wait_for("saved the model")
        job.send(signal.SIGTERM)
        assert job.wait() == 0
    load_model(tmp_path / "model")


@pytest.mark.parametrize("file", ["vocabulary.json", "weights.safetensors", "model.json"])
def test_a_kill_while_the_model_is_written_leaves_a_whole_one_or_none(tmp_path: Path,
                                                                      file: str) -> None:
    lay_out(tmp_path, 10, hyperparameters={**SMALL, "epochs": "1"})
    with training(tmp_path) as job:
        until((tmp_path / "model" / file).exists, "no model is written")
        job.send(signal.SIGKILL)
        job.wait()
    names = {path.name for path in (tmp_path / "model").iterdir()}
    assert file in names <= {"vocabulary.json", "weights.safetensors", "model.json"}
    if "model.json" in names:
        load_model(tmp_path / "model")


@pytest.fixture(scope="module", params=LONG)
def uninterrupted(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A long job that ran from beginning to end."""
    root = lay_out(tmp_path_factory.mktemp("long"), hyperparameters=LONG[request.param])
    write_channel(root, "unlabelled", corpus.reviews(60, seed=2))  # `lstm` does not read it
    ended = train(root)
    assert ended.status == 0, ended.log
    return root


@pytest.fixture(scope="module")
def survivor(uninterrupted: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same job, killed at random moments and started again until it was done."""
    root = tmp_path_factory.mktemp("killed")
    shutil.copytree(uninterrupted / "input", root / "input")
    (root / "checkpoints").mkdir()
    for _ in range(LIVES):
        live_and_be_killed(root)
    ended = train(root)
    assert ended.status == 0, ended.log
    assert "resumed from" in ended.log
    return root


def live_and_be_killed(root: Path) -> None:
    """Train until at least one checkpoint is written, and a random moment longer."""
    before = newest(root)
    with training(root, "--checkpoint-seconds", "0") as job:
        until(lambda: newest(root) > before or job.process.poll() is not None, "no checkpoint")
        time.sleep(random.uniform(0, 0.05))
        job.send(signal.SIGKILL)
        assert job.wait() == -signal.SIGKILL, job.log
        assert ("resumed from" in job.log) == (before > 0)
    assert not (root / "model" / "model.json").exists()


def newest(root: Path) -> int:
    """The number of the newest checkpoint, 0 for none."""
    names = [path.name for path in (root / "checkpoints").iterdir()]
    return max((int(name.split("-")[2]) for name in names if name.endswith(".bin")), default=0)


def last_metrics(root: Path) -> str:
    lines = (root / "train.log").read_text().splitlines()
    return next(line for line in reversed(lines) if line.startswith("train:loss="))


def test_a_job_killed_many_times_ends_with_the_same_metrics(uninterrupted: Path,
                                                            survivor: Path) -> None:
    assert last_metrics(survivor) == last_metrics(uninterrupted)


def test_a_job_killed_many_times_ends_with_the_same_model(uninterrupted: Path,
                                                          survivor: Path) -> None:
    first, second = (json.loads((root / "model" / "model.json").read_text())
                     for root in (uninterrupted, survivor))
    assert second["files"] == first["files"]
    assert second["data"] == first["data"]


def test_few_checkpoints_are_kept_and_all_are_whole(survivor: Path) -> None:
    names = sorted(path.name for path in (survivor / "checkpoints").iterdir())
    assert 1 <= len(names) <= 2
    assert all(name.startswith("checkpoint-") and name.endswith(".bin") for name in names)


def test_checkpoints_of_other_settings_are_left_alone(survivor: Path, tmp_path: Path) -> None:
    lay_out(tmp_path, 10, hyperparameters={**SMALL, "epochs": "1"})
    shutil.copytree(survivor / "checkpoints", tmp_path / "checkpoints")
    ended = train(tmp_path)
    assert ended.status == 0
    assert "resumed from" not in ended.log
    assert "other data or hyperparameters are left alone" in ended.log


def test_a_damaged_checkpoint_is_passed_over(survivor: Path, tmp_path: Path) -> None:
    for folder in ("input", "checkpoints"):
        shutil.copytree(survivor / folder, tmp_path / folder)
    last = max((tmp_path / "checkpoints").iterdir())
    last.write_bytes(last.read_bytes()[:-100])
    ended = train(tmp_path)
    assert ended.status == 0
    assert f"checkpoint {last.name} is damaged and passed over" in ended.log
    assert last_metrics(tmp_path) == last_metrics(survivor)
