"""The example's algorithm in the same shell: real `train`, real `serve`, and what they refuse."""

from __future__ import annotations

import json
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from executables import Server, Trained, lay_out, serving, train, training, write_channel
from naive_bayes import NaiveBayes
from rating import extremes


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return lay_out(tmp_path_factory.mktemp("job"), hyperparameters={"smoothing": "0.5"})


@pytest.fixture(scope="module")
def trained(root: Path, naive_bayes: Path) -> Trained:
    return train(root, program=naive_bayes / "train")


@pytest.fixture(scope="module")
def server(root: Path, trained: Trained, naive_bayes: Path,
           tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    assert trained.status == 0, trained.log
    output = tmp_path_factory.mktemp("served") / "serve.log"
    with serving(root / "model", output, naive_bayes / "serve",
                 SAGEMAKER_MODEL_SERVER_WORKERS="1") as started:
        yield started.wait_until_ready()


def test_it_trains_on_the_same_channel(root: Path, trained: Trained) -> None:
    assert trained.status == 0, trained.log
    assert "validation:accuracy=" in trained.log
    assert [path.name for path in (root / "model").iterdir()] == ["model.json"]


@pytest.mark.parametrize(("side", "label"), [("positive", b"1"), ("negative", b"0")])
def test_it_answers_over_http(root: Path, server: Server, side: str, label: bytes) -> None:
    text = extremes(NaiveBayes.load(root / "model"))[side]
    assert server.predict(text.encode(), "text/plain").body == label
    answer = server.predict(json.dumps({"text": text}).encode(), "application/json").json()
    assert answer["label"] == side


def test_its_server_stops_as_any_other(root: Path, trained: Trained, naive_bayes: Path,
                                       tmp_path: Path) -> None:
    with serving(root / "model", tmp_path / "log", naive_bayes / "serve") as server:
        server.wait_until_ready()
        server.send(signal.SIGTERM)
        assert server.wait() == 0


@pytest.mark.parametrize(("label", "text", "words"), [
    ("maybe", "Fine", "UserError: train/reviews.jsonl: expected label and text in each row"),
    ("1", None, "UserError: train/reviews.jsonl: expected label and text in each row"),
    ("1", "Fine", "UserError: channel 'train' needs reviews of both labels"),
])
def test_bad_data_is_the_users(tmp_path: Path, naive_bayes: Path, label: str, text: str | None,
                               words: str) -> None:
    channel = lay_out(tmp_path, 0, hyperparameters={}) / "input" / "data" / "train"
    (channel / "reviews.jsonl").write_text(json.dumps({"label": label, "text": text}))
    ended = train(tmp_path, program=naive_bayes / "train")
    assert ended.status == 1
    assert (ended.failure or "").startswith(words)


def test_a_pipe_is_refused_in_words(tmp_path: Path, naive_bayes: Path) -> None:
    lay_out(tmp_path, 10, hyperparameters={})
    (tmp_path / "input" / "config" / "inputdataconfig.json").write_text(
        '{"train": {"TrainingInputMode": "Pipe"}}')
    ended = train(tmp_path, program=naive_bayes / "train")
    assert ended.status == 1
    assert (ended.failure or "").startswith(
        "UserError: channel 'train' has TrainingInputMode Pipe; expected File")


def test_a_stop_while_it_reads_ends_without_a_model(tmp_path: Path, naive_bayes: Path) -> None:
    write_channel(tmp_path, "train", [(1, "A fine film"), (0, "Dull")] * 200_000)
    with training(tmp_path, program=naive_bayes / "train") as job:
        job.wait_for("training naive-bayes")
        job.send(signal.SIGTERM)
        assert job.wait() == 128 + signal.SIGTERM
    assert list((tmp_path / "model").iterdir()) == []


def test_several_hosts_are_refused_because_it_knows_but_one(root: Path, tmp_path: Path,
                                                            naive_bayes: Path) -> None:
    lay_out(tmp_path, 10, hyperparameters={})
    (tmp_path / "input" / "config" / "resourceconfig.json").write_text(
        '{"current_host": "algo-1", "hosts": ["algo-1", "algo-2"]}')
    ended = train(tmp_path, program=naive_bayes / "train")
    assert ended.status == 1
    assert "naive-bayes trains on one host" in (ended.failure or "")
