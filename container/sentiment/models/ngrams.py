"""`ngrams`: a log-linear model of the words of a review, their pairs and their triples.

What counts is each word; neighbours in twos and threes; and pairs with one, two or three words
between them, so that "not very good" and "not good" share something (skip-grams: Guthrie and others
2006). Features are present or absent, how often does not matter, and are known by a hash of their
word ids (Weinberger and others 2009).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from sentiment.models.network import Ids, Network

Numbers = npt.NDArray[np.int32]
"""Of features, from 1; 0 is none."""
Hashes = npt.NDArray[np.int32]

HASH_BITS = 26
"""Of a feature's hash. Of a review's features that no model knows, one in 50 then has the hash of
one that is known."""
WORDS_AT_ONCE = 1 << 18
"""Features of a micro-batch while learning: 2 MB of numbers, 200 reviews or so."""
_DRAWER = 4
"""Low bits of the hash that do not tell in which drawer of the index it lies."""
_NOTHING = np.int32(2**31 - 1)
"""Above all hashes, after the last of them."""
_GAPS = (2, 3, 4)
"""Distances between the two words of a pair that are no neighbours."""

# Odd numbers with their bits well mixed, as hash functions multiply by.
_FIRST, _SECOND = np.uint64(0x9E3779B97F4A7C15), np.uint64(0xC2B2AE3D27D4EB4F)
_FOLD = np.uint64(29)
_SHIFT = np.uint64(64 - HASH_BITS)


def hashes(ids: Sequence[int] | Ids) -> Hashes:
    """The features of a review as hashes, some of them more than once.

    Args:
        ids: word ids in reading order, of any length.
    """
    words = np.asarray(ids, dtype=np.uint64)
    one = _mixed((words + np.uint64(1)) * _FIRST)
    pairs = _after(one, one)
    apart = [_after(one, one, gap) + np.uint64(gap) for gap in _GAPS]
    found = np.concatenate([one, pairs, _after(pairs, one, 2), *apart])
    return (found * _SECOND >> _SHIFT).astype(np.int32)


def _after(first: npt.NDArray[np.uint64], then: npt.NDArray[np.uint64],
           distance: int = 1) -> npt.NDArray[np.uint64]:
    """Each of `first` with the one of `then` that comes `distance` later; which is which counts."""
    return _mixed(first[:max(0, len(then) - distance)] * _SECOND + then[distance:] * _FIRST)


def _mixed(values: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint64]:
    """High bits into the low ones, which the next product carries up again."""
    return values ^ (values >> _FOLD)


class Index:
    """Known features, numbered from 1 in the order of their hashes."""

    def __init__(self, known: Hashes) -> None:
        self._known = np.append(known, _NOTHING)
        # In place: there are four million drawers, and a server of many models has many of these.
        drawers = np.zeros((1 << HASH_BITS >> _DRAWER) + 1, np.int32)
        np.add.at(drawers, (known >> _DRAWER) + 1, 1)
        self._fullest = int(drawers.max())
        self._first = np.cumsum(drawers, dtype=np.int32, out=drawers)

    def numbers(self, ids: Sequence[int] | Ids) -> Numbers:
        """The numbers of the distinct known features of a review, ascending, from its word ids."""
        found = hashes(ids)
        places = self._first[found >> _DRAWER]
        # Hashes are spread evenly, so a drawer holds next to none, and a few steps find the place.
        for _ in range(self._fullest - 1):
            places += self._known[places] < found
        numbers = places[self._known[places] == found] + 1
        numbers.sort()
        distinct = np.ones(len(numbers), dtype=bool)
        np.not_equal(numbers[1:], numbers[:-1], out=distinct[1:])
        return np.asarray(numbers[distinct], np.int32)


@dataclass(frozen=True, kw_only=True)
class NgramSettings:
    """All that is needed to build the model again."""

    vocabulary_size: int
    """Word ids there are, 0 (no word) and 1 (infrequent) included."""
    features: int


class NgramClassifier(Network):
    """A sum of weights, one for each feature that a review has, and a constant."""

    name: ClassVar[str] = "ngrams"
    words_at_once: ClassVar[int] = WORDS_AT_ONCE
    hashes: Tensor
    weights: Tensor
    bias: Tensor

    def __init__(self, settings: NgramSettings) -> None:
        super().__init__()
        self.settings = settings
        self._index: Index | None = None
        self.register_buffer("hashes", torch.zeros(settings.features, dtype=torch.int32))
        # Half the size of float32, and what rounding changes in a sum cannot be seen.
        self.register_buffer("weights", torch.zeros(settings.features + 1, dtype=torch.float16))
        self.register_buffer("bias", torch.zeros(1))

    def check(self) -> None:
        found = self.hashes.numpy()
        largest = (1 << HASH_BITS) - 1
        # Compared and not subtracted: a difference can be too large for its type.
        if (found[1:] <= found[:-1]).any() or found[0] < 0 or found[-1] > largest:
            raise ValueError(f"hashes must ascend from 0 to at most {largest}")

    def prepare(self, ids: Sequence[int] | Ids) -> Numbers:
        """What `forward` reads of a review: the numbers of its features, from its word ids."""
        if self._index is None:
            self._index = Index(self.hashes.numpy())
        return self._index.numbers(ids)

    def forward(self, ids: Tensor, lengths: Tensor) -> Tensor:
        """Log-odds of being positive, shape (batch,).

        Args:
            ids: numbers of features, 0 where there is none, shape (features, batch), int64.
            lengths: other networks need them.
        """
        weights = self.weights[ids].float().masked_fill_(ids == 0, 0.0)
        logits: Tensor = weights.sum(0) + self.bias
        return logits

    def divide(self, temperature: float) -> None:
        """Divide all log-odds by `temperature`."""
        self.weights /= temperature
        self.bias /= temperature
