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

MICRO_BATCH = 16
"""Reviews computed together on a CPU; more would mean more padding, fewer slower products."""


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


def by_length(lengths: npt.NDArray[np.int64], size: int) -> Iterator[npt.NDArray[np.int64]]:
    """Cut positions 0..n-1 into groups of at most `size`, each of about one length."""
    order = np.argsort(lengths, kind="stable")
    for start in range(0, len(order), size):
        yield order[start:start + size]
