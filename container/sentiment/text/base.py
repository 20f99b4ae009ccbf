"""From the text of a review to the ids that a model reads, and back to places in the text.

A pipeline is chosen by the hyperparameter `text`, fitted once on the training reviews, and stored
in the artifact with its vocabulary, so that training and serving cannot drift apart.
"""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import ClassVar, NamedTuple, Protocol, Self

import numpy as np
import numpy.typing as npt

Ids = npt.NDArray[np.int32]
"""Of the words of a review, in reading order."""

INFREQUENT = 1
FIRST_WORD = 2
MAX_WORDS = 500
"""Words of a review that the course project keeps."""


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
