"""Reviews in tables: CSV with a header, and JSON Lines. One pass, line by line, never the file."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from itertools import chain
from typing import Any, BinaryIO

from contract.errors import UserError
from sentiment import labels
from sentiment.reviews.sources import Source

BadRow = Callable[[str, object], None]
"""Takes a place (file and line) and a problem; raises when there were too many."""

_LABEL_COLUMNS = ("label", "sentiment")
_TEXT_COLUMNS = ("text", "review")
_TEXT_KEYS = (*_TEXT_COLUMNS, "source")
"""Of JSON Lines; `source` is what manifests call it."""
_HEADERS = "label,text or review,sentiment"

_CONTENT_TYPES = {"text/csv": "csv", "application/csv": "csv",
                  "application/jsonlines": "jsonl", "application/x-jsonlines": "jsonl",
                  "application/x-ndjson": "jsonl"}
_SUFFIXES = {".csv": "csv", ".jsonl": "jsonl", ".ndjson": "jsonl", ".json": "jsonl"}

UNLABELLED = -1
"""In the place of a label that nobody asked for."""

LONGEST_FIELD = 16 * 1024 * 1024
"""Characters of one CSV field; more is an unclosed quote and not a review."""
LONGEST_LINE = 2 * LONGEST_FIELD
"""Bytes of one line; more is no text."""


@dataclass(frozen=True)
class Table:
    """A file of lines, opened once: its first line has been looked at, and comes again."""

    name: str
    kind: str | None
    """`csv`, `jsonl`, `encoded`, or None for a file that is no table."""
    lines: Iterator[bytes]
    """With their ends."""


@contextmanager
def opened(source: Source, content_type: str | None) -> Iterator[Table]:
    """Open a file once and tell its kind. Raises UserError as `Source.stream` does."""
    with source.stream() as stream:
        lines = read_lines(stream)
        first = next(lines, b"")
        suffix = source.path.suffix.lower()
        yield Table(source.name, kind_of(first, suffix, content_type), chain([first], lines))


def read_lines(stream: BinaryIO) -> Iterator[bytes]:
    """The lines of a stream. A longer one than `LONGEST_LINE` comes in pieces of that."""
    return iter(partial(stream.readline, LONGEST_LINE), b"")


def kind_of(first: bytes, suffix: str, content_type: str | None) -> str | None:
    """`csv`, `jsonl`, `encoded`, or None, from the first line of a file.

    The suffix is believed before the channel's content type, which has to describe all of its
    files at once; CSV without a header whose first row is all numbers is the encoded form.
    """
    kind = _SUFFIXES.get(suffix) or stated_kind(content_type)
    line = first[:65536].decode("utf-8-sig", "replace").strip()
    if kind is None and not suffix:
        kind = "jsonl" if line.startswith("{") else "csv" if "," in line else None
    if kind == "csv" and _all_numbers(line):
        return "encoded"
    return kind


def stated_kind(content_type: str | None) -> str | None:
    """The kind that a content type names, its parameters left aside."""
    return _CONTENT_TYPES.get((content_type or "").partition(";")[0].strip().lower())


def _all_numbers(line: str) -> bool:
    cells = line.split(",")
    return len(cells) > 2 and all(
        cell.strip().strip('"').removesuffix(".0").isdigit() for cell in cells[:50])


def not_utf8(error: UnicodeDecodeError) -> str:
    """The words for bytes that are no UTF-8."""
    return f"byte {error.object[error.start]:#04x} is not UTF-8; save the file as UTF-8"


def text_lines(table: Table, bad: BadRow) -> Iterator[tuple[int, str]]:
    """Number and text of each line, its end included; a byte-order mark before it is dropped.

    Raises:
        UserError: a line is longer than `LONGEST_LINE`, or what `bad` raises.
    """
    for number, line, problem in _decoded_lines(table):
        if problem:
            bad(f"{table.name} line {number}", problem)
        else:
            yield number, line


def _decoded_lines(table: Table) -> Iterator[tuple[int, str, str]]:
    """Number and text of each line, and what is wrong with its bytes, if anything."""
    for number, line in enumerate(table.lines, 1):
        if len(line) >= LONGEST_LINE:
            raise UserError(f"{table.name} line {number}: longer than {LONGEST_LINE:,} bytes; "
                            "expected a review a line")
        try:
            yield number, line.decode().removeprefix("\ufeff"), ""
        except UnicodeDecodeError as error:
            yield number, line.decode("utf-8", "replace"), not_utf8(error)


def read_csv(table: Table, bad: BadRow, labelled: bool = True) -> Iterator[tuple[int, str]]:
    """(label, text) of each row; the label is `UNLABELLED` if no label is asked for.

    The header may come again, as it does where files were put together.

    Raises:
        UserError: the header has not the two columns, or what `bad` raises.
    """
    csv.field_size_limit(LONGEST_FIELD)
    at = first = 0
    spoilt: list[tuple[str, str]] = []
    """Lines of the current row whose bytes are wrong. All lines count for where it ends."""

    def lines() -> Iterator[str]:
        nonlocal at
        for number, line, problem in _decoded_lines(table):
            at = number
            if problem:
                spoilt.append((f"{table.name} line {number}", problem))
            yield line

    rows = csv.reader(lines(), strict=True)
    try:
        header = next(rows, [])
        if spoilt:
            raise UserError("{}: {}".format(*spoilt[0]))
        columns = _columns(table.name, header, labelled)
        first = at + 1
        for row in rows:
            if spoilt:
                bad(*spoilt[0])
                spoilt.clear()
            elif row and row != header:
                try:
                    yield _example(row, columns)
                except ValueError as error:
                    bad(f"{table.name} line {first}", error)
            first = at + 1
    except csv.Error as error:
        # Where quoting is broken nothing after it can be trusted, so no tolerance here.
        # An unclosed quote is noticed at the end of the file and made at the row's beginning.
        raise UserError(f"{table.name} line {first or at}: {error}; a text with commas, quotes or "
                        "line ends must stand in double quotes, its own quotes doubled") from error


def _columns(name: str, header: list[str], labelled: bool) -> tuple[int | None, int, int]:
    """Places of label and text, and the number of columns."""
    names = [cell.strip().lower() for cell in header]
    label = next((names.index(name) for name in _LABEL_COLUMNS if name in names), None)
    text = next((names.index(name) for name in _TEXT_COLUMNS if name in names), None)
    if (labelled and label is None) or text is None:
        wanted = f"the columns {_HEADERS}" if labelled else "a column text or review"
        raise UserError(f"{name} line 1: expected a header with {wanted}, "
                        f"found {len(header)} columns of other names")
    return label if labelled else None, text, len(names)


def _example(row: list[str], columns: tuple[int | None, int, int]) -> tuple[int, str]:
    label, text, count = columns
    if len(row) != count:
        raise ValueError(f"found {len(row)} columns, expected {count} as in the header; "
                         "put texts with commas in double quotes")
    return UNLABELLED if label is None else labels.read_label(row[label]), row[text]


def read_json_lines(table: Table, bad: BadRow,
                    labelled: bool = True) -> Iterator[tuple[int, str]]:
    """As `read_csv`, of each line; blank lines are passed over. Raises what `bad` raises."""
    for number, line in text_lines(table, bad):
        if not line.strip():
            continue
        try:
            yield _from_json(line, labelled)
        except ValueError as error:
            bad(f"{table.name} line {number}", error)


def _from_json(line: str, labelled: bool) -> tuple[int, str]:
    try:
        value: Any = json.loads(line)
    except json.JSONDecodeError as error:
        raise ValueError(f"not a JSON object: {error.msg} at column {error.colno}") from None
    except (ValueError, RecursionError):
        raise ValueError("not a JSON object: nested too deep, or a number too long") from None
    if not isinstance(value, dict):
        raise ValueError(f"found a JSON {type(value).__name__}, expected an object")
    label = next((value[name] for name in _LABEL_COLUMNS if name in value), None)
    text = next((value[name] for name in _TEXT_KEYS if name in value), None)
    if text is None and "source-ref" in value:
        raise ValueError("source-ref is an address in S3, whose content only Pipe mode brings; "
                         "put the text itself here, as source")
    if (labelled and label is None) or not isinstance(text, str):
        wanted = '{"label": ..., "text": "..."}' if labelled else '{"text": "..."}'
        raise ValueError(f"expected {wanted}, found the keys " + ", ".join(sorted(value))[:60])
    return labels.read_label(label) if labelled else UNLABELLED, text


READERS: Mapping[str, Callable[[Table, BadRow, bool], Iterator[tuple[int, str]]]] = {
    "csv": read_csv, "jsonl": read_json_lines}
