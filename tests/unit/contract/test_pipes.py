"""A pipe is read once, to its end, and nobody who waits for it is deaf to a signal."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from contract.errors import UserError
from contract.inputs import pipes
from contract.inputs.pipes import open_pipe
from piping import feeding


class _Enough(Exception):  # noqa: N818 - a wish
    """Somebody wants the waiting to end."""


def _after(calls: int) -> Callable[[], None]:
    """A check that raises when it was called so often."""
    left = iter(range(calls))

    def check() -> None:
        if next(left, None) is None:
            raise _Enough

    return check


@pytest.mark.parametrize("pieces", [
    [b"all at once"], [b"a", b" ", b"few"], [b"x" * 3_000_000, b"y"], []],
    ids=["one", "few", "more than a pipe holds", "none"])
def test_what_is_written_is_read_to_the_end(pieces: list[bytes], tmp_path: Path) -> None:
    with feeding(tmp_path, ("train_0", pieces)), \
            open_pipe(tmp_path / "train_0", lambda: None) as stream:
        assert stream.read() == b"".join(pieces)
        assert stream.read() == b""


def test_a_writer_who_comes_late_is_waited_for(tmp_path: Path) -> None:
    path = tmp_path / "train_0"
    os.mkfifo(path)
    calls = 0

    def check() -> None:
        nonlocal calls
        calls += 1
        if calls == 3:  # the reader has found nothing by then
            writer.start()

    writer = threading.Thread(target=path.write_bytes, args=(b"late",))
    with open_pipe(path, check) as stream:
        assert stream.read() == b"late"
    writer.join()


def test_a_pipe_that_appears_late_is_waited_for(tmp_path: Path) -> None:
    path = tmp_path / "train_0"
    calls = 0

    def check() -> None:
        nonlocal calls
        calls += 1
        if calls == 2:
            os.mkfifo(path)
            writer.start()

    writer = threading.Thread(target=path.write_bytes, args=(b"late",))
    with open_pipe(path, check) as stream:
        assert stream.read() == b"late"
    writer.join()


def test_a_pipe_that_never_appears_is_told_in_words(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"no pipe .*/train_0 after 0.2 seconds; a channel with "
                                        "TrainingInputMode Pipe needs one"):
        open_pipe(tmp_path / "train_0", lambda: None, patience=0.2)


@pytest.mark.parametrize("exists", [False, True], ids=["for the pipe", "for its writer"])
def test_waiting_ends_when_check_says_so(exists: bool, tmp_path: Path) -> None:
    if exists:
        os.mkfifo(tmp_path / "train_0")
    with pytest.raises(_Enough):
        open_pipe(tmp_path / "train_0", _after(3)).read()


def test_waiting_in_the_middle_ends_when_check_says_so(tmp_path: Path) -> None:
    path = tmp_path / "train_0"
    os.mkfifo(path)
    with open_pipe(path, _after(5)) as stream, path.open("wb", buffering=0) as writer:
        writer.write(b"half of ")
        assert stream.read(8) == b"half of "
        with pytest.raises(_Enough):
            stream.read(1)


def test_a_long_wait_is_logged(tmp_path: Path, caplog: pytest.LogCaptureFixture,
                               monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pipes, "_REMIND", 0.15)
    caplog.set_level("INFO")
    os.mkfifo(tmp_path / "train_0")
    with pytest.raises(_Enough):
        open_pipe(tmp_path / "train_0", _after(5)).read()
    assert f"still waiting for bytes from {tmp_path / 'train_0'}" in caplog.text


def test_a_pipe_is_closed_behind_its_reader(tmp_path: Path) -> None:
    before = set(os.listdir("/proc/self/fd"))
    with feeding(tmp_path, ("train_0", [b"x"])), \
            open_pipe(tmp_path / "train_0", lambda: None) as stream:
        stream.read()
    assert set(os.listdir("/proc/self/fd")) == before
