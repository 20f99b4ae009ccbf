"""Bodies on their way in, in memory and on disk."""

from __future__ import annotations

import errno
import gzip
import io
import os
import resource
from collections.abc import Iterator
from pathlib import Path

import pytest

from contract.errors import RequestError, UserError
from contract.serving.bodies import IN_MEMORY, Incoming, Spool
from contract.serving.gate import Deadline
from contract.serving.room import Room
from executables import PATIENCE

LONG = IN_MEMORY + 1


def incoming(body: bytes, encoding: str = "", *, length: int | None = None,
             seconds: float = PATIENCE) -> Incoming:
    return Incoming(io.BytesIO(body), length, encoding, Deadline(seconds))


def on_disk(directory: Path) -> int:
    """How many files in a directory this process has open, with a name or without."""
    links = [link for link in Path("/proc/self/fd").iterdir() if link.is_symlink()]
    return sum(str(link.readlink()).startswith(f"{directory}/") for link in links)


@pytest.fixture
def little_room() -> Iterator[None]:
    """No file can become as long as a long body. This is a real fault, not a pretended one."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (IN_MEMORY // 2, hard))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.parametrize(("size", "files"), [(0, 0), (IN_MEMORY, 0), (LONG, 1)])
def test_only_what_is_long_is_on_disk_and_it_has_no_name(tmp_path: Path, size: int,
                                                         files: int) -> None:
    with Spool(str(tmp_path)) as spool:
        spool.write(b"a" * size)
        assert (on_disk(tmp_path), os.listdir(tmp_path)) == (files, [])
        assert (spool.size, b"".join(spool.emptied())) == (size, b"a" * size)
    assert on_disk(tmp_path) == 0


def test_all_bodies_together_are_in_memory_only_up_to_a_bound(
        tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Spool, "_memory", Room(25))
    spools = [Spool(str(tmp_path)) for _ in range(4)]
    for _ in range(2):
        for spool in spools:
            spool.write(b"0123456789")
    assert on_disk(tmp_path) == 3  # the third had no room, and then the first two had none for more
    assert [spool.rewound().read() for spool in spools] == [2 * b"0123456789"] * 4
    for spool in spools:
        spool.close()
    assert on_disk(tmp_path) == 0
    with Spool(str(tmp_path)) as spool:
        spool.write(b"a" * 25)
        assert on_disk(tmp_path) == 0


def test_an_answer_that_is_left_half_way_leaves_no_file(tmp_path: Path) -> None:
    spool = Spool(str(tmp_path))
    spool.write(b"a" * LONG)
    pieces = spool.emptied()
    next(pieces)
    assert on_disk(tmp_path) == 1
    pieces.close()  # type: ignore[attr-defined] # it is a generator
    assert on_disk(tmp_path) == 0


@pytest.mark.parametrize("encoding", ["", "identity", "gzip", " GZIP "])
@pytest.mark.parametrize("body", [b"", b"short", b"0123456789" * 50_000], ids=len)
def test_a_body_is_given_as_it_was_before_it_was_packed(tmp_path: Path, encoding: str,
                                                        body: bytes) -> None:
    sent = gzip.compress(body) if "gzip" in encoding.lower() else body
    came = incoming(sent, encoding, length=len(sent))
    assert body.startswith(came.start())
    with came.spool(max(len(body), len(sent)), "", str(tmp_path)) as spool:
        assert spool.rewound().read() == body


def test_gzip_bodies_that_were_joined_are_one_body(tmp_path: Path) -> None:
    with incoming(gzip.compress(b"one") + gzip.compress(b"two"), "gzip").spool(
            100, "", str(tmp_path)) as spool:
        assert spool.rewound().read() == b"onetwo"


@pytest.mark.parametrize(("body", "length", "encoding"), [
    (b"abc", 4, ""), (b"", 4, ""), (gzip.compress(b"abc")[:-1], None, "gzip"),
    (b"abc", None, "gzip"), (gzip.compress(b"abc") + b"x", None, "gzip")])
def test_a_body_that_is_cut_off_or_damaged_is_the_callers_fault(
        tmp_path: Path, body: bytes, length: int | None, encoding: str) -> None:
    with pytest.raises(UserError, match="cut off"):
        incoming(body, encoding, length=length).spool(100, "", str(tmp_path))


@pytest.mark.parametrize(("body", "length", "encoding"), [
    (b"a" * 101, None, ""), (b"", 101, ""), (gzip.compress(b"a" * 101), None, "gzip")])
def test_beyond_the_limit_is_413_with_the_limit_and_the_hint(
        tmp_path: Path, body: bytes, length: int | None, encoding: str) -> None:
    with pytest.raises(RequestError, match="larger than 100 bytes; send less") as raised:
        incoming(body, encoding, length=length).spool(100, "send less", str(tmp_path))
    assert raised.value.status == 413


def test_a_body_that_is_not_there_at_the_deadline_is_504(tmp_path: Path) -> None:
    with pytest.raises(RequestError, match="send fewer records") as raised:
        incoming(b"abc", seconds=0).spool(100, "", str(tmp_path))
    assert raised.value.status == 504


@pytest.mark.usefixtures("little_room")
def test_without_room_on_the_disk_it_is_507_and_nothing_is_left(tmp_path: Path) -> None:
    with pytest.raises(RequestError, match=os.strerror(errno.EFBIG)) as raised:
        incoming(b"a" * LONG).spool(LONG, "", str(tmp_path))
    assert raised.value.status == 507
    assert on_disk(tmp_path) == 0


def test_without_a_place_for_files_short_bodies_are_read_and_long_ones_are_507(
        tmp_path: Path) -> None:
    missing = str(tmp_path / "missing")
    with incoming(b"a" * IN_MEMORY).spool(LONG, "", missing) as spool:
        assert spool.size == IN_MEMORY
    with pytest.raises(RequestError, match="TMPDIR") as raised:
        incoming(b"a" * LONG).spool(LONG, "", missing)
    assert raised.value.status == 507
