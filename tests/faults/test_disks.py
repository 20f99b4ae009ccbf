"""Full and read-only places on real file systems: words, and never a half model (N2, T31)."""

from __future__ import annotations

import json
import os
import subprocess
import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from executables import LSTM, lay_out, train, until
from faults.nursery import Life, Nursery

Disk = Callable[..., Path]

PLATFORM = 3
MODEL = ("vocabulary.json", "weights.safetensors", "model.json")
"""In the order in which they are written."""
SETTINGS = {**LSTM, "hidden_dim": "24", "epochs": "4"}


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Disk]:
    """Mounts file systems of a size that are gone with the test."""
    mounted: list[Path] = []

    def mount(place: Path, kilobytes: int) -> Path:
        place.mkdir(parents=True, exist_ok=True)
        done = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={kilobytes}k", "none", place],
                              capture_output=True, check=False)
        if done.returncode != 0:
            pytest.skip("a file system can be mounted by root only")
        mounted.append(place)
        return place

    try:
        yield mount
    finally:
        for place in mounted:
            subprocess.run(["umount", "--lazy", place], check=True)


def read_only(place: Path) -> None:
    subprocess.run(["mount", "-o", "remount,ro", place], check=True)


def fill(place: Path, free: int = 0) -> None:
    """Leave no more than so many kilobytes."""
    usage = os.statvfs(place)
    (place / "filler").write_bytes(bytes(usage.f_bavail * usage.f_bsize - 1024 * free))


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return lay_out(tmp_path, 60, hyperparameters=SETTINGS)


@pytest.fixture(scope="module")
def good(nursery: Nursery, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same job on a disk with room; read-only by agreement."""
    root = lay_out(tmp_path_factory.mktemp("good"), 60, hyperparameters=SETTINGS)
    (root / "checkpoints").mkdir()
    ended = nursery.train(root)
    assert ended.status == 0, ended.log
    return root


def kilobytes(*files: Path) -> int:
    """What the files take in pages of memory."""
    return sum(4 * -(-path.stat().st_size // 4096) for path in files)


def weights(root: Path) -> bytes:
    return (root / "model" / "weights.safetensors").read_bytes()


def assert_failed(root: Path, ended: Life, *words: str) -> None:
    """In words, which are in the failure file, and without a model."""
    failure = (root / "output" / "failure").read_text()
    assert ended.status == PLATFORM, ended.log
    assert failure.startswith("PlatformError: ")
    assert all(word in failure for word in words), failure
    assert "Traceback" not in ended.log


@pytest.mark.parametrize("fitting", range(len(MODEL)))
def test_a_model_that_does_not_fit_is_not_there_by_half(
    fitting: int, root: Path, disk: Disk, nursery: Nursery, good: Path
) -> None:
    room = kilobytes(*(good / "model" / name for name in MODEL[:fitting]))
    place = disk(root / "model", room + 4)
    fill(place, room)
    ended = nursery.train(root)
    assert_failed(root, ended, "no space left; raise VolumeSizeInGB", MODEL[fitting])
    assert {path.name for path in place.iterdir()} == {"filler", *MODEL[:fitting]}


def test_a_model_directory_that_is_read_only_is_told_before_any_learning(
    root: Path, disk: Disk, nursery: Nursery
) -> None:
    read_only(disk(root / "model", 100))
    ended = nursery.train(root)
    assert_failed(root, ended, "model cannot be written; mount it writable for this user")
    assert "reading channel" not in ended.log


@pytest.mark.parametrize("spoil", [fill, read_only])
def test_checkpoints_that_cannot_be_written_cost_no_model(
    spoil: Callable[[Path], None], root: Path, disk: Disk, nursery: Nursery, good: Path
) -> None:
    spoil(disk(root / "checkpoints", 64))
    ended = nursery.train(root, "--checkpoint-seconds", "0")
    assert ended.status == 0, ended.log
    assert ended.log.count("cannot be written") == 1
    assert weights(root) == weights(good)


def test_a_disk_for_two_checkpoints_is_large_enough(root: Path, disk: Disk, nursery: Nursery,
                                                    good: Path) -> None:
    size = max(map(kilobytes, (good / "checkpoints").iterdir()))
    place = disk(root / "checkpoints", 2 * size + 4)
    ended = nursery.train(root, "--checkpoint-seconds", "0")
    assert "cannot be written" not in ended.log
    assert len(list(place.iterdir())) == 2
    assert weights(root) == weights(good)


def test_a_job_goes_on_from_checkpoints_that_it_can_only_read(
    root: Path, disk: Disk, nursery: Nursery, good: Path
) -> None:
    place = disk(root / "checkpoints", 4096)
    with nursery.life(root, "--checkpoint-seconds", "0") as life:
        until(lambda: any(path.suffix == ".bin" for path in place.iterdir()), "no checkpoint")
        life.kill()
    read_only(place)
    ended = nursery.train(root, "--checkpoint-seconds", "0")
    assert ended.status == 0, ended.log
    assert "resumed from" in ended.log
    assert weights(root) == weights(good)


@pytest.mark.parametrize("spoil", [fill, read_only])
def test_a_report_that_cannot_be_written_costs_no_model(
    spoil: Callable[[Path], None], root: Path, disk: Disk, nursery: Nursery, good: Path
) -> None:
    place = disk(root / "output", 16)
    spoil(place)
    ended = nursery.train(root)
    assert ended.status == 0, ended.log
    assert "metrics.json cannot be written" in ended.log
    assert weights(root) == weights(good)
    assert {path.name for path in place.iterdir()} <= {"filler", "data"}


def test_a_full_output_does_not_hide_the_failure(root: Path, disk: Disk, nursery: Nursery) -> None:
    fill(disk(root / "output", 16))
    ended = nursery.train(root, "--epochs", "0")
    assert ended.status == 1
    assert "UserError: hyperparameter epochs='0'" in ended.log
    assert "No space left on device" in ended.log


def test_a_model_archive_that_does_not_fit_into_tmp_is_told(root: Path, disk: Disk,
                                                            good: Path) -> None:
    channel = root / "input" / "data" / "model"
    channel.mkdir()
    with tarfile.open(channel / "model.tar.gz", "w:gz") as tar:
        for name in MODEL:
            tar.add(good / "model" / name, name)
    scratch = disk(root / "scratch", 8)
    ended = train(root, environment={"TMPDIR": str(scratch)})
    assert ended.status == PLATFORM
    assert "no space left; raise VolumeSizeInGB" in (ended.failure or "")
    assert list(scratch.iterdir()) == []


def test_more_reviews_than_memory_and_tmp_take_are_told(root: Path, disk: Disk) -> None:
    line = json.dumps({"label": 1, "text": "A fine film. " * 80_000}) + "\n"
    (root / "input/data/train/long.jsonl").write_text(line * 70)
    scratch = disk(root / "scratch", 8 << 10)
    ended = train(root, environment={"TMPDIR": str(scratch)})
    assert ended.status == PLATFORM
    assert "has no room left for the reviews" in (ended.failure or "")
    assert list(scratch.iterdir()) == [] and list((root / "model").iterdir()) == []


def test_channels_are_never_written(root: Path, disk: Disk, nursery: Nursery,
                                    good: Path) -> None:
    reviews = (root / "input/data/train/reviews.jsonl").read_bytes()
    place = disk(root / "input" / "data" / "train", 256)
    (place / "reviews.jsonl").write_bytes(reviews)
    read_only(place)
    assert nursery.train(root).status == 0
    assert weights(root) == weights(good)
