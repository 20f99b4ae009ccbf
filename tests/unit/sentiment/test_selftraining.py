"""More rounds from reviews without a label, in whole jobs in this process."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import corpus
from jobs import LSTM, artifact, description, failure, stop_after
from sentiment.artifacts.loading import load_model
from sentiment.learning import ngram_training, selftraining
from sentiment.learning.training import Settings
from sentiment.predictor import SentimentPredictor

pytestmark = pytest.mark.usefixtures("quiet_process")

Train = Callable[..., int]

UNLABELLED = 80
EPOCHS = 2
"""Of each round."""


@pytest.fixture(scope="module")
def half_labelled(few_reviews: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The reviews of the archive's `train`, with some in `unsup`; read-only by agreement."""
    folder = tmp_path_factory.mktemp("half") / "train"
    shutil.copytree(few_reviews / "train", folder)
    (folder / "unsup").mkdir()
    for number, (_, text) in enumerate(corpus.reviews(UNLABELLED, seed=77)):
        (folder / "unsup" / f"{number}_0.txt").write_text(text)
    return folder


@pytest.fixture
def learn(train: Train, half_labelled: Path, few_reviews: Path) -> Train:
    """A job on reviews with and without labels, and a validation channel to choose by."""

    def run(**hyper: str) -> int:
        channels = {"train": half_labelled, "validation": few_reviews / "test"}
        return train(channels=channels, **{"epochs": str(EPOCHS), **hyper})

    return run


def _texts(root: Path, texts: list[str]) -> Path:
    root.mkdir()
    (root / "a.jsonl").write_text("\n".join(json.dumps({"text": text}) for text in texts))
    return root


def _first_round(learn: Train, root: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, bytes]:
    """The model of the first round alone: of a job that is stopped at its end."""
    with monkeypatch.context() as patch:
        stop_after(EPOCHS, patch)
        assert learn() == 0
    return artifact(root)


def _rounds(log: str) -> list[int]:
    """From how many reviews each round learned."""
    return [int(count) for count in re.findall(r"learning from (\d+) reviews", log)]


