"""Reviews on this machine, with labels or without: read, sampled, and as lines to send."""

from __future__ import annotations

import csv
import io
import json
import random
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from cloud.errors import ScriptError

import evaluate
from contract.errors import UserError
from sentiment import labels
from sentiment.reviews import tables
from sentiment.reviews.sources import Source, find_sources

NAMES = labels.NAMES
"""What a container of ours calls label 0 and label 1."""
TEXT_COLUMNS = ("text", "review")


class Reviews(NamedTuple):
    """Texts, and their labels in the same order: 1 for positive, 0 for negative."""

    texts: Sequence[str]
    labels: Sequence[int]


def read(place: Path) -> Reviews:
    """The labelled reviews of a folder, file or archive; of train and test, those of the test.

    Raises:
        ScriptError: there are none, they have no labels, or they are no texts.
    """
    _check(place)
    try:
        reviews = evaluate.read(place)
    except UserError as error:
        raise ScriptError(f"{place}: {error}") from error
    if not reviews.texts:
        raise ScriptError(f"{place} holds encoded rows; an endpoint and a batch job are asked "
                          "about texts, so give those that they were made from")
    return Reviews(list(reviews.texts), reviews.labels)


def read_texts(place: Path) -> list[str]:
    """The reviews of a folder, file or archive without labels, or with labels that do not count.

    They are one a line of `.txt`, or as in `.jsonl` and `.csv` for training.

    Raises:
        ScriptError: there are none, or a file is of another kind or damaged.
    """
    _check(place)
    try:
        with evaluate.channel(place) as channel:
            texts = [text for source in find_sources(channel) for text in _texts(source)]
    except UserError as error:
        raise ScriptError(f"{place}: {error}") from error
    if not texts:
        raise ScriptError(f"{place} has no review")
    return texts


def _check(place: Path) -> None:
    if not place.exists():
        raise ScriptError(f"there is no {place}; `python scripts/get_data.py` and then "
                          "`python scripts/prepare_data.py` make data/raw, or name another place")


def _texts(source: Source) -> Iterator[str]:
    """Raises UserError, with the file's name."""
    try:
        yield from _KINDS[source.path.suffix.lower()](source.read().decode("utf-8-sig"))
    except KeyError:
        raise UserError(f"{source.path} is of no kind that is read here; give .txt with one "
                        "review a line, .jsonl or .csv") from None
    except UnicodeDecodeError as error:
        raise UserError(f"{source.path}: {tables.not_utf8(error)}") from error
    except (csv.Error, ValueError) as error:
        raise UserError(f"{source.path}: {error}") from error


def _lines(content: str) -> list[str]:
    return [line.removesuffix("\r") for line in content.split("\n") if line.strip()]


def _csv(content: str) -> Iterator[str]:
    csv.field_size_limit(tables.LONGEST_FIELD)
    rows = csv.DictReader(io.StringIO(content, newline=""), strict=True)
    name = next((name for name in rows.fieldnames or ()
                 if name.strip().lower() in TEXT_COLUMNS), None)
    if name is None:
        raise ValueError("the first line has to name the columns, and one of them text or review")
    for row in rows:
        yield row[name] or ""


def _json_lines(content: str) -> Iterator[str]:
    for number, line in enumerate(_lines(content), 1):
        text = _text_in(line)
        if text is None:
            raise ValueError(f"review {number} is neither a text nor an object with text or review")
        yield text


_KINDS = {".txt": _lines, ".csv": _csv, ".jsonl": _json_lines}


def text_of(line: str) -> str:
    """The text in a line of JSON Lines; the line itself where there is none to be seen."""
    text = _text_in(line)
    return line if text is None else text


def _text_in(line: str) -> str | None:
    try:
        value = json.loads(line)
    except (ValueError, RecursionError):
        return None
    if isinstance(value, dict):
        value = next((value[name] for name in TEXT_COLUMNS if name in value), None)
    return value if isinstance(value, str) else None


def sample(reviews: Reviews, limit: int | None, seed: int) -> Reviews:
    """At most `limit` labelled reviews, both classes in their proportions, in the same order."""
    texts, known = reviews
    if limit is None or limit >= len(texts):
        return reviews
    chance = random.Random(seed)  # noqa: S311 - to be repeatable, not to be a secret
    rows = [[row for row, label in enumerate(known) if label == side] for side in range(2)]
    positive = round(limit * len(rows[1]) / len(known))
    chosen = sorted([*chance.sample(rows[0], limit - positive),
                     *chance.sample(rows[1], positive)])
    return Reviews([texts[row] for row in chosen], [known[row] for row in chosen])


def as_line(text: str) -> str:
    """A review as a line of JSON Lines. All in ASCII, so that no line end can be inside."""
    return json.dumps({"text": text}) + "\n"
