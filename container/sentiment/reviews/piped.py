"""Reviews from a pipe: tables put end to end, or the attributes of an augmented manifest.

Source: requirement T17. A pipe has no names and no folders; the objects of a channel follow each
other in it. Wrapped in RecordIO each object is a record, or, of an augmented manifest, each
attribute: a record with a review's text is then followed by one with its label.
"""

from __future__ import annotations

import gzip
import io
from collections.abc import Callable, Iterator
from itertools import chain
from pathlib import Path
from typing import BinaryIO, cast

from contract.errors import UserError
from contract.inputs import recordio
from contract.inputs.jobconfig import Channel
from sentiment import labels
from sentiment.reviews import tables
from sentiment.reviews.sources import pipe_source
from sentiment.reviews.tables import BadRow, Table

_GZIP = b"\x1f\x8b"


def read(channel: Channel, pipe: Path, bad: BadRow, check: Callable[[], None],
         labelled: bool = True) -> Iterator[tuple[int, str]]:
    """(label, text) of each review to the end of the pipe, which is opened once.

    Args:
        channel: says whether there are records, and by its content type whether they are tables.
        pipe: the FIFO.
        bad: takes what cannot be used.
        check: called while bytes are waited for; may raise to stop.
        labelled: False for reviews without labels. Each is `tables.UNLABELLED` then, and of
            records that are no tables each is a text.

    Raises:
        UserError: it is of no kind that is read here, is damaged, or what `bad` raises.
    """
    source = pipe_source(pipe, check)
    with source.stream() as raw:
        stream = _unpacked(raw)
        if channel.record_io:
            parts = recordio.chunks(stream, source.name)
            content, parts = _first_content(parts)
            kind, lines = _kind_of_record(content, channel.content_type), record_lines(parts)
        else:
            lines = tables.read_lines(stream)
            content = next(lines, b"")
            lines = chain([content], lines)
            kind = tables.kind_of(content, "", channel.content_type)
        if not content:
            return
        if content.startswith(_GZIP):
            raise UserError(f"{source.name}: the records are compressed; set the channel's "
                            "CompressionType to Gzip")
        if kind == "encoded":
            raise UserError(f"{source.name}: rows of ids need a word_dict beside them, which no "
                            "pipe can bring; use File or FastFile")
        if kind is not None:
            yield from tables.READERS[kind](Table(source.name, kind, lines), bad, labelled)
        elif channel.record_io:
            found = recordio.records(parts, tables.LONGEST_LINE, source.name)
            yield from _attributes(source.name, found, bad, labelled)
        else:
            raise UserError(f"{source.name}: of no kind that is read here; expected CSV with a "
                            "header or JSON Lines, as the channel's content type should say")


def _first_content(parts: Iterator[tuple[bytes, bool]],
                   ) -> tuple[bytes, Iterator[tuple[bytes, bool]]]:
    """The first content of a record that has any, and all parts as they came."""
    seen, content = [], b""
    for content, ends in parts:
        seen.append((content, ends))
        if content:
            break
    return content, chain(seen, parts)


def _unpacked(stream: BinaryIO) -> BinaryIO:
    """Objects in gzip come like this where the channel's CompressionType is not Gzip."""
    # At first there may be one byte only, but that begins no text and no record.
    if isinstance(stream, io.BufferedReader) and stream.peek(1)[:1] == _GZIP[:1]:
        return cast(BinaryIO, gzip.open(stream))
    return stream


def record_lines(parts: Iterator[tuple[bytes, bool]]) -> Iterator[bytes]:
    """The lines of all records, with their ends; the end of a record also ends its last line.

    A longer line than `tables.LONGEST_LINE` comes in pieces of about that.
    """
    rest = b""
    for content, ends in parts:
        *lines, rest = (rest + content).split(b"\n")
        for line in lines:
            yield line + b"\n"
        if rest and (ends or len(rest) >= tables.LONGEST_LINE):
            yield rest + b"\n"
            rest = b""


def _kind_of_record(content: bytes, content_type: str | None) -> str | None:
    """`csv` or `jsonl` where records are tables, or None for attributes."""
    first = content.partition(b"\n")[0]
    if tables.stated_kind(content_type) or (not content_type and first.startswith(b"{")):
        return tables.kind_of(first, "", content_type)
    return None


def _attributes(name: str, records: Iterator[bytes], bad: BadRow,
                labelled: bool) -> Iterator[tuple[int, str]]:
    """Raises UserError: a text has no label behind it, or what `bad` raises."""
    for number, content in enumerate(records):
        place = f"{name} record {number * (2 if labelled else 1) + 1}"
        label = tables.UNLABELLED
        if labelled:
            stated = next(records, None)
            if stated is None:
                raise UserError(f"{place}: no record with its label follows; AttributeNames must "
                                "be two, the text and then the label")
            try:
                # Whether the platform keeps the quotes of a JSON string is not documented.
                label = labels.read_label(stated.decode("utf-8", "replace").strip().strip('"'))
            except ValueError as error:
                bad(place, f"its {error}; AttributeNames must be the text and then the label, and "
                           "records that are tables need a content type, text/csv for example")
                continue
        try:
            yield label, content.decode().removeprefix("\ufeff")
        except UnicodeDecodeError as error:
            bad(place, tables.not_utf8(error))