def test_reviews_without_a_label_make_more_rounds(
    learn: Train, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    assert learn() == 0
    assert f"{UNLABELLED} reviews without a label" in caplog.text
    assert _rounds(caplog.text) == [120, 120 + UNLABELLED]
    assert description(tmp_path)["data"]["unlabelled_reviews"] == UNLABELLED


def test_without_them_there_is_one_round(
    train: Train, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    assert train(epochs="1") == 0
    assert _rounds(caplog.text) == [108, 120]
    assert "unlabelled_reviews" not in description(tmp_path)["data"]


def test_its_epochs_go_on_counting(
    learn: Train, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert learn() == 0
    epochs = re.findall(r" epoch=(\d+)\.0+;", capfd.readouterr().out)
    kept = description(tmp_path)["training"]["best_epoch"]
    # The last line is once more of the model that is kept.
    assert [int(number) for number in epochs] == [*range(1, 2 * EPOCHS + 1), kept]
    metrics = json.loads((tmp_path / "output" / "data" / "metrics.json").read_text())
    assert [epoch["epoch"] for epoch in metrics["history"]] == [*range(1, 2 * EPOCHS + 1)]


@pytest.mark.parametrize("names", [["unlabelled"], ["unlabeled"], ["unlabelled", "unlabeled"]])
def test_they_may_come_in_channels_of_their_own(
    names: list[str], train: Train, tmp_path: Path, few_reviews: Path,
    caplog: pytest.LogCaptureFixture
) -> None:
    channels = {name: _texts(tmp_path / name, ["A fine film", f"{name} twice: {name}"])
                for name in names}
    caplog.set_level("INFO")
    assert train(channels={"train": few_reviews / "train", **channels}, epochs="1") == 0
    assert description(tmp_path)["data"]["unlabelled_reviews"] == 2 * len(names)
    assert all(f"channel {name}: 2 reviews without a label" in caplog.text for name in names)
    assert {*names} <= {*load_model(tmp_path / "model").pipeline.vocabulary}


def test_an_empty_channel_is_as_if_it_were_not_given(
    train: Train, tmp_path: Path, few_reviews: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "none").mkdir()
    channels = {"train": few_reviews / "train", "unlabelled": tmp_path / "none"}
    assert train(channels=channels, epochs="1") == 0
    assert "channel unlabelled is empty" in caplog.text


def test_what_cannot_be_read_of_them_is_named(
    train: Train, tmp_path: Path, few_reviews: Path
) -> None:
    (tmp_path / "bad").mkdir()
    (tmp_path / "bad" / "a.jsonl").write_text('{"text": "fine"}\n{"label": 1}\n')
    channels = {"train": few_reviews / "train", "unlabelled": tmp_path / "bad"}
    assert train(channels=channels) == 1
    assert failure(tmp_path).startswith("UserError: unlabelled/a.jsonl line 2: expected {\"text\"")


@pytest.mark.parametrize("hyper", [LSTM, {"text": "classic"}], ids=["lstm", "classic"])
def test_lstm_does_not_read_them(
    hyper: Mapping[str, str], learn: Train, tmp_path: Path, half_labelled: Path
) -> None:
    unreadable = tmp_path / "input" / "data" / "unlabelled" / "a.md"
    unreadable.parent.mkdir(parents=True)
    unreadable.write_text("of unknown kind")
    assert learn(**{**LSTM, **hyper, "epochs": "1"}) == 0
    assert "unlabelled_reviews" not in description(tmp_path)["data"]


def test_beside_rows_of_ids_they_are_not_counted(
    train: Train, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    rows = tmp_path / "rows"
    rows.mkdir()
    (rows / "train.csv").write_text("\n".join(
        ",".join(map(str, [place % 2, 1, 2 + place % 2, *[0] * 499])) for place in range(20)))
    (rows / "word_dict.json").write_text(json.dumps({"dull": 2, "fine": 3}))
    channels = {"train": rows, "unlabelled": _texts(tmp_path / "others", ["fine film"])}
    assert train(channels=channels, epochs="1", hidden_dim="4") == 0
    assert "unlabelled_reviews" not in description(tmp_path)["data"]


@pytest.mark.parametrize("epochs", [EPOCHS - 1, EPOCHS, 2 * EPOCHS - 1],
                         ids=["first round", "between rounds", "second round"])
def test_a_job_that_was_stopped_and_goes_on_ends_with_the_same_model(
    epochs: int, learn: Train, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture
) -> None:
    assert learn() == 0
    undisturbed = artifact(tmp_path)
    (tmp_path / "checkpoints").mkdir()
    with monkeypatch.context() as patch:
        stop_after(epochs, patch)
        assert learn(checkpoint_seconds="0") == 0
    caplog.set_level("INFO")
    assert learn() == 0
    assert "resumed from" in caplog.text
    assert artifact(tmp_path) == undisturbed


def test_metrics_after_a_resume_are_those_of_an_undisturbed_job(
    learn: Train, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert learn() == 0
    metrics = (tmp_path / "output" / "data" / "metrics.json").read_bytes()
    (tmp_path / "checkpoints").mkdir()
    with monkeypatch.context() as patch:
        stop_after(EPOCHS + 1, patch)
        assert learn() == 0
    assert learn() == 0
    assert (tmp_path / "output" / "data" / "metrics.json").read_bytes() == metrics


@pytest.fixture
def set_aside(train: Train, half_labelled: Path) -> Train:
    """A job of three rounds, the last with the reviews that were set aside; each ends early."""

    def run(**hyper: str) -> int:
        return train(channels={"train": half_labelled},
                     **{"epochs": "9", "patience": "1", "learning_rate": "0.3", **hyper})

    return run


def _outcome(root: Path) -> tuple[dict[str, bytes], dict[str, object], bytes]:
    told = description(root)["training"]
    return artifact(root), {name: value for name, value in told.items() if name != "seconds"}, (
        root / "output" / "data" / "metrics.json").read_bytes()


def test_rounds_that_ended_early_are_remembered_by_a_job_that_goes_on(
    set_aside: Train, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert set_aside() == 0
    undisturbed = _outcome(tmp_path)
    epochs = description(tmp_path)["training"]["epochs"]
    assert epochs < 3 * 9, "no round ended early, so this test would show nothing"
    for stop in range(1, epochs, 3):
        shutil.rmtree(tmp_path / "checkpoints", ignore_errors=True)
        (tmp_path / "checkpoints").mkdir()
        with monkeypatch.context() as patch:
            stop_after(stop, patch)
            assert set_aside() == 0
        assert set_aside() == 0
        assert _outcome(tmp_path) == undisturbed, f"stopped after epoch {stop} of {epochs}"


def test_a_job_stopped_between_its_start_and_its_last_round_has_a_model(
    set_aside: Train, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "checkpoints").mkdir()
    assert set_aside() == 0
    done = description(tmp_path)["training"]["epochs"]
    shutil.rmtree(tmp_path / "model")
    better = selftraining._better_round

    def choose_and_stop(*given: Any) -> int:
        os.kill(os.getpid(), signal.SIGTERM)
        return better(*given)

    monkeypatch.setattr(selftraining, "_better_round", choose_and_stop)
    assert set_aside() == 0
    told = description(tmp_path)["training"]
    assert told["stopped"] and 0 < told["measured_epoch"] == told["best_epoch"] < done
    assert told["metrics"]["validation:accuracy"]


@pytest.mark.parametrize("round_", [0, 1])
def test_a_stop_is_heard_while_the_features_are_counted(
    round_: int, learn: Train, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ratios, rounds = ngram_training.ratios, iter(range(2))

    def count(*given: Any) -> Any:
        if next(rounds) == round_:
            os.kill(os.getpid(), signal.SIGTERM)
        return ratios(*given)

    monkeypatch.setattr(selftraining, "ratios", count)
    assert learn() == (143, 0)[round_]
    assert (tmp_path / "model" / "model.json").exists() == bool(round_)


def test_after_a_stop_a_great_many_held_out_reviews_are_not_measured_anew(
    learn: Train, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(selftraining, "_MOST_AFTER_A_STOP", 39)
    stop_after(EPOCHS, monkeypatch)
    assert learn() == 0
    told = description(tmp_path)["training"]
    assert told["temperature"] == 1.0
    assert told["metrics"]["validation:accuracy"] == told["metrics"]["validation:best_accuracy"]


def test_the_number_of_processors_does_not_matter(
    learn: Train, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = []
    for processors in ("1", "2"):
        monkeypatch.setenv("OMP_NUM_THREADS", processors)
        assert learn(batch_size="512") == 0
        made.append(artifact(tmp_path))
    assert made[0] == made[1]


def test_misleading_reviews_do_not_spoil_the_model(
    learn: Train, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture
) -> None:
    first = _first_round(learn, tmp_path, monkeypatch)
    # The second round is told the contrary of what the first has found.
    guesses = selftraining.guesses
    monkeypatch.setattr(selftraining, "guesses", lambda *given: 1 - guesses(*given))
    assert learn() == 0
    assert "did not help; the model without them is kept" in caplog.text
    assert artifact(tmp_path) == first


def test_the_metrics_are_those_of_the_model_as_it_is_kept(
    learn: Train, tmp_path: Path, few_reviews: Path
) -> None:
    assert learn() == 0
    predictor = SentimentPredictor.load(tmp_path / "model")
    files = sorted((few_reviews / "test").rglob("*.txt"))
    labels = np.array([file.parent.name == "pos" for file in files])
    chances = np.array([answer.probability for answer in predictor.predict(
        [predictor.read(file.read_text()) for file in files])])
    metrics = description(tmp_path)["training"]["metrics"]
    assert metrics["validation:accuracy"] == np.mean((chances > 0.5) == labels)
    assert metrics["validation:loss"] == pytest.approx(
        -np.log(np.where(labels, chances, 1 - chances)).mean(), abs=1e-4)


@pytest.mark.parametrize(("reviews", "times"), [(100, 1), (101, 2), (350, 4), (5000, 4)])
def test_a_round_with_guessed_labels_takes_no_more_steps_but_longer_ones(
    reviews: int, times: int
) -> None:
    plain = Settings(epochs=5, batch_size=10, learning_rate=0.01, weight_decay=1e-4,
                     gradient_clip=0, patience=0, seed=1, checkpoint_seconds=60)
    paced = selftraining._paced(plain, reviews, labelled=100)
    assert paced.batch_size == 10 * times
    assert paced.learning_rate == pytest.approx(0.01 * times ** 0.5)
    assert paced.weight_decay == pytest.approx(1e-4 if times == 1 else 2e-5)
