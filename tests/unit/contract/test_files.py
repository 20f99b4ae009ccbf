from __future__ import annotations

import os
import random
import signal
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest

from contract import files
from contract.files import TEMPORARY_SUFFIX, write_atomic

# Writes for ever: file after file of one letter each, over the old one or under a new name.
WRITER = """
import sys
from pathlib import Path
from contract.files import write_atomic
target, replace = Path(sys.argv[1]), sys.argv[2] == "replace"
print("ready", flush=True)
for number in range(10**9):
    content = b"abcdefghijklmnopqrstuvwxyz"[number % 26:][:1] * 300_000
    write_atomic(target if replace else target.with_name(f"{number}.bin"), content)
"""


@pytest.fixture(params=["unnamed", "named"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Both ways to make a file: file systems differ in which they have."""
    if request.param == "named":
        monkeypatch.setattr(files, "_open_unnamed", lambda directory: None)
    return str(request.param)


@pytest.mark.usefixtures("way")
def test_a_file_is_made_or_replaced(tmp_path: Path) -> None:
    path = tmp_path / "a.bin"
    for content in (b"one", b"", b"x" * 100_000):
        write_atomic(path, content)
        assert path.read_bytes() == content
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.usefixtures("way")
@pytest.mark.parametrize("mode", [0o644, 0o600])
def test_the_mode_does_not_hang_on_the_umask(mode: int, tmp_path: Path) -> None:
    old = os.umask(0o077)
    try:
        write_atomic(tmp_path / "a", b"", mode=mode)
    finally:
        os.umask(old)
    assert stat.S_IMODE((tmp_path / "a").stat().st_mode) == mode


@pytest.mark.usefixtures("way")
def test_a_failure_leaves_the_old_file_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a"
    write_atomic(path, b"old")

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        write_atomic(path, b"new")
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_the_bytes_are_on_the_disk_before_the_name_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[bool] = []
    real = os.fsync

    def watch(descriptor: int) -> None:
        synced.append((tmp_path / "a").exists())
        real(descriptor)

    monkeypatch.setattr(os, "fsync", watch)
    write_atomic(tmp_path / "a", b"content")
    assert synced == [False, True]  # the file, and then the folder that has the name


@pytest.mark.parametrize("missing", ["nowhere/a", "file/a"])
def test_a_place_that_is_no_folder_is_an_error_of_the_system(
    missing: str, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OSError):
        write_atomic(tmp_path / missing, b"")


def _kill_while_writing(target: Path, way: str, delay: float) -> None:
    writer = subprocess.Popen(
        [sys.executable, "-c", WRITER, str(target), way], stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(Path(files.__file__).parents[1])})
    try:
        assert writer.stdout is not None
        assert writer.stdout.readline() == b"ready\n"
        time.sleep(delay)  # the moment is what the test is about
        writer.send_signal(signal.SIGKILL)
    finally:
        writer.kill()
        writer.communicate(timeout=30)


def _is_whole(path: Path) -> bool:
    content = path.read_bytes()
    return len(content) == 300_000 and len(set(content)) == 1


@pytest.mark.parametrize("turn", range(15))
def test_a_writer_killed_at_any_moment_leaves_the_old_or_the_new_file(
    turn: int, tmp_path: Path
) -> None:
    target = tmp_path / "a.bin"
    write_atomic(target, b"a" * 300_000)
    _kill_while_writing(target, "replace", random.Random(turn).uniform(0, 0.05))
    assert _is_whole(target)
    # Between link and rename a whole file can have a name that every reader passes over.
    others = [path for path in tmp_path.iterdir() if path != target]
    assert all(path.name.startswith(".") and path.suffix == TEMPORARY_SUFFIX for path in others)


@pytest.mark.skipif(not hasattr(os, "O_TMPFILE"), reason="this system has no unnamed files")
@pytest.mark.parametrize("turn", range(15))
def test_a_writer_of_new_files_killed_at_any_moment_leaves_whole_ones_only(
    turn: int, tmp_path: Path
) -> None:
    unnamed = files._open_unnamed(tmp_path)
    if unnamed is None:
        pytest.skip("this file system has no unnamed files")
    os.close(unnamed)
    _kill_while_writing(tmp_path / "x", "new", random.Random(turn).uniform(0, 0.05))
    assert all(path.suffix == ".bin" and _is_whole(path) for path in tmp_path.iterdir())
