"""RecordIO, whole and in parts, cut anywhere, and damaged."""

from __future__ import annotations

import io
from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contract.errors import UserError
from contract.inputs import recordio
from piping import part, wrapped

FIRST, MIDDLE, LAST = recordio.FIRST, recordio.MIDDLE, recordio.LAST
RECORDS = st.lists(st.binary(max_size=40), max_size=6)


class _Pieces(io.RawIOBase):
    """Bytes that arrive as a pipe's do: so many at a time."""

    def __init__(self, content: bytes, sizes: Iterable[int]) -> None:
        self._content, self._sizes = io.BytesIO(content), iter(sizes)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        piece = self._content.read(min(next(self._sizes, len(buffer)), len(buffer)))
        buffer[:len(piece)] = piece
        return len(piece)


def _records(content: bytes, longest: int = 1 << 30) -> list[bytes]:
    return list(recordio.records(recordio.chunks(io.BytesIO(content), "train_0"), longest,
                                 "train_0"))


@given(records=RECORDS, sizes=st.lists(st.integers(1, 50)))
def test_records_are_the_same_wherever_the_bytes_are_cut(
    records: list[bytes], sizes: list[int]
) -> None:
    stream = io.BufferedReader(_Pieces(wrapped(*records), sizes), 16)
    found = recordio.records(recordio.chunks(stream, "train_0"), 100, "train_0")
    assert list(found) == records


@pytest.mark.parametrize("size", [0, 1, 3, 4, (1 << 16) - 1, 1 << 16, (1 << 16) + 1, 1 << 17])
def test_a_record_of_any_length_comes_back(size: int) -> None:
    assert _records(wrapped(b"x" * size, b"next")) == [b"x" * size, b"next"]


@given(parts=st.lists(st.binary(max_size=9), min_size=2, max_size=5))
def test_the_parts_of_a_record_are_joined(parts: list[bytes]) -> None:
    kinds = [FIRST, *[MIDDLE] * (len(parts) - 2), LAST]
    content = b"".join(map(part, parts, kinds))
    assert _records(content + wrapped(b"next")) == [b"".join(parts), b"next"]


def test_a_long_record_comes_in_small_pieces() -> None:
    pieces = list(recordio.chunks(io.BytesIO(wrapped(b"x" * 300_000)), "train_0"))
    assert sum(len(content) for content, _ in pieces) == 300_000
    assert max(len(content) for content, _ in pieces) == 1 << 16
    assert [ends for _, ends in pieces] == [False] * 4 + [True]


@pytest.mark.parametrize(("content", "message"), [
    (b"label,text\n", "train_0 byte 0: no RecordIO record begins here"),
    (wrapped(b"abcd") + b"label,text\n", "train_0 byte 12: no RecordIO record begins here"),
    (wrapped(b"abcde") + b"\0" * 8, "train_0 byte 16: no RecordIO record begins here"),
    (part(b"a", LAST), "train_0 byte 0: no RecordIO record begins here"),
    (part(b"a", FIRST) + part(b"b"), "train_0 byte 12: no RecordIO record begins here"),
    (part(b"a", 5), "train_0 byte 0: no RecordIO record begins here"),
    (part(b"a", FIRST), "train_0 byte 12: the last RecordIO record has no end"),
    (wrapped(b"abcd")[:7], "train_0 byte 7: the RecordIO data is cut off"),
    (wrapped(b"abcd")[:9], "train_0 byte 9: the RecordIO data is cut off"),
    (wrapped(b"abcde")[:14], "train_0 byte 14: the RecordIO data is cut off"),
])
def test_damage_is_told_with_its_place(content: bytes, message: str) -> None:
    with pytest.raises(UserError) as caught:
        _records(content)
    assert str(caught.value).startswith(message)
    assert "upload the object again" in str(caught.value)


@given(records=RECORDS.filter(any), place=st.integers(0, 10_000), mask=st.integers(1, 255))
def test_one_wrong_byte_is_an_error_in_words_or_a_wrong_byte(
    records: list[bytes], place: int, mask: int
) -> None:
    content = bytearray(wrapped(*records))
    content[place % len(content)] ^= mask
    try:
        assert len(_records(bytes(content))) <= len(records)
    except UserError as error:
        assert str(error).startswith("train_0 byte ")


def test_a_record_longer_than_expected_is_refused() -> None:
    assert _records(wrapped(b"x" * 10), longest=10) == [b"x" * 10]
    with pytest.raises(UserError, match="train_0: a RecordIO record has more than 9 bytes"):
        _records(wrapped(b"x" * 10), longest=9)
