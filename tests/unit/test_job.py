"""Whole training jobs in this process, through the door that `train` uses."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import torch

import corpus
from contract.training import main
from sentiment.hyperparameters import METRICS
from sentiment.loading import load_model
from sentiment.plugin import ALGORITHM
from sentiment.predictor import SentimentPredictor

pytestmark = pytest.mark.usefixtures("quiet_process")

SMALL = {"epochs": "3", "batch_size": "32", "hidden_dim": "8", "embedding_dim": "6",
         "vocab_size": "400", "learning_rate": "0.01", "seed": "5"}

Train = Callable[..., int]


@pytest.fixture(scope="session")
def reviews(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("corpus")
    corpus.write_corpus(directory, train=120, test=40, seed=9)
    return directory


@pytest.fixture
def train(tmp_path: Path, reviews: Path) -> Train:
    """Run a job in `tmp_path`; `channels` maps names to folders."""

    def run(*options: str, channels: Mapping[str, Path] | None = None, **hyper: str) -> int:
        config = tmp_path / "input" / "config"
        config.mkdir(parents=True, exist_ok=True)
        (config / "hyperparameters.json").write_text(json.dumps({**SMALL, **hyper}))
        for name, folder in (channels or {"train": reviews / "train"}).items():
            shutil.copytree(folder, tmp_path / "input" / "data" / name, dirs_exist_ok=True)
        return main(ALGORITHM, ["--root", str(tmp_path), *options])

    return run


def _description(root: Path) -> dict[str, Any]:
    value: dict[str, Any] = json.loads((root / "model" / "model.json").read_text())
    return value


def _values(output: str, name: str) -> list[float]:
    [metric] = [metric for metric in METRICS if metric.name == name]
    return [float(found) for found in re.findall(metric.regex, output)]


def _failure(root: Path) -> str:
    return (root / "output" / "failure").read_text()


def test_a_job_makes_a_model_that_answers(train: Train, tmp_path: Path) -> None:
    assert train() == 0
    predictor = SentimentPredictor(load_model(tmp_path / "model"))
    assert 0 <= predictor.predict([predictor.read("A fine film.")])[0].probability <= 1
    assert sorted(path.name for path in (tmp_path / "model").iterdir()) == [
        "model.json", "vocabulary.json", "weights.safetensors"]
    assert not (tmp_path / "output" / "failure").exists()


def test_the_description_says_what_was_learned_from_what(train: Train, tmp_path: Path) -> None:
    assert train() == 0
    description = _description(tmp_path)
    assert description["architecture"]["settings"]["hidden_dim"] == 8
    assert description["data"] | {"fingerprint": ""} == {
        "fingerprint": "", "reviews": 120, "negative": 60, "positive": 60,
        "validation_reviews": 12}
    assert description["training"]["hyperparameters"]["learning_rate"] == 0.01
    assert description["training"]["epochs"] == 3


def test_metric_lines_hold_every_epoch_and_last_the_saved_models(
    train: Train, tmp_path: Path, capfd: pytest.CaptureFixture[str], reviews: Path
) -> None:
    assert train(channels={"train": reviews / "train", "test": reviews / "test"}) == 0
    output = capfd.readouterr().out
    metrics = json.loads((tmp_path / "output" / "data" / "metrics.json").read_text())
    best = _values(output, "validation:best_accuracy")
    assert _values(output, "epoch")[:3] == [1, 2, 3]
    assert best == sorted(best)
    for name in ("validation:accuracy", "validation:loss", "test:accuracy", "test:loss"):
        assert _values(output, name)[-1] == pytest.approx(metrics["final"][name], abs=1e-6)
    assert len(metrics["history"]) == 3
    assert metrics["final"]["validation:accuracy"] == pytest.approx(best[-1], abs=1e-6)
    assert "\r" not in output


def test_the_validation_channel_is_chosen_by_and_nothing_is_held_out(
    train: Train, tmp_path: Path, reviews: Path
) -> None:
    assert train(channels={"training": reviews / "train", "validation": reviews / "test"}) == 0
    assert _description(tmp_path)["data"]["validation_reviews"] == 40


@pytest.mark.parametrize(("fraction", "held_out"), [("0", 0), ("0.25", 30), ("0.001", 2)])
def test_a_share_of_both_classes_is_held_out(
    fraction: str, held_out: int, train: Train, tmp_path: Path
) -> None:
    assert train(validation_fraction=fraction, epochs="1") == 0
    assert _description(tmp_path)["data"]["validation_reviews"] == held_out


def test_the_same_seed_gives_the_same_model_and_another_seed_another(
    train: Train, tmp_path: Path
) -> None:
    weights = []
    for seed in ("5", "5", "6"):
        assert train(seed=seed, epochs="1") == 0
        weights.append((tmp_path / "model" / "weights.safetensors").read_bytes())
    assert weights[0] == weights[1] != weights[2]


def _encoded(root: Path, words: Mapping[str, int]) -> Path:
    root.mkdir()
    rows = [[place % 2, 3, 2 + place % 2, 4, 5, *[0] * 497] for place in range(40)]
    (root / "train.csv").write_text("\n".join(",".join(map(str, row)) for row in rows))
    (root / "word_dict.json").write_text(json.dumps(words))
    return root


def test_encoded_rows_are_learned_and_their_words_kept(train: Train, tmp_path: Path) -> None:
    words = {"dull": 2, "fine": 3, "film": 4, "stori": 5}
    rows = _encoded(tmp_path / "rows", words)
    assert train(channels={"train": rows, "test": rows}, epochs="8", learning_rate="0.05") == 0
    predictor = SentimentPredictor(load_model(tmp_path / "model"))
    fine, dull = predictor.predict([predictor.read("fine film, story"),
                                    predictor.read([3, 2, 4, 5])])
    assert fine.probability > 0.5 > dull.probability
    assert load_model(tmp_path / "model").pipeline.vocabulary == words


@pytest.mark.parametrize("channel", ["validation", "test"])
def test_rows_that_stand_for_other_words_are_refused(
    channel: str, train: Train, tmp_path: Path
) -> None:
    words = {"dull": 2, "fine": 3, "film": 4, "stori": 5}
    channels = {"train": _encoded(tmp_path / "rows", words),
                channel: _encoded(tmp_path / "others", {**words, "extra": 6})}
    assert train(channels=channels) == 1
    assert _failure(tmp_path).startswith(f"UserError: channel '{channel}': its word_dict is not")


def _checkpoints(root: Path) -> list[str]:
    return sorted(path.name for path in (root / "checkpoints").iterdir())


def test_a_job_resumed_from_checkpoints_ends_with_the_same_model(
    train: Train, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    assert train() == 0
    whole = (tmp_path / "model" / "weights.safetensors").read_bytes()
    (tmp_path / "checkpoints").mkdir()
    assert train(epochs="1") == 0
    caplog.set_level("INFO")
    assert train(checkpoint_seconds="0") == 0
    assert "1 epochs and 0 reviews are done" in caplog.text
    assert (tmp_path / "model" / "weights.safetensors").read_bytes() == whole


def test_a_damaged_newest_checkpoint_gives_way_to_the_one_before(
    train: Train, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "checkpoints").mkdir()
    assert train(epochs="2") == 0
    weights = (tmp_path / "model" / "weights.safetensors").read_bytes()
    newest = tmp_path / "checkpoints" / _checkpoints(tmp_path)[-1]
    newest.write_bytes(newest.read_bytes()[:1000])
    caplog.set_level("INFO")
    assert train(epochs="2") == 0
    assert f"checkpoint {newest.name} is damaged and passed over" in caplog.text
    assert "1 epochs and 0 reviews are done" in caplog.text
    assert (tmp_path / "model" / "weights.safetensors").read_bytes() == weights


@pytest.mark.parametrize("change", [{"learning_rate": "0.02"}, {"seed": "6"}, {"hidden_dim": "9"}])
def test_checkpoints_of_other_settings_are_left_alone(
    change: dict[str, str], train: Train, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "checkpoints").mkdir()
    assert train(epochs="1") == 0
    before = _checkpoints(tmp_path)
    caplog.set_level("INFO")
    assert train(epochs="1", **change) == 0
    assert "checkpoints of other data or hyperparameters are left alone" in caplog.text
    assert "resumed" not in caplog.text
    assert set(before) < set(_checkpoints(tmp_path))


def test_without_a_checkpoint_directory_none_is_made(train: Train, tmp_path: Path) -> None:
    assert train(epochs="1", checkpoint_seconds="0") == 0
    assert not (tmp_path / "checkpoints").exists()


def test_the_command_line_wins_over_the_file(train: Train, tmp_path: Path) -> None:
    assert train("--epochs", "1", "--hidden-dim=4") == 0
    hyper = _description(tmp_path)["training"]["hyperparameters"]
    assert (hyper["epochs"], hyper["hidden_dim"], hyper["batch_size"]) == (1, 4, 32)


@pytest.mark.parametrize(("hyper", "message"), [
    ({"epochs": "0"}, "hyperparameter epochs='0': expected a whole number in [1, 1000]"),
    ({"epoch": "3"}, "unknown hyperparameter 'epoch', did you mean 'epochs'?"),
    ({"architecture": "gru"}, "hyperparameter architecture='gru': expected one of lstm"),
])
def test_a_wrong_setting_ends_the_job_before_anything_is_read(
    hyper: dict[str, str], message: str, train: Train, tmp_path: Path
) -> None:
    assert train(**hyper) == 1
    assert _failure(tmp_path) == f"UserError: {message}\n"
    assert not (tmp_path / "model").exists()


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has a GPU")
def test_a_gpu_that_is_not_there_is_the_platforms_fault(train: Train, tmp_path: Path) -> None:
    assert train(device="cuda") == 3
    assert _failure(tmp_path).startswith("PlatformError: device is cuda, but this machine shows no")


def test_a_failed_job_leaves_no_model(train: Train, tmp_path: Path, reviews: Path) -> None:
    bad = tmp_path / "bad"
    shutil.copytree(reviews / "train", bad)
    (bad / "pos" / "9999_9.txt").write_bytes(b"fine\ncaf\xe9")
    assert train(channels={"train": bad}) == 1
    assert _failure(tmp_path).startswith(
        "UserError: train/pos/9999_9.txt line 2: byte 0xe9 is not UTF-8")
    assert list((tmp_path / "model").iterdir()) == []


@pytest.mark.parametrize("error", [
    torch.OutOfMemoryError("CUDA out of memory"),
    RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes")])
def test_memory_that_runs_out_is_no_fault_of_the_container(
    error: RuntimeError, train: Train, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*arguments: object, **named: object) -> None:
        raise error

    monkeypatch.setattr("sentiment.training.train", fail)
    assert train() == 3
    assert "PlatformError: out of memory" in _failure(tmp_path)
