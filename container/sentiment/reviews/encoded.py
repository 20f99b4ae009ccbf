"""The course project's encoded form: rows of word ids, and the dictionary that explains them.

A training row is `label,length,id_1...id_500`; a request row is the same without its label. Ids
after `length` are padding. The dictionary lies beside the rows as `word_dict.pkl` or, without any
pickle, as `word_dict.json`.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from contract.errors import UserError
from sentiment import labels
from sentiment.reviews.sources import Source
from sentiment.reviews.tables import Table, text_lines
from sentiment.safepickle import read_word_dict

Ids = npt.NDArray[np.int32]

_PICKLE, _JSON = "word_dict.pkl", "word_dict.json"

LARGEST_VOCABULARY = 1_000_000
"""Ids there may be, as many as `vocab_size` admits: the embedding has a row for each."""


def take_word_dict(sources: list[Source]) -> tuple[list[Source], Mapping[str, int] | None]:
    """Part a channel's files into the data and the word dictionary, if there is one.

    Raises:
        UserError: the dictionary is not a plain mapping of words to ids.
    """
    found = {source.path.name: source for source in sources
             if source.path.name in (_PICKLE, _JSON)}
    rest = [source for source in sources if source.path.name not in (_PICKLE, _JSON)]
    source = found.get(_JSON) or found.get(_PICKLE)
    if source is None:
        return rest, None
    read = parse_word_dict if source.path.name == _JSON else read_word_dict
    vocabulary = read(source.read(), source.name)
    if any(not 0 <= index < LARGEST_VOCABULARY for index in vocabulary.values()):
        raise UserError(f"{source.name}: a word's id is outside 0 to {LARGEST_VOCABULARY - 1}")
    return rest, vocabulary


def parse_word_dict(content: bytes, name: str) -> dict[str, int]:
    """A word dictionary from JSON; raises UserError naming `name`."""
    try:
        value = json.loads(content.decode("utf-8-sig"))
    except (ValueError, RecursionError) as error:
        raise UserError(f"{name} is not JSON: {error}") from error
    if not isinstance(value, dict) or not all(type(index) is int for index in value.values()):
        raise UserError(f'{name}: expected words and whole numbers, like {{"film": 2}}')
    return value


def read_rows(table: Table, vocabulary: Mapping[str, int] | None,
              bad: Callable[[str, object], None]) -> Iterator[tuple[int, Ids]]:
    """(label, ids) of each training row.

    Raises:
        UserError: no word dictionary lies beside the file, or what `bad` raises.
    """
    if vocabulary is None:
        raise UserError(f"{table.name} line 1: rows of numbers are encoded reviews, but neither "
                        f"{_PICKLE} nor {_JSON} lies beside them; or a header is missing")
    size = max(vocabulary.values(), default=1) + 1
    for number, line in text_lines(table, bad):
        if not line.strip():
            continue
        try:
            label, *rest = next(csv.reader([line]))
            yield labels.read_label(label), parse_row(rest, size)
        except (ValueError, csv.Error) as error:
            bad(f"{table.name} line {number}", error)


def parse_row(cells: Sequence[Any], size: int) -> Ids:
    """The ids in the row `length, id_1, id_2, ...`; `size` is the number of ids there are.

    Raises:
        ValueError: a cell is not a whole number, the length does not fit, or an id is too large.
    """
    try:
        numbers = [_whole(cell) for cell in cells]
    except (TypeError, ValueError):
        raise ValueError("expected whole numbers: length,id_1,id_2,...") from None
    if not numbers or not 0 <= numbers[0] <= len(numbers) - 1:
        raise ValueError(f"length is {numbers[0] if numbers else 'missing'}, but "
                         f"{max(len(numbers) - 1, 0)} ids follow")
    ids = numbers[1:numbers[0] + 1]
    if ids and not 0 <= min(ids) <= max(ids) < size:
        wrong = next(index for index in ids if not 0 <= index < size)
        raise ValueError(f"word id {wrong} is outside the vocabulary, 0 to {size - 1}")
    return np.array(ids, dtype=np.int32)


def _whole(cell: str | float) -> int:
    """A whole number, written `3` or, as from a table of floats, `3.0`."""
    try:
        return int(cell) if isinstance(cell, str) else _exact(cell)
    except ValueError:
        return _exact(float(cell))


def _exact(number: float) -> int:
    if isinstance(number, float) and not number.is_integer():  # nor are inf and nan
        raise ValueError
    return int(number)
