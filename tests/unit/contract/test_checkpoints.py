from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from contract.running.checkpoints import CheckpointStore

RUN, OTHER = "a" * 64, "b" * 64


def _saved(store: CheckpointStore, content: bytes) -> Path:
    path = store.save(content)
    assert path is not None
    return path


def _contents(store: CheckpointStore) -> list[bytes]:
    return [content for _, content in store.load()]


def test_an_absent_directory_holds_nothing_and_is_made_on_the_first_save(tmp_path: Path) -> None:
    store = CheckpointStore(tmp_path / "deep" / "checkpoints", RUN)
    assert _contents(store) == []
    assert not (tmp_path / "deep").exists()
    store.save(b"one")
    assert _contents(store) == [b"one"]


def test_the_newest_comes_first_across_restarts(tmp_path: Path) -> None:
    CheckpointStore(tmp_path, RUN).save(b"one")
    CheckpointStore(tmp_path, RUN).save(b"two")
    assert _contents(CheckpointStore(tmp_path, RUN)) == [b"two", b"one"]


@pytest.mark.parametrize("keep", [1, 2, 3])
def test_the_last_few_are_kept(keep: int, tmp_path: Path) -> None:
    store = CheckpointStore(tmp_path, RUN, keep=keep)
    for number in range(12):
        store.save(b"%d" % number)
    assert _contents(store) == [b"%d" % number for number in (11, 10, 9)[:keep]]
    assert len(list(tmp_path.iterdir())) == keep


def test_equal_contents_are_two_checkpoints(tmp_path: Path) -> None:
    store = CheckpointStore(tmp_path, RUN)
    assert store.save(b"same") != store.save(b"same")
    assert _contents(store) == [b"same", b"same"]


def test_a_checkpoint_cut_at_any_byte_gives_way_to_the_one_before(tmp_path: Path) -> None:
    store = CheckpointStore(tmp_path, RUN)
    store.save(b"the one before")
    content = bytes(range(100))
    newest = _saved(store, content)
    for end in range(len(content)):
        newest.write_bytes(content[:end])
        fresh = CheckpointStore(tmp_path, RUN)
        assert _contents(fresh) == [b"the one before"]
        assert fresh.damaged() == [newest]


def test_a_checkpoint_with_any_byte_changed_gives_way_to_the_one_before(tmp_path: Path) -> None:
    store = CheckpointStore(tmp_path, RUN)
    store.save(b"the one before")
    content = bytes(range(100))
    newest = _saved(store, content)
    for place in range(len(content)):
        newest.write_bytes(content[:place] + b"\xff" + content[place + 1:])
        assert _contents(store) == [b"the one before"]


def test_a_new_checkpoint_never_takes_the_number_of_a_damaged_one(tmp_path: Path) -> None:
    store = CheckpointStore(tmp_path, RUN)
    store.save(b"one")
    _saved(store, b"two").write_bytes(b"tw")
    CheckpointStore(tmp_path, RUN).save(b"three")
    assert _contents(CheckpointStore(tmp_path, RUN)) == [b"three", b"one"]


def test_a_damaged_checkpoint_does_not_push_out_a_whole_one(tmp_path: Path) -> None:
    store = CheckpointStore(tmp_path, RUN, keep=2)
    store.save(b"whole")
    _saved(store, b"damaged").write_bytes(b"dam")
    store.save(b"newest")
    assert _contents(store) == [b"newest", b"whole"]
    assert store.damaged() == []


def test_other_runs_are_told_and_left_alone(tmp_path: Path) -> None:
    foreign = _saved(CheckpointStore(tmp_path, OTHER), b"theirs")
    store = CheckpointStore(tmp_path, RUN, keep=1)
    assert _contents(store) == []
    store.save(b"one")
    store.save(b"two")
    assert store.foreign() == [foreign]
    assert foreign.read_bytes() == b"theirs"


@pytest.mark.parametrize("name", [
    ".checkpoint-bbbbbbbbbbbb-00000009-0123456789abcdef.bin.1a2b3c4d.tmp",
    "checkpoint-aaaaaaaaaaaa-00000009-0123456789abcdef.bin.tmp", "notes.txt", "checkpoint.bin",
    "checkpoint-aaaaaaaaaaaa-9-0123456789abcdef.bin",
])
def test_files_that_are_no_checkpoints_are_neither_read_nor_removed(
    name: str, tmp_path: Path
) -> None:
    (tmp_path / name).write_bytes(b"x")
    store = CheckpointStore(tmp_path, RUN, keep=1)
    store.save(b"one")
    store.save(b"two")
    assert _contents(store) == [b"two"]
    assert store.foreign() == store.damaged() == []
    assert (tmp_path / name).exists()


def test_what_a_killed_writer_left_is_removed(tmp_path: Path) -> None:
    name = ".checkpoint-aaaaaaaaaaaa-00000009-0123456789abcdef.bin.1a2b3c4d.tmp"
    (tmp_path / name).write_bytes(b"hal")
    saved = CheckpointStore(tmp_path, RUN).save(b"one")
    assert list(tmp_path.iterdir()) == [saved]


@pytest.mark.parametrize("make", [
    Path.mkdir, os.mkfifo, lambda path: path.symlink_to("nowhere"), lambda path: path.touch(),
], ids=["directory", "pipe", "link to nowhere", "empty file"])
def test_what_only_has_the_name_of_a_checkpoint_is_damaged(
    make: Callable[[Path], object], tmp_path: Path
) -> None:
    whole = _saved(CheckpointStore(tmp_path, RUN), b"one")
    false = tmp_path / f"checkpoint-{RUN[:12]}-00000009-0123456789abcdef.bin"
    make(false)
    store = CheckpointStore(tmp_path, RUN)
    assert store.damaged() == [false]
    assert store.save(b"two") is not None
    assert _contents(store) == [b"two", b"one"]
    assert whole.exists()


def test_what_cannot_be_written_is_said_once_and_harms_nobody(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    place = tmp_path / "file"
    place.touch()
    store = CheckpointStore(place, RUN)
    assert [store.save(b"one"), store.save(b"two")] == [None, None]
    [said] = caplog.messages
    assert "cannot be written (File exists); the job goes on" in said


def test_when_there_is_room_again_the_next_failure_is_said_again(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    place = tmp_path / "place"
    store = CheckpointStore(place, RUN)
    for _ in range(2):
        place.touch()
        assert store.save(b"one") is None
        place.unlink()
        assert store.save(b"two") is not None
        shutil.rmtree(place)
    assert len(caplog.messages) == 2
