"""The reviews' archive is unpacked as `contract.inputs.archives` does it; words come as ours.

What it refuses is in tests/unit/contract/test_archive_attacks.py, which gives attacks to both.
"""

from __future__ import annotations

import tarfile
from pathlib import Path

from cloud.data.archives import extract
from cloud.errors import ScriptError

import pytest

from attacks import archive, member


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "folder"
    folder.mkdir()
    return folder


def _written(place: Path, *members: tarfile.TarInfo) -> Path:
    path = place / "a.tar.gz"
    path.write_bytes(archive([*members]))
    return path


def test_files_are_counted_and_folders_are_not(tmp_path: Path, folder: Path) -> None:
    content = _written(tmp_path, member("top", tarfile.DIRTYPE), member("top/one.txt", size=5),
                       member("new/two.txt"))
    assert extract(content, folder) == 2
    assert (folder / "top" / "one.txt").read_bytes() == bytes(5)


@pytest.mark.parametrize(("members", "words"), [
    ([member("plain", pax_headers={"path": "../evil"})], "a path that leads out of it"),
    ([member("odd", tarfile.SYMTYPE, linkname="/etc/passwd")], "'odd', which is neither a folder"),
    ([member("zeros", size=3_000_000)], "more than 1000000 bytes unpacked"),
    ([member(f"{number}") for number in range(4)], "more than 3 files"),
    ([member("a.txt", size=1), member("a.txt", size=2)], r"'a\.txt' twice"),
])
def test_what_is_refused_is_an_error_of_the_script(
        tmp_path: Path, folder: Path, members: list[tarfile.TarInfo], words: str) -> None:
    with pytest.raises(ScriptError, match=rf"a\.tar\.gz has .*{words}"):
        extract(_written(tmp_path, *members), folder, most_files=3, most_bytes=1_000_000)


def test_a_damaged_archive_is_named(tmp_path: Path, folder: Path) -> None:
    content = _written(tmp_path, *(member(f"{number}", size=5000) for number in range(5)))
    content.write_bytes(content.read_bytes()[:100])
    with pytest.raises(ScriptError, match=r"a\.tar\.gz is damaged, or no \.tar\.gz"):
        extract(content, folder)
