"""`contract.inputs.archives`: a model.tar.gz is unpacked whole, or refused in words."""

from __future__ import annotations

import gzip
import io
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest

from contract.errors import UserError
from contract.inputs.archives import extract
from contract.running.stopping import Stopped

Entry = tuple[str, bytes | None, bytes]
"""Name, kind of tar entry (None for a plain file), content or target."""


def pack(path: Path, *entries: Entry) -> Path:
    with tarfile.open(path, "w:gz") as tar:
        for name, kind, content in entries:
            member = tarfile.TarInfo(name.replace("\0", "0"))
            member.pax_headers = {"path": name}  # where a name may have any character
            if kind is None:
                member.size = len(content)
                member.mode = 0o4755
            else:
                member.type, member.linkname = kind, content.decode()
            tar.addfile(member, io.BytesIO(content))
    return path


def sparse(path: Path) -> Path:
    """A file of the old GNU kind that says it is a terabyte of zeros."""
    header = bytearray(tarfile.TarInfo("big").tobuf(tarfile.GNU_FORMAT))
    header[156:157] = tarfile.GNUTYPE_SPARSE
    header[483:495] = b"20000000000\0"
    header[148:156] = b" " * 8
    header[148:156] = b"%06o\0 " % sum(header)
    path.write_bytes(gzip.compress(bytes(header) + bytes(1024)))
    return path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    place = tmp_path / "unpacked"
    place.mkdir()
    return place


def test_files_and_folders_are_unpacked_with_modes_of_our_own(tmp_path: Path, folder: Path) -> None:
    extract(pack(tmp_path / "model.tar.gz", ("./", tarfile.DIRTYPE, b""),
                 ("./model.json", None, b"{}"), ("sub/deep/w", None, b"x" * 3_000_000)), folder)
    assert (folder / "model.json").read_bytes() == b"{}"
    assert (folder / "sub/deep/w").stat().st_size == 3_000_000
    assert (folder / "model.json").stat().st_mode & 0o7111 == 0


@pytest.mark.parametrize(("name", "kind", "content"), [
    ("../out", None, b"x"), ("a/../../out", None, b"x"), ("/tmp/out", None, b"x"),
    ("a\0b", None, b"x"),
    ("link", tarfile.SYMTYPE, b"/etc/passwd"), ("link", tarfile.LNKTYPE, b"model.json"),
    ("pipe", tarfile.FIFOTYPE, b""), ("device", tarfile.CHRTYPE, b""),
    ("../folder", tarfile.DIRTYPE, b""),
])
def test_what_leads_elsewhere_or_is_no_plain_file_is_refused(
        tmp_path: Path, folder: Path, name: str, kind: bytes | None, content: bytes) -> None:
    archive = pack(tmp_path / "model.tar.gz", (name, kind, content))
    before = set(tmp_path.rglob("*"))
    with pytest.raises(UserError, match=r"model.tar.gz has '.*it is not used"):
        extract(archive, folder)
    assert set(tmp_path.rglob("*")) == before


def test_a_sparse_file_is_refused(tmp_path: Path, folder: Path) -> None:
    with pytest.raises(UserError, match="neither a folder nor a plain file"):
        extract(sparse(tmp_path / "model.tar.gz"), folder)


@pytest.mark.parametrize(("files", "size", "words"), [
    (1, 100_000, "more than 1 files"), (2, 4000, "more than 4000 bytes")])
def test_too_much_is_refused(tmp_path: Path, folder: Path, files: int, size: int,
                             words: str) -> None:
    archive = pack(tmp_path / "model.tar.gz", ("a", None, b"1" * 3000), ("b", None, b"2" * 3000))
    with pytest.raises(UserError, match=words):
        extract(archive, folder, most_files=files, most_bytes=size)


@pytest.mark.parametrize("spoil", [
    lambda content: content[:-20], lambda content: content[:100], lambda content: b"",
    lambda content: b"no gzip at all", gzip.decompress,
    lambda content: content[:200] + b"\0" * 50 + content[250:],
    lambda content: content[:-8] + bytes(8),
], ids=["end", "beginning", "empty", "text", "plain tar", "middle", "checksum"])
def test_a_damaged_archive_is_refused(tmp_path: Path, folder: Path,
                                      spoil: Callable[[bytes], bytes]) -> None:
    archive = pack(tmp_path / "model.tar.gz", ("a", None, bytes(range(256)) * 40))
    archive.write_bytes(spoil(archive.read_bytes()))
    with pytest.raises(UserError, match=r"model.tar.gz is damaged, or no .tar.gz"):
        extract(archive, folder)


@pytest.mark.parametrize("second", [("a", None, b"2"), ("a/b", None, b"2"),
                                    ("a", tarfile.DIRTYPE, b"")])
def test_a_path_that_comes_twice_is_refused(tmp_path: Path, folder: Path, second: Entry) -> None:
    archive = pack(tmp_path / "model.tar.gz", ("a", None, b"1"), second)
    with pytest.raises(UserError, match=r"has 'a(/b)?' twice"):
        extract(archive, folder)


def test_a_folder_is_no_archive(tmp_path: Path, folder: Path) -> None:
    (tmp_path / "model.tar.gz").mkdir()
    with pytest.raises(UserError, match=r"model.tar.gz is a folder, and no .tar.gz"):
        extract(tmp_path / "model.tar.gz", folder)


def test_a_stop_ends_it_between_two_pieces(tmp_path: Path, folder: Path) -> None:
    def stop() -> None:
        raise Stopped(15)

    with pytest.raises(Stopped):
        extract(pack(tmp_path / "model.tar.gz", ("a", None, b"1")), folder, check=stop)
