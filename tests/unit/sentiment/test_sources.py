from __future__ import annotations

import errno
import gzip
import io
import os
import tarfile
import tracemalloc
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from contract.errors import UserError
from contract.inputs.jobconfig import Channel
from contract.running.stopping import Stopped
from sentiment.reviews import spool
from sentiment.reviews.sources import find_sources

MakeChannel = Callable[..., Channel]


def _tar(members: Mapping[str, bytes], mode: str = "w") -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode=mode) as tar:  # type: ignore[call-overload]
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    return stream.getvalue()


def test_files_come_sorted_by_path_whatever_the_disk_says(make_channel: MakeChannel) -> None:
    channel = make_channel({"b/2.txt": "x", "a/10.txt": "x", "b.txt": "x", "a/9.txt": "x"})
    names = [source.name for source in find_sources(channel)]
    assert names == ["train/a/10.txt", "train/a/9.txt", "train/b/2.txt", "train/b.txt"]


def test_what_is_no_data_is_passed_over(make_channel: MakeChannel) -> None:
    channel = make_channel({
        "a.txt": "x", ".hidden": "x", ".git/config": "x", "empty.txt": "", "_SUCCESS": "x",
        "train-manifest": "x", "manifest": "x", "x.manifest": "x"})
    assert [source.name for source in find_sources(channel)] == ["train/a.txt"]


def test_a_link_to_a_folder_is_followed(make_channel: MakeChannel, tmp_path: Path) -> None:
    channel = make_channel({})
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "a.txt").write_text("x")
    (channel.directory / "linked").symlink_to(tmp_path / "elsewhere")
    assert [source.name for source in find_sources(channel)] == ["train/linked/a.txt"]


def test_a_dangling_link_is_passed_over(make_channel: MakeChannel) -> None:
    channel = make_channel({"a.txt": "x"})
    (channel.directory / "b.txt").symlink_to("nowhere")
    assert [source.name for source in find_sources(channel)] == ["train/a.txt"]


def test_gzip_is_undone_and_its_suffix_dropped(make_channel: MakeChannel) -> None:
    channel = make_channel({"data.csv.gz": gzip.compress(b"one") + gzip.compress(b" two")})
    [source] = find_sources(channel)
    assert (source.name, str(source.path)) == ("train/data.csv.gz", "data.csv")
    assert source.read() == b"one two"


@pytest.mark.parametrize(("name", "mode"), [
    ("a.tar", "w"), ("a.tar.gz", "w:gz"), ("a.tgz", "w:gz"), ("A.TAR", "w"), ("zipped.tar", "w:gz"),
])
def test_members_of_an_archive_are_sources(
    name: str, mode: str, make_channel: MakeChannel
) -> None:
    channel = make_channel({name: _tar({"x/pos/1.txt": b"good", "x/empty.txt": b"",
                                        "x/unsup/1.txt": b"unlabelled"}, mode)})
    [source] = find_sources(channel)
    assert source.name == f"train/{name}:x/pos/1.txt"
    assert source.read() == b"good"


def test_a_member_in_gzip_is_unpacked(make_channel: MakeChannel) -> None:
    [source] = find_sources(make_channel({"a.tar": _tar({"data.csv.gz": gzip.compress(b"one")})}))
    assert (source.name, str(source.path)) == ("train/a.tar:data.csv.gz", "data.csv")
    assert source.read() == b"one"


