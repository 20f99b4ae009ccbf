"""Bodies with one record a line: what is held in memory of them at a time."""

from __future__ import annotations

import io
from collections.abc import Sequence

import pytest

from contract.errors import UserError
from contract.serving import codec, streams
from contract.serving.media import CSV, JSON_LINES, PLAIN, MediaType

TYPES = [(JSON_LINES, False), (CSV, False), (CSV, True), (PLAIN, True)]


def read(body: bytes, media: str, *, batch: bool, charset: str = "utf-8") -> list[Sequence[object]]:
    """The pieces of a body, each record as text."""
    request = codec.decode(io.BytesIO(body), MediaType(media, media, charset), batch=batch)
    return [["ERROR" if isinstance(record, UserError)
             else record[0] if isinstance(record, list) else record for record in piece]
            for piece in request.pieces]


@pytest.mark.parametrize(("media", "batch"), TYPES)
def test_a_piece_has_so_many_records_at_most(media: str, batch: bool,
                                             monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streams, "PIECE_RECORDS", 2)
    pieces = read(b"1\n2\n3\n4\n5", media, batch=batch)
    assert [[str(record) for record in piece] for piece in pieces] == [
        ["1", "2"], ["3", "4"], ["5"]]


@pytest.mark.parametrize(("media", "batch"), TYPES)
def test_a_piece_ends_soon_after_so_many_characters(media: str, batch: bool,
                                                    monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streams, "PIECE_CHARACTERS", 8)
    pieces = read(b'"abc"\n"def"\n"ghi"\n', media, batch=batch)
    assert [len(piece) for piece in pieces] == [2, 1]


@pytest.mark.parametrize(("media", "batch"), TYPES)
def test_no_more_is_read_than_a_piece_needs(media: str, batch: bool) -> None:
    body = io.BytesIO(b'"a fine film"\n' * 500_000)
    request = codec.decode(body, MediaType(media, media), batch=batch)
    assert len(next(iter(request.pieces))) == streams.PIECE_RECORDS
    assert body.tell() < 100_000


@pytest.mark.parametrize(("media", "batch"), [kind for kind in TYPES if kind != (CSV, False)])
def test_a_line_that_is_too_long_is_a_bad_record_at_its_place(
        media: str, batch: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streams, "LONGEST_LINE", 10)
    body = b"1\n" + b"2" * 95 + b"\n3\n" + b"4" * 10
    pieces = read(body, media, batch=batch)
    assert [[str(record) for record in piece] for piece in pieces] == [["1", "ERROR", "3", "ERROR"]]


@pytest.mark.parametrize("body", [b"1\n" + b"2" * 50, b'1\n"2\n\n\n\n\n\n\n\n\n\n\n"',
                                  b'1\n"a\n","b\n","c\n"'])
def test_a_row_that_is_too_long_is_the_callers_fault(body: bytes,
                                                     monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streams, "LONGEST_LINE", 10)
    with pytest.raises(UserError, match="longer than"):
        read(body, CSV, batch=False)


def test_blank_rows_count_unless_nothing_follows() -> None:
    request = codec.decode(io.BytesIO(b"\n1\n\n\n2\n\n\n"), MediaType(CSV, CSV), batch=False)
    assert [list(piece) for piece in request.pieces] == [[[], ["1"], [], [], ["2"]]]


@pytest.mark.parametrize(("media", "batch", "charset"), [
    *((*kind, "utf-16") for kind in TYPES), (CSV, False, "cp1252"), (CSV, False, "ascii")])
def test_wrong_bytes_of_a_stated_charset_are_the_callers_fault(media: str, batch: bool,
                                                               charset: str) -> None:
    with pytest.raises(UserError, match=f"not {charset}"):
        read(b"1\n\x81\xd8\x00\x81", media, batch=batch, charset=charset)


@pytest.mark.parametrize(("media", "batch"), [kind for kind in TYPES if kind != (CSV, False)])
@pytest.mark.parametrize("charset", ["cp1252", "ascii", "utf-8"])
def test_where_each_line_stands_alone_wrong_bytes_spoil_their_line(media: str, batch: bool,
                                                                   charset: str) -> None:
    [piece] = read(b"1\n\x81\xd8\x00\x81\n2", media, batch=batch, charset=charset)
    assert [str(record) for record in piece] == ["1", "ERROR", "2"]
