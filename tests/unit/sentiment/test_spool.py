"""Texts on disk: the same as in a list, in little memory, with words when the disk is full."""

from __future__ import annotations

import tempfile
import tracemalloc
from functools import partial
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contract.errors import PlatformError
from sentiment.reviews import spool
from sentiment.reviews.spool import Spool, Texts

ANY_TEXTS = st.lists(st.text(st.characters(), max_size=30), max_size=12)


@pytest.fixture
def on_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Every spool goes to disk from the first byte on; returns where."""
    monkeypatch.setattr(spool, "IN_MEMORY", 0)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


@pytest.mark.parametrize(("in_memory", "block"), [(1 << 20, 1 << 20), (0, 1), (0, 20), (40, 20)])
@given(first=ANY_TEXTS, more=ANY_TEXTS, data=st.data())
def test_texts_are_a_list_of_texts(in_memory: int, block: int, first: list[str], more: list[str],
                                   data: st.DataObject) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(spool, "IN_MEMORY", in_memory)
        patch.setattr(spool, "_BLOCK", block)
        texts = Texts(first)
        assert list(texts) == first
        texts.extend(more)
        every = first + more
        assert (len(texts), list(texts), texts[1:-1]) == (len(every), every, every[1:-1])
        if every:
            place = data.draw(st.integers(-len(every), len(every) - 1))
            assert texts[place] == every[place]
    with pytest.raises(IndexError):
        texts[len(every)]


def test_surrogates_come_back(on_disk: Path) -> None:
    assert list(Texts(["\ud800", "é"])) == ["\ud800", "é"]


def test_memory_does_not_grow_with_the_texts(on_disk: Path) -> None:
    text = "x" * 10_000
    tracemalloc.start()
    try:
        texts = Texts(text for _ in range(3000))  # 30 MB
        assert sum(map(len, texts)) == 30_000_000
        assert tracemalloc.get_traced_memory()[1] < 8_000_000
    finally:
        tracemalloc.stop()


def test_the_file_has_no_name(on_disk: Path) -> None:
    texts = Texts(["fine", "dull"])
    assert list(on_disk.iterdir()) == []
    assert list(texts) == ["fine", "dull"]


@pytest.mark.parametrize(("owner", "name", "value"), [
    (spool, "KEPT_FREE", 1 << 62),
    (tempfile, "TemporaryFile", partial(Path.open, Path("/dev/full"), "r+b"))],
    ids=["nearly", "quite"])
def test_a_full_disk_is_told_in_words(owner: object, name: str, value: object, on_disk: Path,
                                      monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(owner, name, value)
    with pytest.raises(PlatformError) as caught:
        Spool().append(b"fine")
    assert str(caught.value) == (f"{on_disk} has no room left for the reviews, 4 bytes so far; "
                                 "raise VolumeSizeInGB, or set TMPDIR to a larger place")


def test_a_place_that_cannot_be_written_is_told_in_words(
    on_disk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(on_disk / "missing"))
    with pytest.raises(PlatformError, match=r"missing cannot take the reviews \(.*\); mount /tmp"):
        Texts(["fine"])
