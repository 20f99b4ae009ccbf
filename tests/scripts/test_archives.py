"""Nothing gets out of the folder, and nothing fills the disk."""

from __future__ import annotations

import gzip
import io
import stat
import tarfile
from collections.abc import Callable
from pathlib import Path

from cloud.data.archives import extract
from cloud.errors import ScriptError

import pytest


def _member(name: str, kind: bytes = tarfile.REGTYPE, **about: object) -> tarfile.TarInfo:
    member = tarfile.TarInfo(name)
    member.type = kind
    for key, value in about.items():
        setattr(member, key, value)
    return member


def _archive(path: Path, *members: tarfile.TarInfo) -> Path:
    """A `.tar.gz` of these members; files are full of zeros."""
    with tarfile.open(path, "w:gz", format=tarfile.PAX_FORMAT) as tar:
        for member in members:
            tar.addfile(member, io.BytesIO(bytes(member.size)))
    return path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two levels down, so that a way out has somewhere to lead to."""
    folder = tmp_path / "place" / "folder"
    folder.mkdir(parents=True)
    return folder


def _around(folder: Path) -> list[Path]:
    return [path for path in folder.parents[1].rglob("*")
            if path.name != "a.tar.gz" and folder not in (path, *path.parents)]


def test_files_and_folders_are_unpacked(tmp_path: Path, folder: Path) -> None:
    archive = _archive(tmp_path / "a.tar.gz", _member("top", tarfile.DIRTYPE),
                       _member("top/one.txt", size=5), _member("new/two.txt"))
    assert extract(archive, folder) == 2
    assert (folder / "top" / "one.txt").read_bytes() == bytes(5)
    assert (folder / "new" / "two.txt").read_bytes() == b""


@pytest.mark.parametrize("name", ["../evil", "/evil", "a/../../evil", "a/..", "//evil", "a\0b"])
def test_a_path_that_leads_out_is_refused(tmp_path: Path, folder: Path, name: str) -> None:
    member = _member("plain", pax_headers={"path": name})
    before = _around(folder)
    with pytest.raises(ScriptError, match="a path that leads out of the folder"):
        extract(_archive(tmp_path / "a.tar.gz", member), folder)
    assert _around(folder) == before


@pytest.mark.parametrize("kind", [
    tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE, tarfile.CHRTYPE, tarfile.BLKTYPE])
def test_what_is_neither_folder_nor_file_is_refused(
        tmp_path: Path, folder: Path, kind: bytes) -> None:
    archive = _archive(tmp_path / "a.tar.gz", _member("odd", kind, linkname="/etc/passwd"),
                       _member("odd/evil"))
    with pytest.raises(ScriptError, match="'odd', which is neither a folder nor a plain file"):
        extract(archive, folder)
    assert list(folder.iterdir()) == []


def test_a_sparse_file_is_refused_however_small_it_is(tmp_path: Path, folder: Path) -> None:
    holes = {"GNU.sparse.major": "0", "GNU.sparse.minor": "1", "GNU.sparse.map": "0,0",
             "GNU.sparse.name": "hole", "GNU.sparse.size": str(10**12)}
    archive = _archive(tmp_path / "a.tar.gz", _member("hole", pax_headers=holes))
    with pytest.raises(ScriptError, match="neither a folder nor a plain file"):
        extract(archive, folder)


@pytest.mark.parametrize("members", [
    [_member("zeros", size=3_000_000)],
    [_member(f"{number}.txt", size=1) for number in range(1100)],
], ids=["a large file", "many small files"])
def test_more_than_was_agreed_is_refused(
        tmp_path: Path, folder: Path, members: list[tarfile.TarInfo]) -> None:
    archive = _archive(tmp_path / "a.tar.gz", *members)
    assert archive.stat().st_size < 100_000
    with pytest.raises(ScriptError, match="far larger unpacked than it may be"):
        extract(archive, folder, most_bytes=1_000_000)
    assert sum(path.stat().st_size for path in folder.iterdir()) <= 1_000_000


def test_more_files_than_were_agreed_are_refused(tmp_path: Path, folder: Path) -> None:
    archive = _archive(tmp_path / "a.tar.gz", *(_member(f"{number}") for number in range(4)))
    with pytest.raises(ScriptError, match="more than 3 files"):
        extract(archive, folder, most_files=3)
    assert len(list(folder.iterdir())) == 3


def test_a_name_that_comes_twice_is_refused(tmp_path: Path, folder: Path) -> None:
    archive = _archive(tmp_path / "a.tar.gz", _member("a.txt", size=1), _member("a.txt", size=2))
    with pytest.raises(ScriptError, match=r"a\.txt twice"):
        extract(archive, folder)
    assert (folder / "a.txt").stat().st_size == 1


def test_modes_and_owners_are_not_taken_over(tmp_path: Path, folder: Path) -> None:
    archive = _archive(tmp_path / "a.tar.gz", _member("run", mode=0o6777, uid=12345))
    extract(archive, folder)
    found = (folder / "run").stat()
    assert found.st_uid != 12345 and not found.st_mode & (stat.S_ISUID | stat.S_IXUSR)


def _cut(content: bytes) -> bytes:
    return content[:len(content) // 2]


@pytest.mark.parametrize("spoil", [
    _cut, lambda content: b"no gzip at all", lambda content: b"",
    lambda content: gzip.compress(b"no tar " * 200),
    lambda content: gzip.compress(_cut(gzip.decompress(content))),
], ids=["cut", "no gzip", "empty", "no tar", "a tar that is cut"])
def test_a_damaged_archive_is_named(
        tmp_path: Path, folder: Path, spoil: Callable[[bytes], bytes]) -> None:
    archive = _archive(tmp_path / "a.tar.gz", *(_member(f"{n}", size=5000) for n in range(5)))
    archive.write_bytes(spoil(archive.read_bytes()))
    with pytest.raises(ScriptError, match=r"a\.tar\.gz is damaged, or no \.tar\.gz"):
        extract(archive, folder)
