"""Bodies with one record a line, read as streams: they may be longer than the memory.

Sources: requirements S10, S18, S26, B4. Every format keeps the number and order of records.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterator, Mapping
from typing import IO, Any

from contract.algorithm import Record
from contract.errors import UserError
from contract.serving.media import CSV, JSON_LINES, PLAIN, MediaType

PIECE_RECORDS = 1024
"""Records that are read before they are predicted."""

PIECE_CHARACTERS = 1024 * 1024
"""The same in characters, whatever comes first."""

LONGEST_LINE = 4 * 1024 * 1024
"""Characters of one record. A longer one is a bad record."""

EMPTY = "the body is empty; send at least one record"
_TOO_LONG = f"the record is longer than {LONGEST_LINE} characters"


class Stream:
    """The records of a body in pieces. A byte-order mark is dropped.

    In formats that mark a bad record at its place, wrong bytes spoil no more than their line. In a
    batch a blank line is a record that cannot be used: it must keep its place (B4).
    """

    def __init__(self, body: IO[bytes], media: MediaType,
                 records: Callable[[Stream], Iterator[Record | UserError]], batch: bool) -> None:
        self._records, self._batch, self._charset = records, batch, media.charset
        whole = records is csv_rows
        self._text = io.TextIOWrapper(
            body, "utf-8-sig" if media.charset == "utf-8" else media.charset,
            # Of UTF-16 nobody knows where a line ends behind bytes that are none.
            "strict" if whole or media.charset.startswith("utf-16") else "surrogateescape",
            # CSV ends a row at any line end, the platform a line at a line feed alone.
            newline="" if whole else "\n")
        self.characters = 0
        """Read so far."""

    def __iter__(self) -> Iterator[list[Record | UserError]]:
        piece: list[Record | UserError] = []
        begun = 0
        for record in self._records(self):
            piece.append(record)
            if len(piece) == PIECE_RECORDS or self.characters - begun >= PIECE_CHARACTERS:
                yield piece
                piece, begun = [], self.characters
        if piece:
            yield piece

    def raw_lines(self) -> Iterator[str]:
        """The lines with their ends; of a line that is too long, its first `LONGEST_LINE`.

        Raises:
            UserError: there is nothing in them, or they are not of the stated charset.
        """
        something = False
        try:
            while line := self._text.readline(LONGEST_LINE):
                self.characters += len(line)
                something = something or self._batch or bool(line.strip())
                yield line
                while len(line) == LONGEST_LINE and not line.endswith("\n"):
                    line = self._text.readline(LONGEST_LINE)
        except UnicodeError:
            raise UserError(f"the body is not {self._charset}; send UTF-8 or name the charset in "
                            "Content-Type") from None
        if not something:
            raise UserError(EMPTY)

    def lines(self) -> Iterator[str | UserError]:
        """Lines by line feed alone, as the platform splits; CRLF and a missing last end are fine.

        What follows the last line feed is a line only if it is something, be it a carriage return.
        """
        for line in self.raw_lines():
            if len(line) == LONGEST_LINE and not line.endswith("\n"):
                yield UserError(_TOO_LONG)
            elif _has_bad_bytes(line):
                yield UserError(f"the line is not {self._charset.upper()}")
            else:
                yield line.removesuffix("\n").removesuffix("\r")


def _has_bad_bytes(line: str) -> bool:
    return not line.isascii() and any("\udc80" <= character <= "\udcff" for character in line)


def _plain_lines(stream: Stream) -> Iterator[Record | UserError]:
    return stream.lines()


def _json_lines(stream: Stream) -> Iterator[Record | UserError]:
    for line in stream.lines():
        yield _read(read_json, line)


def _csv_lines(stream: Stream) -> Iterator[Record | UserError]:
    """The platform has split at line ends, so a line is a row whatever its quotes say."""
    for line in stream.lines():
        yield _read(_csv_row, line)


def _read(read: Callable[[str], Record], line: str | UserError) -> Record | UserError:
    if isinstance(line, UserError):
        return line
    try:
        return read(line)
    except UserError as error:
        return error


def _csv_row(line: str) -> Record:
    try:
        return next(csv.reader([line], strict=True), [])
    except csv.Error as error:
        raise UserError(f"not CSV: {error}") from None


def csv_rows(stream: Stream) -> Iterator[Record | UserError]:
    """Rows whose quotes may hold line ends; blank ones at the end are none."""
    begun = blank = 0

    def lines() -> Iterator[str]:
        for line in stream.raw_lines():
            if stream.characters - begun >= LONGEST_LINE:
                raise UserError(_TOO_LONG)
            yield line

    try:
        for row in csv.reader(lines(), strict=True):
            begun = stream.characters
            if row:
                yield from ([] for _ in range(blank))
                yield row
            blank = 0 if row else blank + 1
    except csv.Error as error:
        raise UserError(f"not CSV: {error}; put a text in double quotes, its own quotes doubled") \
            from None


def read_json(text: str) -> Any:
    """The value of a JSON text; raises UserError without a word of it."""
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        raise UserError(f"not JSON: {error.msg} at line {error.lineno} column {error.colno}") \
            from None
    except (ValueError, RecursionError):
        raise UserError("not JSON that can be read: nested too deep, or a number too long") \
            from None


STREAMS: Mapping[str, Callable[[Stream], Iterator[Record | UserError]]] = {
    JSON_LINES: _json_lines, CSV: _csv_lines, PLAIN: _plain_lines}
"""How each type is read in a batch transform job, which has split it at line ends."""
