"""A training job that is stopped, or killed while it writes its model; see also tests/faults/."""

from __future__ import annotations

import signal
from itertools import cycle, islice
from pathlib import Path

import pytest

from executables import LSTM, SMALL, lay_out, training, until, write_channel
from sentiment.artifacts.loading import load_model

ENDLESS = {"epochs": "1000"}
MANY = 200_000
"""Reviews that take long enough to read for a signal to arrive meanwhile."""


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
