"""From the text of a review to the ids that a model reads, and back to places in the text.

A pipeline is chosen by the hyperparameter `text`, fitted once on the training reviews, and stored
in the artifact with its vocabulary, so that training and serving cannot drift apart.
"""

from __future__ import annotations

import re
from array import array
from collections import Counter
from collections.abc import Iterable, Mapping
from itertools import islice
from typing import ClassVar, NamedTuple, Protocol, Self

import numpy as np
import numpy.typing as npt

from sentiment.markup import visible_characters, visible_text
from sentiment.stopwords import ENGLISH

Ids = npt.NDArray[np.int32]
"""Of the words of a review, in reading order."""

INFREQUENT = 1
FIRST_WORD = 2
MAX_WORDS = 500
"""Words of a review that the course project keeps."""

_WORD = re.compile(r"[a-z0-9]+")
# Every byte that is not a lower-case letter or a digit becomes a space.
_SEPARATED = bytes(code if chr(code).isascii() and (chr(code).isdigit() or chr(code).islower())
                   else 32 for code in range(256))


class Span(NamedTuple):
    """A word that the model reads: `text[start:end]`, counted in characters, and its id."""

    start: int
    end: int
    id: int


class TextPipeline(Protocol):
    """What training and serving need of a way from text to ids."""

    name: ClassVar[str]

    @property
    def vocabulary(self) -> Mapping[str, int]:
        """The id of each word that is known."""

    @classmethod
    def fit(cls, texts: Iterable[str], size: int) -> Self:
        """Choose the vocabulary: at most `size` ids, those below `FIRST_WORD` included."""

    @classmethod
    def count(cls, texts: Iterable[str]) -> Counter[str]:
        """How often each word is there, in the order of first appearance: what `fit` looks at."""

    @classmethod
    def chosen(cls, counts: Counter[str], size: int) -> Self:
        """As `fit`, from counts that may have been added up."""

    def encode(self, text: str) -> Ids:
        """The ids of a review, without padding; empty when it holds no word."""

    def spans(self, text: str) -> list[Span]:
        """The same ids with their places, or nothing where the places cannot be told."""


def numbered(counts: Counter[str], size: int) -> dict[str, int]:
    """The most frequent words, numbered from `FIRST_WORD`, so that there are `size` ids in all."""
    # A Counter keeps the order of first appearance, and sorting keeps the order of equals.
    ranked = sorted(counts, key=counts.__getitem__, reverse=True)
    return {word: index for index, word in enumerate(ranked[:size - FIRST_WORD], FIRST_WORD)}


def packed(ids: Iterable[int]) -> bytes:
    """Ids as `unpacked` takes them."""
    return array("i", ids).tobytes()


def unpacked(pieces: Iterable[bytes], most: int) -> Ids:
    """The first `most` ids of all pieces; joining bytes costs less than listing numbers."""
    return np.frombuffer(b"".join(pieces), np.int32)[:most]


class Classic:
    """The course project's pipeline, id for id.

    HTML stripped; lower case; everything but letters and digits to space; stop words dropped;
    Porter stems; the most frequent stems numbered from 2, ties in order of first appearance;
    0 = no word, 1 = infrequent; cut at 500.
    """

    name: ClassVar[str] = "classic"

    def __init__(self, vocabulary: Mapping[str, int]) -> None:
        self.vocabulary: Mapping[str, int] = dict(vocabulary)
        self._ids = _IdOfWord(self.vocabulary)

    @classmethod
    def fit(cls, texts: Iterable[str], size: int) -> Self:
        return cls.chosen(cls.count(texts), size)

    @classmethod
    def count(cls, texts: Iterable[str]) -> Counter[str]:
        words: Counter[bytes] = Counter()
        for text in texts:
            words.update(_words(text))
        return Counter({word.decode(): count for word, count in words.items()})

    @classmethod
    def chosen(cls, counts: Counter[str], size: int) -> Self:
        stems: Counter[str] = Counter()
        stemmer = _Stemmer()
        for word, count in counts.items():
            if (stem := stemmer.stem(word)) is not None:
                stems[stem] += count
        return cls(numbered(stems, size))

    def encode(self, text: str) -> Ids:
        # Stop words are no bytes at all; a stem is made once per distinct word.
        return unpacked(map(self._ids.__getitem__, _words(text)), MAX_WORDS)

    def spans(self, text: str) -> list[Span]:
        characters = [(lower, start, end) for character, start, end in visible_characters(text)
                      for lower in character.lower()]
        cleaned = "".join(lower for lower, _, _ in characters)
        found = (Span(characters[match.start()][1], characters[match.end() - 1][2], index)
                 for match in _WORD.finditer(cleaned)
                 for index in array("i", self._ids[match[0].encode()]))
        spans = list(islice(found, MAX_WORDS))
        # Two parsers that disagree about odd markup would colour the wrong words.
        return spans if [span.id for span in spans] == self.encode(text).tolist() else []


def _words(text: str) -> list[bytes]:
    """The cleaned words; stop words are still among them."""
    lowered = visible_text(text).lower().encode("ascii", "replace")
    return lowered.translate(_SEPARATED).split()


class _Stemmer:
    """Porter's stems, and None for a stop word."""

    # NLTK's stemmer recurses along a run of "y", and no word of a language is longer than this.
    LONGEST = 100

    def __init__(self) -> None:
        from nltk.stem.porter import PorterStemmer  # half a second, so not before it is needed

        self._porter = PorterStemmer()

    def stem(self, word: str) -> str | None:
        if word in ENGLISH:
            return None
        return word if len(word) > self.LONGEST else str(self._porter.stem(word))


class _IdOfWord(dict[bytes, bytes]):
    """Raw word -> id, packed, filled as words are met; nothing for a stop word."""

    CAPACITY = 200_000
    """Distinct words remembered: hostile texts must not grow the memory without end."""

    def __init__(self, vocabulary: Mapping[str, int]) -> None:
        super().__init__()
        self._vocabulary = vocabulary
        self._stemmer = _Stemmer()

    def __missing__(self, word: bytes) -> bytes:
        stem = self._stemmer.stem(word.decode())
        ids = b"" if stem is None else packed([self._vocabulary.get(stem, INFREQUENT)])
        if len(self) < self.CAPACITY and len(word) <= _Stemmer.LONGEST:
            self[word] = ids
        return ids
