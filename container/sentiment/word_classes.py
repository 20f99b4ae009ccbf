"""Classes of words that stand in like places: names of actors, kinds of film, words of praise.

Words are compared by their neighbours: how much more often two words stand within five places of
each other than chance would have it, as logarithms, zero where it is less often (positive pointwise
mutual information: Church and Hanks 1990; Levy and Goldberg 2014), brought down to 100 numbers a
word by singular values, and gathered round centres (k-means on the sphere: Dhillon and Modha 2001).
No label is needed for any of it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from sentiment.network import Ids
from sentiment.text import FIRST_WORD

CLASSES = 2000
WORDS = 30_000
"""The most frequent words; all others are one class more."""

_WINDOW = 5
_NUMBERS = 100
_ROUNDS = 12
_SMOOTHING = 0.75
"""Of the frequency of neighbours, so that rare ones do not seem close to everything."""


def word_classes(reviews: Sequence[Ids], vocabulary_size: int, seed: int,
                 check: Callable[[], None] = lambda: None) -> npt.NDArray[np.int16]:
    """The class of each word id, from 1; 0 for words that are too rare; shape (vocabulary_size,).

    Args:
        reviews: word ids, the more frequent a word the lower its id.
        vocabulary_size: ids there are.
        seed: of the starting points.
        check: called now and then; may raise to stop.
    """
    words = min(WORDS, vocabulary_size - FIRST_WORD)
    classes = np.zeros(vocabulary_size, dtype=np.int16)
    if words < 1:
        return classes
    together = _neighbours(reviews, words, check)
    check()
    vectors = _vectors(together, min(_NUMBERS, words), seed)
    check()
    classes[FIRST_WORD:FIRST_WORD + words] = _gathered(vectors, seed).numpy() + 1
    return classes


def _neighbours(reviews: Sequence[Ids], words: int, check: Callable[[], None]) -> Tensor:
    """How often two words are neighbours, nearer ones counting more; sparse, (words, words)."""
    gap = np.full(_WINDOW, -1, dtype=np.int64)
    pieces: list[npt.NDArray[np.int64]] = []
    for ids in reviews:
        pieces += [ids.astype(np.int64) - FIRST_WORD, gap]
    line = np.concatenate(pieces)
    line[(line < 0) | (line >= words)] = -1
    total = torch.sparse_coo_tensor(torch.zeros((2, 0), dtype=torch.int64), torch.zeros(0),
                                    (words, words), check_invariants=False)
    for distance in range(1, _WINDOW + 1):
        check()
        left, right = line[:-distance], line[distance:]
        both = (left >= 0) & (right >= 0)
        pairs, counts = np.unique(left[both] * words + right[both], return_counts=True)
        places = torch.from_numpy(np.stack([pairs // words, pairs % words]))
        total = total + torch.sparse_coo_tensor(
            places, torch.from_numpy(counts.astype(np.float32)) / distance, (words, words),
            is_coalesced=True, check_invariants=False)
    return (total + total.t()).coalesce()


def _vectors(together: Tensor, numbers: int, seed: int) -> Tensor:
    """A vector of length 1 for each word, shape (words, numbers)."""
    (rows, columns), counts = together.indices(), together.values()
    words = together.shape[0]
    often = torch.zeros(words).index_add_(0, rows, counts)
    smooth = often.pow(_SMOOTHING)
    information = torch.log(counts * smooth.sum() / (often[rows] * smooth[columns]))
    kept = information > 0
    places, values = together.indices()[:, kept], information[kept]
    matrix = torch.sparse_coo_tensor(places, values, (words, words), is_coalesced=True,
                                     check_invariants=False)
    transposed = matrix.t().coalesce()
    basis = torch.randn(words, numbers, generator=torch.Generator().manual_seed(seed))
    for _ in range(4):  # power iterations: Halko, Martinsson, Tropp 2011
        turned = torch.linalg.qr(torch.sparse.mm(transposed, basis)).Q
        basis = torch.linalg.qr(torch.sparse.mm(matrix, turned)).Q
    left, lengths, _ = torch.linalg.svd(torch.sparse.mm(transposed, basis).T, full_matrices=False)
    return torch.nn.functional.normalize(basis @ left * lengths.sqrt())


def _gathered(vectors: Tensor, seed: int) -> Tensor:
    """The number of each vector's centre, shape (words,)."""
    words = len(vectors)
    # Frequent words come first and are the better places to start from.
    candidates = torch.randperm(min(3 * CLASSES, words),
                                generator=torch.Generator().manual_seed(seed))
    centres = vectors[candidates[:CLASSES]]
    nearest = torch.zeros(words, dtype=torch.int64)
    for _ in range(_ROUNDS):
        nearest = (vectors @ centres.T).argmax(1)
        centres = torch.nn.functional.normalize(
            torch.zeros_like(centres).index_add_(0, nearest, vectors))
    return nearest
