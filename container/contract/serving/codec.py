"""Bodies to records. A table of formats; it knows no web and no algorithm.

Sources: requirements S18, B4, S21, S22. Every format keeps the number and order of records. What
has one record a line is read piece by piece; what is one document is held as a whole.
"""

from __future__ import annotations

import io
import json
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from types import MappingProxyType
from typing import IO, Any

from contract.algorithm import Record
from contract.errors import RequestError, UserError
from contract.serving.media import CSV, JSON, JSON_LINES, NUMPY, PLAIN, MediaType
from contract.serving.streams import (
    EMPTY,
    PIECE_CHARACTERS,
    PIECE_RECORDS,
    STREAMS,
    Stream,
    csv_rows,
    read_json,
)

MOST_VALUES = 2_000_000
"""Of one JSON document, text counted as a value more at each comma: parsing so many takes some
tenths of a second, in which nothing else of the process runs, and some 200 MB."""

WIDEST_ROW = 100_000
"""Numbers in a row of an array."""


class Shape(Enum):
    """What the answer looks like."""

    ONE = "one"
    MANY = "many"
    LINES = "lines"


@dataclass(frozen=True)
class Request:
    """A decoded body."""

    pieces: Iterable[Sequence[Record | UserError]]
    """The records in order, to be read once. An error stands at the place of one that could not
    even be read. Raises UserError where a stream turns out not to be what its type says."""
    shape: Shape
    options: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))
    tolerant: bool = False
    """Whether a bad record is answered at its place, or fails the whole request."""


def is_stream(media: MediaType, *, batch: bool) -> bool:
    """Whether a body of this type is read piece by piece, or else is held in memory as a whole."""
    return media.meant in (JSON_LINES, CSV) or (batch and media.meant == PLAIN)


def decode(body: IO[bytes], media: MediaType, *, batch: bool) -> Request:
    """Decode a body.

    With `batch`, in a batch transform job, plain text holds one record a line, and a bad record in
    any format is marked at its place, because one failed request fails a whole file.

    Raises:
        UserError: the body is not what its type says.
        RequestError: 413, a document of too many values.
    """
    if is_stream(media, batch=batch):
        records = STREAMS[media.meant] if batch or media.meant != CSV else csv_rows
        tolerant = batch or media.meant == JSON_LINES
        return Request(Stream(body, media, records, batch), Shape.LINES, tolerant=tolerant)
    content = body.read()
    if media.meant == NUMPY:
        request = _decode_numpy(content)
    else:
        if media.meant == JSON and sum(map(content.count, (b",", b"[", b"{"))) > MOST_VALUES:
            raise RequestError(413, f"the document has more than {MOST_VALUES} values; send fewer "
                                    "records, or send them as application/jsonlines")
        text = _text(content, media.charset)
        if not text.strip():
            raise UserError(EMPTY)
        request = _DECODERS[media.meant](text)
    return Request(request.pieces, request.shape, request.options, batch)


def error_object(status: int, message: str) -> dict[str, Any]:
    """How every error looks in JSON."""
    return {"error": {"code": status, "message": message}}


def _text(body: bytes, charset: str) -> str:
    """Decode, a byte-order mark dropped."""
    try:
        return body.decode("utf-8-sig" if charset == "utf-8" else charset)
    except UnicodeDecodeError as error:
        raise UserError(f"the body is not {charset}: byte {error.start} cannot be read; send "
                        "UTF-8 or name the charset in Content-Type") from None


def _decode_plain(text: str) -> Request:
    return Request([[text]], Shape.ONE)


def _decode_json(text: str) -> Request:
    """One document; or several one after the other, as batch transform joins them (B4)."""
    documents = _json_documents(text)
    if len(documents) > 1:
        return Request(_several(documents), Shape.LINES)
    value = documents[0]
    if isinstance(value, list):
        return Request(_several(value), Shape.MANY)
    if isinstance(value, dict) and "instances" in value:
        options = {name: option for name, option in value.items() if name != "instances"}
        if not isinstance(value["instances"], list):
            raise UserError('"instances" must be a list')
        return Request(_several(value["instances"]), Shape.MANY, options)
    return Request([[value]], Shape.ONE)


def _several(records: Any, at_once: int = PIECE_RECORDS,
             as_list: Callable[[Any], list[Any]] = list) -> Iterable[list[Any]]:
    """So many of the records at a time, each part as `as_list` makes a list of it."""
    if not len(records):
        raise UserError("the list is empty; send at least one record")
    return (as_list(records[place:place + at_once]) for place in range(0, len(records), at_once))


def _json_documents(text: str) -> list[Any]:
    try:
        return [json.loads(text)]
    except json.JSONDecodeError as error:
        if error.msg != "Extra data":
            read_json(text)  # raises in our words
    except (ValueError, RecursionError):
        read_json(text)
        raise
    documents: list[Any] = []
    decoder = json.JSONDecoder()
    place = _after_space(text, 0)
    while place < len(text):
        try:
            value, place = decoder.raw_decode(text, place)
        except (ValueError, RecursionError):
            raise UserError(f"not JSON: damaged after document number {len(documents)}; send one "
                            "document, or application/jsonlines") from None
        documents.append(value)
        place = _after_space(text, place)
    return documents


def _after_space(text: str, place: int) -> int:
    """The next place that is not JSON's white space; the text is not copied, it may be long."""
    while place < len(text) and text[place] in " \t\r\n":
        place += 1
    return place


def _decode_numpy(body: bytes) -> Request:
    import numpy as np  # only the course project's clients send arrays

    stream = io.BytesIO(body)
    try:
        read = {(1, 0): np.lib.format.read_array_header_1_0,
                (2, 0): np.lib.format.read_array_header_2_0}[np.lib.format.read_magic(stream)]
        shape, by_column, kind = read(stream)
        # Looked at before anything is allocated: a few bytes can say that there is a terabyte.
        if len(shape) not in (1, 2) or kind.kind not in "iuf":
            raise ValueError("expected rows of numbers")
        numbers: int = math.prod(shape)
        if not 0 < shape[-1] <= WIDEST_ROW and shape[0]:
            raise ValueError(f"its rows have {shape[-1]} numbers; send 1 to {WIDEST_ROW}")
        if len(body) - stream.tell() != numbers * kind.itemsize:
            raise ValueError("it has not as many bytes as its head says")
        rows = np.atleast_2d(np.frombuffer(body, kind, offset=stream.tell()).reshape(
            shape, order="F" if by_column else "C"))
    except Exception as error:  # numpy raises nearly anything for a damaged head
        raise UserError(f"not a NumPy array of numbers: {str(error)[:80]}") from None
    at_once = max(1, min(PIECE_RECORDS, PIECE_CHARACTERS // max(1, rows.shape[1])))
    return Request(_several(rows, at_once, lambda piece: piece.tolist()), Shape.LINES)


_DECODERS: Mapping[str, Callable[[str], Request]] = {JSON: _decode_json, PLAIN: _decode_plain}