@pytest.mark.parametrize("packed", [False, True])
def test_a_long_member_is_a_stream_and_never_whole_in_memory(
    packed: bool, make_channel: MakeChannel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(spool, "IN_MEMORY", 2**20)
    lines = [b"%d" % number * 50 + b"\n" for number in range(200_000)]
    content = b"".join(lines)
    channel = make_channel({"a.tar.gz": _tar({"data.csv": content}, "w:gz")} if not packed else {
        "a.tar": _tar({"data.csv.gz": gzip.compress(content)})})
    del content
    tracemalloc.start()
    try:
        [source] = find_sources(channel)
        with source.stream() as stream:
            assert all(found == line for found, line in zip(stream, lines, strict=True))
        assert tracemalloc.get_traced_memory()[1] < 12 * 2**20
    finally:
        tracemalloc.stop()


def test_a_stop_is_heard_in_an_archive(make_channel: MakeChannel) -> None:
    def stop() -> None:
        raise Stopped(15)

    channel = make_channel({"a.tar": _tar({"a.txt": b"x"})})
    with pytest.raises(Stopped):
        find_sources(channel, check=stop)


def test_a_folder_that_may_not_be_looked_into_is_told(
    make_channel: MakeChannel, monkeypatch: pytest.MonkeyPatch
) -> None:
    channel = make_channel({"a/1.txt": "x", "b/1.txt": "x"})
    scandir = os.scandir

    def look(folder: Path | str) -> Any:
        if str(folder).endswith("/b"):
            raise PermissionError(errno.EACCES, "Permission denied", str(folder))
        return scandir(folder)

    monkeypatch.setattr(os, "scandir", look)
    with pytest.raises(PermissionError):
        find_sources(channel)


@pytest.mark.parametrize("number", [errno.EIO, errno.EACCES])
def test_a_disk_that_does_not_give_an_archive_back_is_not_the_archives_fault(
    number: int, make_channel: MakeChannel, monkeypatch: pytest.MonkeyPatch
) -> None:
    channel = make_channel({"a.tar": _tar({"a.txt": b"x"})})

    def refuse(*given: Any, **named: Any) -> Any:
        raise OSError(number, os.strerror(number), str(channel.directory / "a.tar"))

    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(OSError, match=r"a\.tar"):
        find_sources(channel)


def test_members_that_are_no_plain_files_are_passed_over(make_channel: MakeChannel) -> None:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as tar:
        for name, kind in (("folder", tarfile.DIRTYPE), ("link", tarfile.SYMTYPE),
                           ("device", tarfile.CHRTYPE), ("pipe", tarfile.FIFOTYPE)):
            info = tarfile.TarInfo(name)
            info.type, info.linkname = kind, "/etc/passwd"
            tar.addfile(info)
    assert find_sources(make_channel({"a.tar": stream.getvalue()})) == []


def test_a_member_with_a_path_that_leads_out_touches_no_file(
    make_channel: MakeChannel, tmp_path: Path
) -> None:
    channel = make_channel({"a.tar": _tar({"../../pos/1.txt": b"x", "/pos/2.txt": b"y"})})
    before = sorted(tmp_path.rglob("*"))
    assert sorted(source.read() for source in find_sources(channel)) == [b"x", b"y"]
    assert sorted(tmp_path.rglob("*")) == before


def test_gzip_cut_at_any_byte_is_named(make_channel: MakeChannel) -> None:
    content = gzip.compress(b"A fine film. " * 20)
    for end in range(1, len(content)):
        [source] = find_sources(make_channel({"a.txt.gz": content[:end]}))
        with pytest.raises(UserError, match=r"^train/a\.txt\.gz: compressed data is damaged"):
            source.read()


@pytest.mark.parametrize("content", [b"no gzip at all", b"\x1f\x8b" + b"\0" * 40])
def test_gzip_that_is_none_is_named(content: bytes, make_channel: MakeChannel) -> None:
    [source] = find_sources(make_channel({"a.txt.gz": content}))
    with pytest.raises(UserError, match=r"^train/a\.txt\.gz: compressed data is damaged"):
        source.read()


MEMBERS = {f"pos/{number}.txt": os.urandom(300 * number) for number in range(1, 5)}


@pytest.mark.parametrize("mode", ["w", "w:gz"])
def test_an_archive_cut_anywhere_is_never_taken_for_a_shorter_one(
    mode: str, make_channel: MakeChannel
) -> None:
    content = _tar(MEMBERS, mode)
    # The end of an uncompressed archive is zeros only; what counts there is the first block.
    last = len(content) if mode == "w:gz" else len(content.rstrip(b"\0")) + 1
    for end in range(1, last, 61):
        with pytest.raises(UserError, match=r"^train/a\.tar: archive is damaged or cut off"):
            find_sources(make_channel({"a.tar": content[:end]}))


def test_an_archive_damaged_anywhere_is_never_read_as_other_data(
    make_channel: MakeChannel,
) -> None:
    content = _tar(MEMBERS, "w:gz")
    for place in range(10, len(content), 61):  # the first ten bytes hold a date, for example
        damaged = bytearray(content)
        damaged[place] ^= 0x10
        with pytest.raises(UserError, match=r"^train/a\.tar: archive is damaged or cut off"):
            find_sources(make_channel({"a.tar": bytes(damaged)}))


def test_a_damaged_header_in_the_middle_does_not_end_the_archive(
    make_channel: MakeChannel,
) -> None:
    content = bytearray(_tar({"pos/1.txt": b"x", "pos/2.txt": b"y"}))
    content[1024] ^= 0xff
    with pytest.raises(UserError, match="archive is damaged"):
        find_sources(make_channel({"a.tar": bytes(content)}))
