"""Bodies of requests that begin as good ones, and what must hold for whatever became of them."""

from __future__ import annotations

import codecs
import io
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from contract.errors import UserError
from contract.serving import codec, media
from contract.serving.answers import Writer
from contract.serving.codec import Shape

SENT = ("text/plain", "application/json", "application/jsonlines", "text/csv",
        "application/x-npy", "", "text/plain; charset=utf-16", "text/csv; charset=latin-1")
WANTED = ("", "*/*", *SENT[:5], "text/csv;q=0.5, application/json")
LONGEST = 1 << 24

_ARRAY = io.BytesIO()
np.save(_ARRAY, np.array([[2, 5, 6], [1, 7, 0]], dtype=np.int64))

GOOD = (
    b"A fine film", "\ufeffÜber alles schön.\r\nZwei".encode(), b"line\n\n \nline",
    b'{"text": "A fine film", "explain": true}', b'["A", {"text": "B"}, 5, null]',
    b'{"instances": [{"text": "A"}, "B"], "explain": false}', b'{"text": "A"}\n{"text": "B"}\r\n',
    b'{"text": "A"}{"text": "B"} "C"', b'"A"\n{broken\n\n"caf\xe9"\n', b'1,"a ""fine"" film"\n',
    b'"two\nlines",3\r\n2,5,6\n', b"2,5,6,0,0\n1,7,0,0,0", "Fine\nDull".encode("utf-16"),
    _ARRAY.getvalue())
"""One of every kind, a few with a fault already."""


class Half:
    """An answer: exactly undecided."""

    def as_object(self) -> dict[str, Any]:
        return {"probability": 0.5}

    def as_label(self) -> str:
        return "0"

    def as_number(self) -> float:
        return 0.5


@dataclass(frozen=True)
class Answered:
    """What came of a body: an answer to each record."""

    request: codec.Request
    records: int
    media: media.MediaType
    body: bytes


def answer(body: bytes, sent: str, wanted: str, *, batch: bool) -> Answered:
    """Read a body and answer every record in it, as a request does, but for the model.

    Raises:
        UserError: it cannot be answered, which is for the request to say.
    """
    sent_type = media.request_type(sent, body)
    wanted_type = media.answer_type(wanted, sent_type, None)
    request = codec.decode(io.BytesIO(body), sent_type, batch=batch)
    out = io.BytesIO()

    def write(data: bytes) -> None:
        out.write(data)

    writer = Writer(write, request.shape, wanted_type,
                    lambda answers: {"undecided": len(answers)}, batch=batch, limit=LONGEST)
    records = 0
    for piece in request.pieces:
        records += len(piece)
        writer.add([_answer(record, request.tolerant) for record in piece])
    writer.end()
    answered = Answered(request, records, wanted_type, out.getvalue())
    if batch and codec.is_stream(sent_type, batch=True) and sent_type.charset == "utf-8":
        assert records == lines(body), "a record is lost or doubled on the way in"
    assert answers(answered, batch=batch) == records, "an answer is lost or doubled"
    return answered


def _answer(record: Any, tolerant: bool) -> Any:
    if not isinstance(record, UserError):
        return Half()
    if tolerant:
        return record
    raise record


def lines(body: bytes) -> int:
    """As the platform splits: at line feeds, and nothing follows the last one."""
    text = body.removeprefix(codecs.BOM_UTF8)
    return text.count(b"\n") + (not text.endswith(b"\n") and text != b"")


def answers(answered: Answered, *, batch: bool) -> int:
    """How many answers the body holds; it must be what its type says."""
    body, shape = answered.body, answered.request.shape
    if answered.media.meant == media.NUMPY:
        return len(np.load(io.BytesIO(body), allow_pickle=False))
    if batch:
        assert body.endswith(b"\n"), "the answer does not end in a line end"
    if answered.media.meant == media.JSON and (shape is Shape.MANY or (
            shape is Shape.LINES and not batch)):
        return len(json.loads(body)["predictions"])
    found: Sequence[bytes] = body.removesuffix(b"\n").split(b"\n")
    if answered.media.meant in (media.JSON, media.JSON_LINES):
        assert all(isinstance(json.loads(line), dict) for line in found)
    return len(found)
