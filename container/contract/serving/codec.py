"""Bodies to records, predictions to bodies. A table of formats; it knows no web and no algorithm.

Sources: requirements S18, B4, B5, S21, S22. Every format keeps the number and order of records.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from types import MappingProxyType
from typing import Any

from contract.algorithm import Prediction, Record
from contract.errors import UserError
from contract.serving.media import CSV, JSON, JSON_LINES, NUMPY, PLAIN, MediaType

BAD_RECORD = "ERROR"
"""What stands at the place of a record that cannot be used, in formats without objects."""


class Shape(Enum):
    """What the answer looks like."""

    ONE = "one"
    MANY = "many"
    LINES = "lines"


@dataclass(frozen=True)
class Request:
    """A decoded body."""

    records: Sequence[Record | UserError]
    """An error stands at the place of a record that could not even be read."""
    shape: Shape
    options: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))
    tolerant: bool = False
    """Whether a bad record is answered at its place, or fails the whole request."""


Answer = Prediction | UserError


def decode(body: bytes, media: MediaType, *, batch: bool) -> Request:
    """Decode a body.

    With `batch`, in a batch transform job, plain text holds one record a line, and a bad record in
    any format is marked at its place, because one failed request fails a whole file.

    Raises:
        UserError: the body is not what its type says.
    """
    if media.meant == NUMPY:
        return _decode_numpy(body)
    by_line = media.meant == JSON_LINES or (batch and media.meant in (PLAIN, CSV))
    text = _text(body, media.charset, keep_bad=by_line)
    # In a batch a blank line is a record that cannot be used: it must keep its place (B4).
    if not text or not (text.strip() or (batch and by_line)):
        raise UserError("the body is empty; send at least one record")
    request = _DECODERS[media.meant](text, batch)
    return Request(request.records, request.shape, request.options, request.tolerant or batch)


def encode(answers: Sequence[Answer], shape: Shape, media: MediaType,
           counts: Callable[[], Mapping[str, int]], *, batch: bool) -> bytes:
    """Encode the answers.

    In batch, every answer ends in exactly one line end, and each record has a line of its own (B5).
    """
    if media.meant == NUMPY:
        return _encode_numpy(answers)
    if media.meant == JSON and not (batch and shape is Shape.LINES):
        text = _encode_json(answers, shape, counts)
    else:
        lines = [_LINES[media.meant](answer) for answer in answers]
        text = "\n".join(lines)
        if shape is not Shape.ONE:
            text += "\n"
    return (text if not batch or text.endswith("\n") else f"{text}\n").encode()


def error_object(status: int, message: str) -> dict[str, Any]:
    """How every error looks in JSON."""
    return {"error": {"code": status, "message": message}}


def _text(body: bytes, charset: str, *, keep_bad: bool) -> str:
    """Decode, a byte-order mark dropped; `keep_bad` keeps wrong bytes for `_lines` to find."""
    name = "utf-8-sig" if charset == "utf-8" else charset
    try:
        return body.decode(name)
    except UnicodeDecodeError as error:
        if keep_bad and charset == "utf-8":
            return body.decode(name, "surrogateescape")
        raise UserError(f"the body is not {charset}: byte {error.start} cannot be read; send "
                        "UTF-8 or name the charset in Content-Type") from None


def _lines(text: str) -> list[str | UserError]:
    """Lines by line feed alone, as the platform splits; CRLF and a missing last end are fine."""
    lines = text.split("\n")
    if not lines[-1]:  # what follows the last line end; a lone carriage return is a line
        lines.pop()
    return [UserError("the line is not UTF-8") if _has_bad_bytes(line) else line.removesuffix("\r")
            for line in lines]


def _has_bad_bytes(line: str) -> bool:
    return not line.isascii() and any("\udc80" <= character <= "\udcff" for character in line)


def _decode_plain(text: str, batch: bool) -> Request:
    return Request(_lines(text), Shape.LINES) if batch else Request([text], Shape.ONE)


def _decode_json_lines(text: str, batch: bool) -> Request:
    records: list[Record | UserError] = []
    for line in _lines(text):
        if isinstance(line, str):
            try:
                records.append(_json(line))
            except UserError as error:
                records.append(error)
        else:
            records.append(line)
    return Request(records, Shape.LINES, tolerant=True)


def _decode_json(text: str, batch: bool) -> Request:
    """One document; or several one after the other, as batch transform joins them (B4)."""
    documents = _json_documents(text)
    if len(documents) > 1:
        return Request(documents, Shape.LINES)
    value = documents[0]
    if isinstance(value, list):
        return Request(_several(value), Shape.MANY)
    if isinstance(value, dict) and "instances" in value:
        options = {name: option for name, option in value.items() if name != "instances"}
        if not isinstance(value["instances"], list):
            raise UserError('"instances" must be a list')
        return Request(_several(value["instances"]), Shape.MANY, options)
    return Request([value], Shape.ONE)


def _several(records: list[Any]) -> list[Any]:
    if not records:
        raise UserError("the list is empty; send at least one record")
    return records


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        raise UserError(f"not JSON: {error.msg} at line {error.lineno} column {error.colno}") \
            from None
    except (ValueError, RecursionError):
        raise UserError("not JSON that can be read: nested too deep, or a number too long") \
            from None


def _json_documents(text: str) -> list[Any]:
    try:
        return [json.loads(text)]
    except json.JSONDecodeError as error:
        if error.msg != "Extra data":
            _json(text)  # raises in our words
    except (ValueError, RecursionError):
        _json(text)
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


def _decode_csv(text: str, batch: bool) -> Request:
    if batch:  # the platform has split at line ends, so a line is a row whatever its quotes say
        return Request([_csv_row(line) if isinstance(line, str) else line
                        for line in _lines(text)], Shape.LINES)
    try:
        rows: list[Record | UserError] = list(
            csv.reader(io.StringIO(text, newline=""), strict=True))
    except csv.Error as error:
        raise UserError(f"not CSV: {error}; put a text in double quotes, its own quotes doubled") \
            from None
    while not rows[-1]:
        rows.pop()
    return Request(rows, Shape.LINES)


def _csv_row(line: str) -> Record | UserError:
    try:
        return next(csv.reader([line], strict=True), [])
    except csv.Error as error:
        return UserError(f"not CSV: {error}")


def _decode_numpy(body: bytes) -> Request:
    import numpy as np  # only the course project's clients send arrays

    try:
        array = np.load(io.BytesIO(body), allow_pickle=False)
        if array.ndim not in (1, 2) or array.dtype.kind not in "iuf":
            raise ValueError("expected rows of numbers")
        rows = np.atleast_2d(array).tolist()
    except Exception as error:  # numpy raises nearly anything for a damaged array
        raise UserError(f"not a NumPy array of numbers: {str(error)[:80]}") from None
    return Request(_several(rows), Shape.LINES)


_DECODERS: Mapping[str, Callable[[str, bool], Request]] = {
    JSON: _decode_json, JSON_LINES: _decode_json_lines, CSV: _decode_csv, PLAIN: _decode_plain}


def _as_object(answer: Answer) -> dict[str, Any]:
    return (error_object(400, str(answer)) if isinstance(answer, UserError)
            else answer.as_object())


def _encode_json(answers: Sequence[Answer], shape: Shape,
                 counts: Callable[[], Mapping[str, int]]) -> str:
    objects = [_as_object(answer) for answer in answers]
    if shape is Shape.ONE:
        return json.dumps(objects[0])
    return json.dumps({"predictions": objects, "counts": counts()})


def _encode_numpy(answers: Sequence[Answer]) -> bytes:
    import numpy as np

    numbers = [float("nan") if isinstance(answer, UserError) else answer.as_number()
               for answer in answers]
    buffer = io.BytesIO()
    np.save(buffer, np.array(numbers), allow_pickle=False)
    return buffer.getvalue()


def _json_line(answer: Answer) -> str:
    return json.dumps(_as_object(answer))


def _number_line(answer: Answer) -> str:
    return BAD_RECORD if isinstance(answer, UserError) else f"{answer.as_number():.6f}"


def _label_line(answer: Answer) -> str:
    return BAD_RECORD if isinstance(answer, UserError) else answer.as_label()


_LINES: Mapping[str, Callable[[Answer], str]] = {
    JSON: _json_line, JSON_LINES: _json_line, CSV: _number_line, PLAIN: _label_line}
