"""Whole training jobs in this process, through the door that `train` uses."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
import torch

from jobs import BY_ARCHITECTURE, LSTM, artifact, description, failure, stop_after
from sentiment.artifacts.loading import load_model
from sentiment.hyperparameters import METRICS
from sentiment.predictor import SentimentPredictor

pytestmark = pytest.mark.usefixtures("quiet_process")

Train = Callable[..., int]

each_architecture = pytest.mark.parametrize("architecture", BY_ARCHITECTURE)


def _values(output: str, name: str) -> list[float]:
    [metric] = [metric for metric in METRICS if metric.name == name]
    return [float(found) for found in re.findall(metric.regex, output)]


@each_architecture
def test_a_job_makes_a_model_that_answers(
    architecture: str, train: Train, tmp_path: Path
) -> None:
    assert train(**BY_ARCHITECTURE[architecture]) == 0
    predictor = SentimentPredictor(load_model(tmp_path / "model"))
    assert 0 <= predictor.predict([predictor.read("A fine film.")])[0].probability <= 1
    assert sorted(path.name for path in (tmp_path / "model").iterdir()) == [
        "model.json", "vocabulary.json", "weights.safetensors"]
    assert not (tmp_path / "output" / "failure").exists()


@pytest.mark.parametrize(("architecture", "text", "setting"), [
    ("ngrams", "tokens", "features"), ("lstm", "classic", "hidden_dim")])
def test_the_description_says_what_was_learned_from_what(
    architecture: str, text: str, setting: str, train: Train, tmp_path: Path
) -> None:
    assert train(**BY_ARCHITECTURE[architecture]) == 0
    found = description(tmp_path)
    assert (found["architecture"]["name"], found["text"]["name"]) == (architecture, text)
    assert setting in found["architecture"]["settings"]
    assert found["data"] | {"fingerprint": ""} == {
        "fingerprint": "", "reviews": 120, "negative": 60, "positive": 60,
        "validation_reviews": 12}
    assert None not in found["training"]["hyperparameters"].values()


@each_architecture
def test_metric_lines_hold_every_epoch_and_last_the_saved_models(
    architecture: str, train: Train, tmp_path: Path, capfd: pytest.CaptureFixture[str],
    few_reviews: Path
) -> None:
    channels = {half: few_reviews / half for half in ("train", "test")}
    assert train(channels=channels, **BY_ARCHITECTURE[architecture]) == 0
    output = capfd.readouterr().out
    metrics = json.loads((tmp_path / "output" / "data" / "metrics.json").read_text())
    epochs = description(tmp_path)["training"]["epochs"]
    assert _values(output, "epoch")[:epochs] == [*range(1, epochs + 1)]
    for name in ("validation:accuracy", "validation:loss", "test:accuracy", "test:loss"):
        assert _values(output, name)[-1] == pytest.approx(metrics["final"][name], abs=1e-6)
    assert len(metrics["history"]) == epochs
    assert metrics["final"]["validation:accuracy"] == pytest.approx(
        _values(output, "validation:best_accuracy")[-1], abs=1e-6)
    assert "\r" not in output


def test_the_best_so_far_of_lstm_never_falls(
    train: Train, capfd: pytest.CaptureFixture[str]
) -> None:
    assert train(**LSTM) == 0
    best = _values(capfd.readouterr().out, "validation:best_accuracy")
    assert best == sorted(best)


def test_the_validation_channel_is_chosen_by_and_nothing_is_held_out(
    train: Train, tmp_path: Path, few_reviews: Path
) -> None:
    assert train(channels={"training": few_reviews / "train",
                           "validation": few_reviews / "test"}, epochs="1") == 0
    assert description(tmp_path)["data"]["validation_reviews"] == 40


@pytest.mark.parametrize(("fraction", "held_out"), [("0", 0), ("0.25", 30), ("0.001", 2)])
def test_a_share_of_both_classes_is_held_out(
    fraction: str, held_out: int, train: Train, tmp_path: Path
) -> None:
    assert train(validation_fraction=fraction, epochs="1") == 0
    assert description(tmp_path)["data"]["validation_reviews"] == held_out


@each_architecture
def test_the_same_seed_gives_the_same_model_and_another_seed_another(
    architecture: str, train: Train, tmp_path: Path
) -> None:
    made = []
    for seed in ("5", "5", "6"):
        assert train(epochs="1", **{**BY_ARCHITECTURE[architecture], "seed": seed}) == 0
        made.append(artifact(tmp_path))
    assert made[0] == made[1] != made[2]


@each_architecture
def test_the_number_of_processors_does_not_matter(
    architecture: str, train: Train, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = []
    for processors in ("1", "2", "3"):
        monkeypatch.setenv("OMP_NUM_THREADS", processors)
        assert train(epochs="1", batch_size="512", **BY_ARCHITECTURE[architecture]) == 0
        made.append(artifact(tmp_path))
    assert made[0] == made[1] == made[2]


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
    assert predictor.name == "lstm+classic"


@pytest.mark.parametrize("channel", ["validation", "test"])
def test_rows_that_stand_for_other_words_are_refused(
    channel: str, train: Train, tmp_path: Path
) -> None:
    words = {"dull": 2, "fine": 3, "film": 4, "stori": 5}
    channels = {"train": _encoded(tmp_path / "rows", words),
                channel: _encoded(tmp_path / "others", {**words, "extra": 6})}
    assert train(channels=channels) == 1
    assert failure(tmp_path).startswith(f"UserError: channel '{channel}': its word_dict is not")


def _checkpoints(root: Path) -> list[str]:
    return sorted(path.name for path in (root / "checkpoints").iterdir())


@pytest.mark.parametrize(("architecture", "epochs"), [
    ("ngrams", 1), ("ngrams", 3), ("lstm", 1), ("lstm", 3)])
def test_a_job_that_was_stopped_and_goes_on_ends_with_the_same_model(
    architecture: str, epochs: int, train: Train, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    hyper = BY_ARCHITECTURE[architecture]
    assert train(**hyper) == 0
    undisturbed = artifact(tmp_path)
    (tmp_path / "checkpoints").mkdir()
    with monkeypatch.context() as patch:
        stop_after(epochs, patch)
        assert train(**hyper) == 0
    assert description(tmp_path)["training"]["stopped"]
    caplog.set_level("INFO")
    assert train(**hyper) == 0
    assert "resumed from" in caplog.text
    assert artifact(tmp_path) == undisturbed


def test_lstm_goes_on_for_more_epochs_than_were_asked_for_at_first(
    train: Train, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    assert train(**LSTM) == 0
    whole = artifact(tmp_path)
    (tmp_path / "checkpoints").mkdir()
    assert train(**LSTM, epochs="1") == 0
    caplog.set_level("INFO")
    assert train(**LSTM, checkpoint_seconds="0") == 0
    assert "1 epochs and 0 reviews are done" in caplog.text
    assert artifact(tmp_path) == whole


def test_ngrams_begins_anew_for_another_number_of_epochs(
    train: Train, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "checkpoints").mkdir()
    assert train(epochs="1") == 0
    caplog.set_level("INFO")
    assert train(epochs="2") == 0
    assert "checkpoints of other data or hyperparameters are left alone" in caplog.text
    assert "resumed" not in caplog.text


@each_architecture
def test_a_damaged_newest_checkpoint_gives_way_to_the_one_before(
    architecture: str, train: Train, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    hyper = {**BY_ARCHITECTURE[architecture], "epochs": "2"}
    (tmp_path / "checkpoints").mkdir()
    assert train(**hyper) == 0
    whole = artifact(tmp_path)
    newest = tmp_path / "checkpoints" / _checkpoints(tmp_path)[-1]
    newest.write_bytes(newest.read_bytes()[:1000])
    caplog.set_level("INFO")
    assert train(**hyper) == 0
    assert f"checkpoint {newest.name} is damaged and passed over" in caplog.text
    assert "1 epochs and 0 reviews are done" in caplog.text
    assert artifact(tmp_path) == whole


@pytest.mark.parametrize("change", [
    {"learning_rate": "0.02"}, {"seed": "6"}, LSTM, {"text": "classic", "architecture": "ngrams"}])
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
    assert train("--epochs", "1", "--learning-rate=0.02") == 0
    hyper = description(tmp_path)["training"]["hyperparameters"]
    assert (hyper["epochs"], hyper["learning_rate"], hyper["batch_size"]) == (1, 0.02, 32)


@pytest.mark.parametrize(("hyper", "message"), [
    ({"epochs": "0"}, "hyperparameter epochs='0': expected a whole number in [1, 1000]"),
    ({"epoch": "3"}, "unknown hyperparameter 'epoch', did you mean 'epochs'?"),
    ({"architecture": "gru"}, "hyperparameter architecture='gru': expected one of auto, "
     "ngrams, lstm"),
])
def test_a_wrong_setting_ends_the_job_before_anything_is_read(
    hyper: dict[str, str], message: str, train: Train, tmp_path: Path
) -> None:
    assert train(**hyper) == 1
    assert failure(tmp_path) == f"UserError: {message}\n"
    assert not (tmp_path / "model").exists()


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has a GPU")
def test_a_gpu_that_is_not_there_is_the_platforms_fault(train: Train, tmp_path: Path) -> None:
    assert train(device="cuda") == 3
    assert failure(tmp_path).startswith("PlatformError: device is cuda, but this machine shows no")


def test_a_failed_job_leaves_no_model(train: Train, tmp_path: Path, few_reviews: Path) -> None:
    bad = tmp_path / "bad"
    shutil.copytree(few_reviews / "train", bad)
    (bad / "pos" / "9999_9.txt").write_bytes(b"fine\ncaf\xe9")
    assert train(channels={"train": bad}) == 1
    assert failure(tmp_path).startswith(
        "UserError: train/pos/9999_9.txt line 2: byte 0xe9 is not UTF-8")
    assert list((tmp_path / "model").iterdir()) == []


def test_reviews_without_a_word_make_no_model(train: Train, tmp_path: Path) -> None:
    (tmp_path / "blank").mkdir()
    (tmp_path / "blank" / "a.csv").write_text('label,text\n' + '0," "\n1,""\n' * 5)
    assert train(channels={"train": tmp_path / "blank"}) == 1
    assert failure(tmp_path) == "UserError: the reviews to learn from have no words\n"
    assert list((tmp_path / "model").iterdir()) == []


@pytest.mark.parametrize("error", [
    torch.OutOfMemoryError("CUDA out of memory"),
    RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes")])
def test_memory_that_runs_out_is_no_fault_of_the_container(
    error: RuntimeError, train: Train, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*arguments: object, **named: object) -> None:
        raise error

    monkeypatch.setattr("sentiment.learning.training.train", fail)
    assert train() == 3
    assert "PlatformError: out of memory" in failure(tmp_path)
