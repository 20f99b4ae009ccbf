"""What may lie in the checkpoint directory when a job starts, and what may happen to it (T22)."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from safetensors import safe_open
from safetensors.torch import load, save

from executables import LSTM, lay_out, until
from faults.nursery import Life, Nursery
from sentiment.learning.snapshot import FORMAT


@pytest.fixture(scope="module")
def uninterrupted(nursery: Nursery, tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = lay_out(tmp_path_factory.mktemp("uninterrupted"), 60, hyperparameters=LSTM)
    ended = nursery.train(root)
    assert ended.status == 0, ended.log
    return root


@pytest.fixture(scope="module")
def interrupted(uninterrupted: Path, nursery: Nursery,
                tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same job, killed when it had two checkpoints; read-only by agreement."""
    root = tmp_path_factory.mktemp("interrupted")
    shutil.copytree(uninterrupted / "input", root / "input")
    (root / "checkpoints").mkdir()
    with nursery.life(root, "--checkpoint-seconds", "0") as life:
        until(lambda: len(list((root / "checkpoints").glob("checkpoint-*"))) >= 2, "no checkpoint")
        life.kill()
    for one_too_many in checkpoints(root)[2:]:  # killed when it was about to remove it
        one_too_many.unlink()
    return root


@pytest.fixture
def root(interrupted: Path, tmp_path: Path) -> Path:
    for folder in ("input", "checkpoints"):
        shutil.copytree(interrupted / folder, tmp_path / folder)
    return tmp_path


def checkpoints(root: Path) -> list[Path]:
    """The newest first."""
    return sorted((root / "checkpoints").glob("checkpoint-*"), reverse=True)


def assert_equal(root: Path, uninterrupted: Path, ended: Life) -> None:
    """The job has ended as if it had never been interrupted."""
    assert ended.status == 0, ended.log
    ours, theirs = (json.loads((place / "output/data/metrics.json").read_text())
                    for place in (root, uninterrupted))
    assert ours == theirs
    assert weights(root) == weights(uninterrupted)


def weights(root: Path) -> bytes:
    return (root / "model" / "weights.safetensors").read_bytes()


def of_a_later_format(path: Path) -> None:
    """The same tensors with another note, whole by its name."""
    with safe_open(path, "pt") as opened:
        note = json.loads(opened.metadata()["state"])
    content = save(load(path.read_bytes()), {"state": json.dumps(note | {"format": 99})})
    path.unlink()
    named(path, content).write_bytes(content)


def of_other_things(path: Path) -> None:
    content = b"whole by its name, and no checkpoint"
    path.unlink()
    named(path, content).write_bytes(content)


def named(path: Path, content: bytes) -> Path:
    """The name beside `path` that goes with the content."""
    stem = path.stem.rpartition("-")[0]
    return path.with_name(f"{stem}-{hashlib.sha256(content).hexdigest()[:16]}.bin")


def replaced(make: Callable[[Path], object]) -> Callable[[Path], None]:
    def replace(path: Path) -> None:
        path.unlink()
        make(path)
    return replace


SPOILT: dict[str, tuple[Callable[[Path], object], str]] = {
    "half uploaded": (lambda path: os.truncate(path, path.stat().st_size // 2), "is damaged"),
    "empty": (lambda path: os.truncate(path, 0), "is damaged"),
    "other bytes": (lambda path: path.write_bytes(b"\xff" * 10_000), "is damaged"),
    "a directory": (replaced(Path.mkdir), "is damaged"),
    "a pipe": (replaced(os.mkfifo), "is damaged"),
    "a link to nowhere": (replaced(lambda path: path.symlink_to("nowhere")), "is damaged"),
    "a later format": (of_a_later_format, f"its format is 99, and this image reads {FORMAT}"),
    "no checkpoint": (of_other_things, "not a usable checkpoint"),
}


@pytest.mark.parametrize("kind", SPOILT)
def test_a_spoilt_newest_checkpoint_gives_way_to_the_one_before(
    kind: str, root: Path, uninterrupted: Path, nursery: Nursery
) -> None:
    newest, before = checkpoints(root)
    spoil, said = SPOILT[kind]
    spoil(newest)
    ended = nursery.train(root)
    assert said in ended.log
    assert f"resumed from {before.name}" in ended.log
    assert_equal(root, uninterrupted, ended)


@pytest.mark.parametrize("kind", SPOILT)
def test_without_a_usable_checkpoint_the_job_begins_anew(
    kind: str, root: Path, uninterrupted: Path, nursery: Nursery
) -> None:
    for path in checkpoints(root):
        SPOILT[kind][0](path)
    ended = nursery.train(root)
    assert "resumed from" not in ended.log
    assert_equal(root, uninterrupted, ended)


@pytest.mark.parametrize("gone", [1, 2])
def test_deleted_checkpoints_are_done_without(gone: int, root: Path, uninterrupted: Path,
                                              nursery: Nursery) -> None:
    for path in checkpoints(root)[:gone]:
        path.unlink()
    ended = nursery.train(root)
    assert ("resumed from" in ended.log) == (gone == 1)
    assert_equal(root, uninterrupted, ended)


def test_checkpoints_of_other_settings_are_left_alone(root: Path, nursery: Nursery) -> None:
    theirs = {path: path.read_bytes() for path in checkpoints(root)}
    ended = nursery.train(root, "--learning-rate", "0.01")
    assert ended.status == 0, ended.log
    assert "2 checkpoints of other data or hyperparameters are left alone" in ended.log
    assert "resumed from" not in ended.log
    assert {path: path.read_bytes() for path in theirs} == theirs


def test_other_files_are_neither_read_nor_removed(root: Path, uninterrupted: Path,
                                                  nursery: Nursery) -> None:
    others = [root / "checkpoints" / name for name in ("notes.txt", "a.bin.tmp", ".hidden")]
    for path in others:
        path.write_text("of somebody else")
    (root / "checkpoints" / "folder").mkdir()
    assert_equal(root, uninterrupted, nursery.train(root))
    assert [path.read_text() for path in others] == ["of somebody else"] * 3


def test_a_file_in_the_place_of_the_directory_costs_the_checkpoints_only(
    root: Path, uninterrupted: Path, nursery: Nursery
) -> None:
    shutil.rmtree(root / "checkpoints")
    (root / "checkpoints").touch()
    (root / "input/config/checkpointconfig.json").write_text(
        json.dumps({"LocalPath": "/opt/ml/checkpoints"}))
    ended = nursery.train(root)
    assert ended.log.count("cannot be written") == 1
    assert_equal(root, uninterrupted, ended)
