"""Incremental training: the channel `model` holds what an earlier job has made."""

from __future__ import annotations

import json
import shutil
import signal
import tarfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
import torch

import corpus
from executables import LSTM, SMALL, lay_out, write_channel
from faults.nursery import Life, Nursery
from sentiment.artifacts.artifact import Model
from sentiment.artifacts.loading import load_model
from sentiment.learning import training
from sentiment.learning.data import Data
from sentiment.learning.device import Device

SETTINGS: Mapping[str, Mapping[str, str]] = {
    "ngrams": SMALL, "lstm": {**LSTM, "epochs": "8", "hidden_dim": "16"}}


@pytest.fixture(scope="module", params=SETTINGS)
def settings(request: pytest.FixtureRequest) -> Mapping[str, str]:
    return SETTINGS[request.param]


@pytest.fixture(scope="module")
def earlier(settings: Mapping[str, str], nursery: Nursery,
            tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The model of a job that has learned 400 reviews; read-only by agreement."""
    root = lay_out(tmp_path_factory.mktemp("earlier"), 400, hyperparameters=settings)
    ended = nursery.train(root)
    assert ended.status == 0, ended.log
    return root / "model"


def later_job(root: Path, settings: Mapping[str, str], model: Path | None) -> Path:
    """The tree of a job with thirty new reviews, and with the earlier model's files if given."""
    lay_out(root, 30, seed=77, hyperparameters=settings)
    write_channel(root, "test", corpus.reviews(200, seed=99))
    if model:
        shutil.copytree(model, root / "input" / "data" / "model")
    return root


def packed(model: Path, place: Path) -> None:
    """The archive that SageMaker makes of a model directory."""
    place.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(place, "w:gz") as tar:
        for path in sorted(model.iterdir()):
            tar.add(path, path.name)


def final(root: Path, ended: Life) -> dict[str, float]:
    assert ended.status == 0, ended.log
    report = json.loads((root / "output" / "data" / "metrics.json").read_text())
    return dict(report["final"])


def failure(root: Path, ended: Life) -> str:
    assert ended.status == 1, ended.log
    assert list((root / "model").iterdir()) == []
    return (root / "output" / "failure").read_text()


def test_going_on_with_new_reviews_beats_starting_anew_on_them(
    settings: Mapping[str, str], earlier: Path, nursery: Nursery, tmp_path: Path
) -> None:
    anew = later_job(tmp_path / "anew", settings, None)
    on = later_job(tmp_path / "on", settings, earlier)
    before = final(anew, nursery.train(anew))
    after = final(on, nursery.train(on))
    assert after["test:accuracy"] > before["test:accuracy"]
    assert after["test:loss"] < before["test:loss"]


def test_the_vocabulary_stays_and_the_weights_move(
    settings: Mapping[str, str], earlier: Path, nursery: Nursery, tmp_path: Path
) -> None:
    root = later_job(tmp_path, settings, earlier)
    final(root, nursery.train(root))
    ours, theirs = load_model(root / "model"), load_model(earlier)
    assert ours.pipeline.vocabulary == theirs.pipeline.vocabulary
    assert log_odds(ours) != log_odds(theirs)
    assert np.corrcoef(log_odds(ours), log_odds(theirs))[0, 1] > 0.5


def log_odds(model: Model) -> list[float]:
    """Of some reviews that no job has learned."""
    cpu = Device(torch.device("cpu"), torch.float32)
    reviews = [np.asarray(model.network.prepare(model.pipeline.encode(text)), np.int32)
               for _, text in corpus.reviews(50, seed=5)]
    return [float(value) for value in training.log_odds(
        model.network, Data(reviews, np.zeros(len(reviews), np.float32)), cpu)]


@pytest.mark.parametrize("place", ["model.tar.gz", "job/output/model.tar.gz", "other.tar.gz"])
def test_an_archive_is_as_good_as_its_files(
    place: str, settings: Mapping[str, str], earlier: Path, nursery: Nursery, tmp_path: Path
) -> None:
    files = later_job(tmp_path / "files", settings, earlier)
    archive = later_job(tmp_path / "archive", settings, None)
    packed(earlier, archive / "input" / "data" / "model" / place)
    if place != "other.tar.gz":  # a job's prefix holds its reports too
        packed(files / "input" / "config", (archive / "input/data/model" / place).with_name(
            "output.tar.gz"))
    assert final(archive, nursery.train(archive)) == final(files, nursery.train(files))


def test_a_job_that_goes_on_can_be_interrupted_like_any_other(
    settings: Mapping[str, str], earlier: Path, nursery: Nursery, tmp_path: Path
) -> None:
    whole = later_job(tmp_path / "whole", settings, earlier)
    for attempt in range(9):  # on a busy machine a short job may end before the kill
        killed = later_job(tmp_path / f"killed-{attempt}", settings, earlier)
        (killed / "checkpoints").mkdir()
        with nursery.life(killed, "--checkpoint-seconds", "0") as life:
            assert life.wait_for("epoch=2.0")
            life.kill()
            if life.wait() == -signal.SIGKILL:
                break
    else:
        pytest.fail("it always ended before it was killed")
    ended = nursery.train(killed)
    assert "resumed from" in ended.log
    assert final(killed, ended) == final(whole, nursery.train(whole))


def test_a_checkpoint_of_a_job_with_another_model_is_not_taken(
    settings: Mapping[str, str], earlier: Path, nursery: Nursery, tmp_path: Path
) -> None:
    root = later_job(tmp_path, settings, None)
    (root / "checkpoints").mkdir()
    final(root, nursery.train(root))
    shutil.copytree(earlier, root / "input" / "data" / "model")
    ended = nursery.train(root)
    final(root, ended)
    assert "resumed from" not in ended.log
    assert "other data or hyperparameters are left alone" in ended.log


REFUSED: Mapping[str, Mapping[str, str]] = {
    "lstm": {"architecture": "ngrams", "text": "tokens", "hidden_dim": "32", "embedding_dim": "9"},
    "ngrams": {"architecture": "lstm", "text": "classic"},
}


def test_a_setting_that_is_not_the_models_is_refused_in_words(
    settings: Mapping[str, str], earlier: Path, nursery: Nursery, tmp_path: Path
) -> None:
    root = later_job(tmp_path, {}, earlier)
    for name, value in REFUSED[settings.get("architecture", "ngrams")].items():
        said = failure(root, nursery.train(root, f"--{name}", value))
        assert said.startswith(f"UserError: {name} is {value}, and that of the model in channel "
                               "'model' is ")
        assert said.endswith(f"; leave {name} out, or the channel\n")


def test_settings_that_are_not_given_are_the_models(
    settings: Mapping[str, str], earlier: Path, nursery: Nursery, tmp_path: Path
) -> None:
    root = later_job(tmp_path, {"epochs": "1", "vocab_size": "50"}, earlier)
    final(root, nursery.train(root))
    ours, theirs = (json.loads((place / "model.json").read_text())
                    for place in (root / "model", earlier))
    assert ours["architecture"]["name"] == theirs["architecture"]["name"]
    assert ours["text"] == theirs["text"]
