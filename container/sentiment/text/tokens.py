"""The pipeline `tokens`: nothing is thrown away that may tell what a reviewer thinks.

Stop words stay, because "not" is one of them, and so do endings, numbers, punctuation and smileys.
Only the markup goes. A mark such as "7/10" is three tokens, and so a triple of its own.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from itertools import islice
from typing import ClassVar, Self

from sentiment.text.base import INFREQUENT, Ids, Span, numbered, packed, unpacked
from sentiment.text.markup import visible_characters, visible_text

MAX_TOKENS = 3000
"""Tokens of a review that are read; the longest of the IMDB archive has 2,800."""

_TOKEN = re.compile(r"\w+(?:'\w+)*|[!?]+|\.\.+|[:;][-)(]+|[^\w\s]")
_BREAK = re.compile(r"<br\s*/?>", re.IGNORECASE)


class Tokens:
    """Lower-case words with their apostrophes, and punctuation.

    The most frequent tokens are numbered from 2, ties in order of first appearance; all others
    are 1. A line break of HTML parts words, which `classic` does not do.
    """

    name: ClassVar[str] = "tokens"

    def __init__(self, vocabulary: Mapping[str, int]) -> None:
        self.vocabulary: Mapping[str, int] = dict(vocabulary)
        self._ids = _IdsOfPiece(self.vocabulary)

    @classmethod
    def fit(cls, texts: Iterable[str], size: int) -> Self:
        return cls.chosen(cls.count(texts), size)

    @classmethod
    def count(cls, texts: Iterable[str]) -> Counter[str]:
        counts: Counter[str] = Counter()
        for text in texts:
            counts.update(_tokens(text))
        return counts

    @classmethod
    def chosen(cls, counts: Counter[str], size: int) -> Self:
        return cls(numbered(counts, size))

    def encode(self, text: str) -> Ids:
        # No token holds white space, so each piece between is cut once and remembered.
        pieces = visible_text(_parted(text)).lower().split()
        return unpacked(map(self._ids.__getitem__, pieces), MAX_TOKENS)

    def spans(self, text: str) -> list[Span]:
        characters = [(lower, start, end)
                      for character, start, end in visible_characters(_parted(text))
                      for lower in character.lower()]
        lowered = "".join(lower for lower, _, _ in characters)
        found = (Span(characters[match.start()][1], characters[match.end() - 1][2],
                      self.vocabulary.get(match[0], INFREQUENT))
                 for match in _TOKEN.finditer(lowered))
        spans = list(islice(found, MAX_TOKENS))
        # Two parsers that disagree about odd markup would colour the wrong words.
        return spans if [span.id for span in spans] == self.encode(text).tolist() else []


class _IdsOfPiece(dict[str, bytes]):
    """A piece of a review without white space -> the ids of its tokens, packed, as it is met."""

    CAPACITY = 200_000
    """Pieces remembered: hostile texts must not grow the memory without end."""
    _LONGEST = 50

    def __init__(self, vocabulary: Mapping[str, int]) -> None:
        super().__init__()
        self._vocabulary = vocabulary

    def __missing__(self, piece: str) -> bytes:
        ids = packed(self._vocabulary.get(token, INFREQUENT) for token in _TOKEN.findall(piece))
        if len(self) < self.CAPACITY and len(piece) <= self._LONGEST:
            self[piece] = ids
        return ids


def _tokens(text: str) -> list[str]:
    return _TOKEN.findall(visible_text(_parted(text)).lower())


def _parted(text: str) -> str:
    """Line breaks of HTML as spaces, and the apostrophe that phones type as the plain one.

    No character moves from its place.
    """
    text = text.replace("\u2019", "'")
    return _BREAK.sub(lambda found: " " * len(found[0]), text) if "<" in text else text
