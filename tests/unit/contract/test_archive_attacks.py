"""Archives from public lists of attacks, given to all that reads archives of others."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable
from pathlib import Path

import cloud.data.archives
from cloud.errors import ScriptError

import pytest

import contract.inputs.archives
from attacks import BOMBS, DAMAGED, ENDLESS, LINKS, OUTSIDE, SPARSE, TWICE
from contract.errors import UserError

Unpack = Callable[[Path, Path], object]

MEMORY = 10 * 2**20
"""Bytes of Python's own; each archive is of some kilobytes, and says that it is of far more."""

UNPACKERS: dict[str, Unpack] = {
    "the container": lambda archive, folder: contract.inputs.archives.extract(
        archive, folder, most_files=1000, most_bytes=1_000_000),
    "the scripts": lambda archive, folder: cloud.data.archives.extract(
        archive, folder, most_files=1000, most_bytes=1_000_000),
}


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A folder for the archive, and far below another to unpack it in."""
    (tmp_path / "channel").mkdir()
    (tmp_path / "a" / "b" / "folder").mkdir(parents=True)
    return tmp_path


def _lay(place: Path, content: bytes) -> Path:
    archive = place / "channel" / "reviews.tar.gz"
    archive.write_bytes(content)
    return archive


def _refusal(place: Path, content: bytes, unpack: Unpack) -> str:
    """What is said; nothing has got out, and what is inside are folders and plain files."""
    archive, folder = _lay(place, content), place / "a" / "b" / "folder"
    before = {path for path in place.rglob("*") if folder not in path.parents}
    with pytest.raises((UserError, ScriptError)) as caught:
        unpack(archive, folder)
    assert {path for path in place.rglob("*") if folder not in path.parents} == before
    assert all(path.is_dir() or (path.is_file() and not path.is_symlink())
               for path in folder.rglob("*"))
    return str(caught.value)


@pytest.mark.parametrize("unpack", UNPACKERS.values(), ids=UNPACKERS)
@pytest.mark.parametrize("content", OUTSIDE.values(), ids=OUTSIDE)
def test_a_way_out_is_refused(place: Path, content: bytes, unpack: Unpack) -> None:
    assert "a path that leads out" in _refusal(place, content, unpack)


@pytest.mark.parametrize("unpack", UNPACKERS.values(), ids=UNPACKERS)
@pytest.mark.parametrize("content", (LINKS | SPARSE).values(), ids=LINKS | SPARSE)
def test_a_link_or_a_device_is_refused(place: Path, content: bytes, unpack: Unpack) -> None:
    assert "neither a folder nor a plain file" in _refusal(place, content, unpack)


@pytest.mark.parametrize("unpack", UNPACKERS.values(), ids=UNPACKERS)
@pytest.mark.parametrize("content", DAMAGED.values(), ids=DAMAGED)
def test_damage_is_refused(place: Path, content: bytes, unpack: Unpack) -> None:
    said = _refusal(place, content, unpack)
    assert "is damaged" in said or "neither a folder" in said or "leads out" in said


@pytest.mark.parametrize("unpack", UNPACKERS.values(), ids=UNPACKERS)
@pytest.mark.parametrize("content", BOMBS.values(), ids=BOMBS)
def test_a_bomb_is_refused_in_little_memory(place: Path, content: bytes, unpack: Unpack) -> None:
    tracemalloc.start()
    try:
        _refusal(place, content, unpack)
        assert tracemalloc.get_traced_memory()[1] < MEMORY
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("unpack", UNPACKERS.values(), ids=UNPACKERS)
@pytest.mark.parametrize("content", ENDLESS.values(), ids=ENDLESS)
@pytest.mark.timeout(60)
def test_an_end_is_an_end(place: Path, content: bytes, unpack: Unpack) -> None:
    said = _refusal(place, content, unpack)
    assert "is damaged" in said or "neither a folder" in said


@pytest.mark.parametrize("unpack", UNPACKERS.values(), ids=UNPACKERS)
@pytest.mark.parametrize("content", TWICE.values(), ids=TWICE)
def test_a_path_that_comes_twice_is_refused(place: Path, content: bytes, unpack: Unpack) -> None:
    assert "twice" in _refusal(place, content, unpack)
