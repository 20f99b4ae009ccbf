"""Reviews for a batch job, a number beside each, and what is to come of them.

By its number a record is found that is doubled or exchanged; by its answer, one that got another's.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence
from typing import Any

import corpus
from contract.algorithm import Predictor
from contract.serving.answers import BAD_RECORD

BAD = BAD_RECORD
BAD_EVERY = 97
"""One record in so many cannot be used."""

Expected = list[float | None]
"""The probability of each review as a lone caller gets it; None for a record that is bad."""


def reviews(predictor: Predictor, count: int) -> tuple[list[str], Expected]:
    """Reviews, a bad one (an empty text) in between now and then, and what is to come of them."""
    texts = [text for _, text in corpus.reviews(count, seed=21)]
    made = predictor.predict([predictor.read(text, {}) for text in texts], lambda: None)
    expected: Expected = [answer.as_number() for answer in made]
    for place in range(BAD_EVERY, count, BAD_EVERY):
        texts[place], expected[place] = "", None
    return texts, expected


def same(found: Sequence[float | None], expected: Expected) -> bool:
    """In company the sums are made in another order, and the sixth digit may be another."""
    return len(found) == len(expected) and all(
        one is two if one is None or two is None else abs(one - two) < 3e-6
        for one, two in zip(found, expected, strict=True))


def objects(texts: Sequence[str]) -> bytes:
    """JSON Lines with a number each, by which a doubled or exchanged record is found."""
    return "".join(json.dumps({"id": place, "text": text}) + "\n"
                   for place, text in enumerate(texts)).encode()


def rows(texts: Sequence[str]) -> bytes:
    stream = io.StringIO()
    csv.writer(stream, lineterminator="\n").writerows(enumerate(texts))
    return stream.getvalue().encode()


def probability(answer: dict[str, Any]) -> float | None:
    if "error" in answer:
        assert answer["error"]["code"] == 400
        return None
    return float(answer["probability"])


def number(cell: str) -> float | None:
    return None if cell == BAD else float(cell)
