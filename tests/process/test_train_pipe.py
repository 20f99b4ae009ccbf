"""`train` on channels in Pipe mode: FIFOs that this side fills as the platform does."""

from __future__ import annotations

import contextlib
import csv
import io
import json
import os
import signal
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import pytest

import corpus
import piping
from clusters import assert_same_result
from executables import SMALL, lay_out, train, training
from jobs import artifact

Reviews = Sequence[tuple[int, str]]

QUICK = {**SMALL, "epochs": "1"}
REVIEWS = {name: list(corpus.reviews(count, seed)) for name, count, seed in (
    ("train", 80, 1), ("validation", 20, 2), ("test", 20, 3))}
PIECE = 1000
"""Bytes written at once, so that pieces end inside of rows and records."""


def _csv(reviews: Reviews) -> bytes:
    stream = io.StringIO(newline="")
    csv.writer(stream).writerows([("label", "text"), *reviews])
    return stream.getvalue().encode()


def _json_lines(reviews: Reviews) -> bytes:
    return b"".join(json.dumps({"label": label, "text": text}).encode() + b"\n"
                    for label, text in reviews)


def _objects(reviews: Reviews) -> list[bytes]:
    """The reviews as two objects in S3."""
    middle = len(reviews) // 2
    return [_csv(reviews[:middle]), _csv(reviews[middle:])]


def _attributes(reviews: Reviews) -> bytes:
    return piping.wrapped(*(value for label, text in reviews for value in (text, str(label))))


WRAPPED = {"RecordWrapperType": "RecordIO"}
FORMS: dict[str, tuple[Callable[[Reviews], bytes], Mapping[str, str]]] = {
    "CSV": (lambda reviews: b"".join(_objects(reviews)), {"ContentType": "text/csv"}),
    "JSON Lines": (_json_lines, {"ContentType": "application/jsonlines"}),
    "CSV in RecordIO": (lambda reviews: piping.wrapped(*_objects(reviews)),
                        {"ContentType": "text/csv", **WRAPPED}),
    "augmented manifest": (_attributes, {"ContentType": "application/x-recordio", **WRAPPED}),
}


def _tree(root: Path, channels: Mapping[str, Mapping[str, str]]) -> Path:
    """A job with channels in Pipe mode; returns where its pipes go."""
    lay_out(root, 0, channel="unused", hyperparameters=QUICK)
    return piping.lay_out(root, channels)


def _pieces(content: bytes) -> list[bytes]:
    return [content[at:at + PIECE] for at in range(0, len(content), PIECE)]


@pytest.fixture(scope="module")
def from_files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tree with the model that the same reviews make in File mode."""
    root = lay_out(tmp_path_factory.mktemp("files"), 0, channel="unused", hyperparameters=QUICK)
    for name, reviews in REVIEWS.items():
        (root / "input" / "data" / name).mkdir()
        (root / "input" / "data" / name / "a.jsonl").write_bytes(_json_lines(reviews))
    assert train(root).status == 0
    return root


@pytest.mark.parametrize("form", FORMS)
def test_a_pipe_makes_the_model_that_files_make(form: str, tmp_path: Path,
                                                from_files: Path) -> None:
    write, more = FORMS[form]
    pipes = _tree(tmp_path, dict.fromkeys(REVIEWS, more))
    turns = [(f"{name}_0", _pieces(write(REVIEWS[name]))) for name in reversed(REVIEWS)]
    with piping.feeding(pipes, *turns):
        trained = train(tmp_path)
    assert trained.status == 0, trained.log
    assert artifact(tmp_path) == artifact(from_files)


def test_two_processes_read_a_pipe_once_and_learn_what_one_learns(tmp_path: Path,
                                                                  from_files: Path) -> None:
    pipes = _tree(tmp_path, {name: {} for name in REVIEWS})
    turns = [(f"{name}_0", _pieces(_json_lines(REVIEWS[name]))) for name in REVIEWS]
    with piping.feeding(pipes, *turns):
        trained = train(tmp_path, environment={"SAGEMAKER_CLUSTER_PROCESSES": "2"})
    assert trained.status == 0, trained.log
    assert_same_result(tmp_path, from_files)


def test_the_pipe_of_the_next_epoch_is_left_alone(tmp_path: Path) -> None:
    pipes = _tree(tmp_path, {"train": {}})
    os.mkfifo(pipes / "train_1")
    with piping.feeding(pipes, ("train_0", _pieces(_json_lines(REVIEWS["train"])))):
        trained = train(tmp_path)
    assert trained.status == 0, trained.log


def test_damaged_records_end_the_job_with_their_place(tmp_path: Path) -> None:
    pipes = _tree(tmp_path, {"train": WRAPPED, "validation": WRAPPED})
    os.mkfifo(pipes / "validation_0")  # which nobody fills
    content = bytearray(_attributes(REVIEWS["train"]))
    second = len(piping.wrapped(REVIEWS["train"][0][1]))
    content[second] ^= 1
    with piping.feeding(pipes, ("train_0", [bytes(content)])):
        trained = train(tmp_path)
    assert trained.status == 1
    assert trained.failure is not None
    assert trained.failure.startswith(
        f"UserError: train_0 byte {second}: no RecordIO record begins here; upload the object")
    assert "Traceback" not in trained.log


@pytest.mark.parametrize("pipe", ["absent", "not begun", "begun"])
def test_a_stop_is_heard_while_a_pipe_is_waited_for(pipe: str, tmp_path: Path) -> None:
    pipes = _tree(tmp_path, {"train": {}})
    if pipe != "absent":
        os.mkfifo(pipes / "train_0")
    with training(tmp_path) as started, contextlib.ExitStack() as stack:
        if pipe == "begun":
            writer = stack.enter_context((pipes / "train_0").open("wb", buffering=0))
            writer.write(b'{"label": 1, "text"')
        started.wait_for("reading channel train")
        started.send(signal.SIGTERM)
        assert started.wait() == 128 + signal.SIGTERM
        assert not (tmp_path / "output" / "failure").exists()
        assert "Traceback" not in started.log
