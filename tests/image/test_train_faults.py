"""Training in the image when the machine fails it: power loss, no network, full disks."""

from __future__ import annotations

import re
import tarfile
import tempfile
from pathlib import Path

import pytest

from image.engine import ONE_PROCESSOR, Image, mount, wait_for
from image.trees import Trained, Tree
from sentiment.artifacts.loading import load_model

DEATHS = 2
STEPS = {"epochs": "8", "batch-size": "4", "checkpoint-seconds": "0"}
"""Hyperparameters of a job that writes many checkpoints."""

MODEL = {"model.json", "vocabulary.json", "weights.safetensors"}


def metrics(log: str) -> list[str]:
    """The metric lines of a log, the last of each epoch."""
    return re.findall(r"^train:loss=.*$", log, re.MULTILINE)


@pytest.mark.parametrize("settings", [{}, {"architecture": "lstm", "hidden_dim": "16"}],
                         ids=["ngrams", "lstm"])
def test_a_job_killed_on_several_machines_ends_as_on_one(
    settings: dict[str, str], image: Image, workshop: Path, corpus_tree: Tree
) -> None:
    """Each machine is a new container; only the checkpoints go from one to the next."""
    other = Tree.make(Path(tempfile.mkdtemp(dir=workshop)))
    other.add_corpus()
    for tree in (other, corpus_tree):
        tree.set_hyperparameters({**STEPS, **settings})
    corpus_tree.checkpoints.mkdir()
    for death in range(DEATHS):
        killed = live_and_be_killed(image, corpus_tree)
        assert ("resumed from" in killed) == (death > 0)
        assert "model.json" not in corpus_tree.model_files()
    last, whole = (image.train(tree.root, "--checkpoint-seconds", "60")
                   for tree in (corpus_tree, other))
    assert [last.status, whole.status] == [0, 0]
    assert metrics(last.out)[-1] == metrics(whole.out)[-1]
    assert weights(corpus_tree) == weights(other)


def live_and_be_killed(image: Image, tree: Tree) -> str:
    """The log of a job that dies when it has written some checkpoints."""
    seen = {path.name for path in tree.checkpoints.iterdir()}
    with image.start("train", options=[*ONE_PROCESSOR, *mount(tree.root, "/opt/ml")]) as job:
        wait_for(lambda: any(path.name not in seen
                             for path in tree.checkpoints.glob("checkpoint-*")),
                 "a new checkpoint", job)
        assert job.kill() == 137
        return job.logs()


def weights(tree: Tree) -> bytes:
    return (tree.model / "weights.safetensors").read_bytes()


# Nothing answers there, so whoever asks waits for seconds, or fails.
NO_NETWORK = ("--network", "none", "--dns", "192.0.2.1", "--env", "AWS_REGION=",
              "--env", "HOME=/nowhere", "--env", "TZ=")


def test_a_job_without_a_network_ends_with_a_model(image: Image, corpus_tree: Tree) -> None:
    run = image.train(corpus_tree.root, options=NO_NETWORK)
    assert run.status == 0, run
    assert corpus_tree.model_files() == MODEL
    load_model(corpus_tree.model)


# What else is mounted over the tree, exit status, and words in the failure file, or in the log.
PLACES = {
    "a full model directory": (
        ["--tmpfs", "/opt/ml/model:size=16k"], 3, "PlatformError: no space left; raise "
        "VolumeSizeInGB (/opt/ml/model/weights.safetensors)"),
    "a read-only model directory": (
        ["--tmpfs", "/opt/ml/model:ro"], 3, "PlatformError: /opt/ml/model cannot be written; "
        "mount it writable for this user"),
    "no place for temporary files": (
        ["--read-only"], 3, "PlatformError: there is no place for temporary files"),
    "a full /tmp": (
        ["--tmpfs", "/tmp:size=8k"], 3, "PlatformError: no space left; raise VolumeSizeInGB (/tmp"),
    "full checkpoints": (
        ["--tmpfs", "/opt/ml/checkpoints:size=8k"], 0, "No space left on device"),
    "read-only checkpoints": (
        ["--tmpfs", "/opt/ml/checkpoints:ro"], 0, "Read-only file system"),
    "a read-only output": (
        ["--tmpfs", "/opt/ml/output:ro"], 0, "metrics.json cannot be written"),
}


@pytest.mark.parametrize("kind", PLACES)
def test_a_place_that_cannot_be_written_is_told_in_words(
    kind: str, image: Image, corpus_tree: Tree, trained: Trained
) -> None:
    options, status, words = PLACES[kind]
    if "tmp" in kind or "temporary" in kind:  # where an earlier model is unpacked
        channel = corpus_tree.data / "model"
        channel.mkdir()
        with tarfile.open(channel / "model.tar.gz", "w:gz") as tar:
            for path in trained.tree.model.iterdir():
                tar.add(path, path.name)
    run = image.train(corpus_tree.root, options=options)
    assert run.status == status, run
    assert "Traceback" not in run.out + run.err
    if status:
        assert words in corpus_tree.failure.read_text()
        assert "model.json" not in corpus_tree.model_files()
    else:
        assert words in run.out
        assert corpus_tree.model_files() == MODEL
