"""Reviews of different lengths as tensors, with next to no padding.

A batch is cut into micro-batches of reviews of about equal length. Each is padded only to its own
longest review, and gradients add up over the micro-batches, so a batch means the same as if it had
been padded to 500 as a whole, at about a quarter of the arithmetic.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

MICRO_BATCH = 64
"""Reviews that a CPU answers together."""

MICRO_BATCH_WORDS = 2500
"""Words, padding included, that a CPU learns from together.

More would hardly be faster and take more memory: 12 kB a word with hidden 200. Pieces above 32 MB
go back to the system after each use, and getting them again, page by page, costs half as much as
the arithmetic.
"""


@dataclass(frozen=True)
class Batch:
    """Reviews padded to the longest among them."""

    ids: Tensor
    """Shape (time, batch), int64, 0 where there is no word."""
    lengths: Tensor
    """Shape (batch,), int64, at least 1: a review without a word is one "no word"."""

    def to(self, device: torch.device) -> Batch:
        return Batch(self.ids.to(device, non_blocking=True),
                     self.lengths.to(device, non_blocking=True))


def make_batch(sequences: Sequence[Sequence[int] | npt.NDArray[np.int32]]) -> Batch:
    """Pad some reviews to one tensor."""
    lengths = np.fromiter((max(1, len(ids)) for ids in sequences), np.int64, len(sequences))
    padded = np.zeros((int(lengths.max()), len(sequences)), dtype=np.int64)
    for column, ids in enumerate(sequences):
        padded[:len(ids), column] = ids
    return Batch(torch.from_numpy(padded), torch.from_numpy(lengths))


def by_length(lengths: npt.NDArray[np.int64], size: int, words: int | None = None,
              ) -> Iterator[npt.NDArray[np.int64]]:
    """Cut positions 0..n-1 into groups of at most `size`, each of about one length, that ascend.

    Padded to its longest, a group has at most `words` words, unless it is one review.
    """
    order = np.argsort(lengths, kind="stable")
    start = 0
    while start < len(order):
        stop = start + size
        if words is not None:
            padded = np.arange(1, size + 1)[:len(order) - start] * lengths[order[start:stop]]
            stop = start + max(1, int(np.searchsorted(padded, words, side="right")))
        yield order[start:stop]
        start = stop
