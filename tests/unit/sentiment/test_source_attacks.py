"""Archives from public lists of attacks as training data: they are read, and never unpacked."""

from __future__ import annotations

import tracemalloc
from pathlib import Path

import pytest

from attacks import BOMBS, DAMAGED, ENDLESS, LINKS, OUTSIDE, SPARSE
from contract.errors import UserError
from contract.inputs.jobconfig import Channel
from sentiment.reviews.sources import find_sources

HARMLESS = ("nothing", "a header of pax that lies about its length")
"""What training may take for an archive of nothing, or of an empty file."""

MEMORY = 10 * 2**20
"""Bytes of Python's own; each archive is of some kilobytes, and says that it is of far more."""


def _lay(place: Path, content: bytes) -> Path:
    (place / "channel").mkdir()
    archive = place / "channel" / "reviews.tar.gz"
    archive.write_bytes(content)
    return archive


@pytest.mark.parametrize("content", (OUTSIDE | LINKS).values(), ids=OUTSIDE | LINKS)
def test_training_reads_an_archive_and_unpacks_nothing(tmp_path: Path, content: bytes) -> None:
    archive = _lay(tmp_path, content)
    before = set(tmp_path.rglob("*"))
    read = [source.read() for source in find_sources(Channel("train", archive.parent))]
    assert set(tmp_path.rglob("*")) == before
    assert all(set(content) == {0} for content in read)  # and no password


@pytest.mark.parametrize(("content", "words"), [
    *((content, "is a sparse file") for content in SPARSE.values()),
    *((BOMBS[name], "damaged or cut off") for name in (
        "a header of pax of 30 MB", "a name of 10 MB", "zeros packed twice")),
    *((content, "damaged or cut off") for content in ENDLESS.values()),
    *((DAMAGED[name], "damaged or cut off|sparse") for name in DAMAGED if name not in HARMLESS),
], ids=[*SPARSE, "a large header", "a large name", "packed twice", *ENDLESS,
        *(name for name in DAMAGED if name not in HARMLESS)])
@pytest.mark.timeout(60)
def test_training_refuses_in_little_memory(tmp_path: Path, content: bytes, words: str) -> None:
    archive = _lay(tmp_path, content)
    tracemalloc.start()
    try:
        with pytest.raises(UserError, match=words):
            for source in find_sources(Channel("train", archive.parent)):
                source.read()
        assert tracemalloc.get_traced_memory()[1] < MEMORY
    finally:
        tracemalloc.stop()
