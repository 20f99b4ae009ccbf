"""`docker run IMAGE train` in Pipe mode, with FIFOs that are filled from outside the container."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

import corpus
import piping
from image.engine import ONE_PROCESSOR, Image, mount
from image.trees import QUICK, Tree

RECORDS = {"RecordWrapperType": "RecordIO", "ContentType": "application/x-recordio"}


def _csv(count: int, seed: int) -> bytes:
    return b"label,text\n" + b"".join(
        b'%d,"%s"\n' % (label, text.replace('"', '""').encode())
        for label, text in corpus.reviews(count, seed))


def _attributes(count: int, seed: int) -> bytes:
    return piping.wrapped(*(value for label, text in corpus.reviews(count, seed)
                            for value in (text, str(label))))


def _pipes(tree: Tree, channels: Mapping[str, Mapping[str, str]]) -> Path:
    tree.set_hyperparameters(QUICK)
    return piping.lay_out(tree.root, channels)


def test_pipes_of_two_kinds_make_a_model(image: Image, tree: Tree) -> None:
    pipes = _pipes(tree, {"train": RECORDS, "test": {"ContentType": "text/csv"}})
    with piping.feeding(pipes, ("test_0", [_csv(20, 2)]), ("train_0", [_attributes(200, 1)])):
        run = image.train(tree.root)
    assert run.status == 0, run
    assert tree.model_files() == {"model.json", "vocabulary.json", "weights.safetensors"}
    assert "test:accuracy=" in run.out


def test_docker_stop_is_heard_while_a_pipe_is_waited_for(image: Image, tree: Tree) -> None:
    os.mkfifo(_pipes(tree, {"train": RECORDS}) / "train_0")  # which nobody fills
    options = [*ONE_PROCESSOR, *mount(tree.root, "/opt/ml")]
    with image.start("train", options=options) as job:
        job.wait_for_log("reading channel train")
        assert job.stop(120) == 143
    assert not tree.failure.exists()
