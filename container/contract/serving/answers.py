"""Predictions to bodies, piece by piece. A table of formats; it knows no web and no algorithm.

Sources: requirements S18, B5, S21, S22. Every format keeps the number and order of records.
"""

from __future__ import annotations

import io
import json
from array import array
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from contract.algorithm import Prediction
from contract.errors import RequestError, UserError
from contract.serving.codec import Shape, error_object
from contract.serving.media import CSV, JSON, JSON_LINES, NUMPY, PLAIN, MediaType

BAD_RECORD = "ERROR"
"""What stands at the place of a record that cannot be used, in formats without objects."""

Answer = Prediction | UserError


class Writer:
    """Writes the answers to one request. How they are cut into pieces leaves no trace.

    In batch, every answer ends in exactly one line end, and each record has a line of its own (B5).
    """

    def __init__(self, write: Callable[[bytes], object], shape: Shape, media: MediaType,
                 counts: Callable[[Sequence[Any]], Mapping[str, int]], *, batch: bool,
                 limit: int) -> None:
        """Takes where to write, and the longest body that may be written, in bytes."""
        self._write, self._shape, self._media, self._batch = write, shape, media, batch
        self._counts, self._left = counts, limit
        self._limit = limit
        self._counted: Counter[str] = Counter()
        self._numbers = array("d")
        self._as_document = media.meant == JSON and (
            shape is Shape.MANY or (shape is Shape.LINES and not batch))
        self._begun = False

    def add(self, answers: Sequence[Answer]) -> None:
        """Write some more answers.

        Raises:
            RequestError: 413, all of them together are too long.
        """
        if self._media.meant == NUMPY:
            self._numbers.extend(float("nan") if isinstance(answer, UserError)
                                 else answer.as_number() for answer in answers)
            self._take(8 * len(answers))
        elif self._as_document:
            text = ", ".join(json.dumps(_as_object(answer)) for answer in answers)
            self._put((", " if self._begun else '{"predictions": [') + text)
            self._counted.update(self._counts(
                [answer for answer in answers if not isinstance(answer, UserError)]))
        else:
            end = "" if self._shape is Shape.ONE and not self._batch else "\n"
            line = _LINES[self._media.meant]
            self._put("".join(f"{line(answer)}{end}" for answer in answers))
        self._begun = True

    def end(self) -> None:
        """Write what comes after the last answer; raises as `add` does."""
        if self._media.meant == NUMPY:
            self._write(_saved(self._numbers))
        elif self._as_document:
            counts = json.dumps(dict(self._counted))
            self._put(f'], "counts": {counts}}}' + ("\n" if self._batch else ""))

    def _put(self, text: str) -> None:
        data = text.encode()
        self._take(len(data))
        self._write(data)

    def _take(self, size: int) -> None:
        self._left -= size
        if self._left < 0:
            raise RequestError(413, f"the answer would be larger than {self._limit} bytes; send "
                                    "fewer records")


def _saved(numbers: array[float]) -> bytes:
    import numpy as np  # only the course project's clients want arrays

    buffer = io.BytesIO()
    np.save(buffer, np.frombuffer(numbers), allow_pickle=False)
    return buffer.getvalue()


def _as_object(answer: Answer) -> dict[str, Any]:
    return (error_object(400, str(answer)) if isinstance(answer, UserError)
            else answer.as_object())


def _json_line(answer: Answer) -> str:
    return json.dumps(_as_object(answer))


def _number_line(answer: Answer) -> str:
    return BAD_RECORD if isinstance(answer, UserError) else f"{answer.as_number():.6f}"


def _label_line(answer: Answer) -> str:
    return BAD_RECORD if isinstance(answer, UserError) else answer.as_label()


_LINES: Mapping[str, Callable[[Answer], str]] = {
    JSON: _json_line, JSON_LINES: _json_line, CSV: _number_line, PLAIN: _label_line}
