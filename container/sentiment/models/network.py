"""What all networks offer, whatever their architecture."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

Ids = npt.NDArray[np.int32]


class Network(nn.Module):
    """A PyTorch module from reviews to log-odds."""

    name: ClassVar[str]
    """The value of the hyperparameter `architecture`."""
    words_at_once: ClassVar[int]
    """Words of a micro-batch that a CPU learns from together, padding included."""
    settings: Any
    """A dataclass of whole numbers, `vocabulary_size` among them: all that `build` needs."""

    def check(self) -> None:
        """Raises ValueError: the values of the tensors, whose shapes are right, make no sense."""

    def prepare(self, ids: Sequence[int] | Ids) -> Sequence[int] | Ids:
        """What `forward` reads of a review, from the ids of its words in reading order."""
        return ids

    def forward(self, ids: Tensor, lengths: Tensor) -> Tensor:
        """Log-odds of being positive, shape (batch,).

        Args:
            ids: what `prepare` gave, padded with 0 at the end, shape (time, batch), int64.
            lengths: of each review without padding, at least 1, shape (batch,), int64.
        """
        raise NotImplementedError


@contextmanager
def memory_errors() -> Iterator[None]:
    """PyTorch's own words for a lack of memory become Python's.

    Raises:
        MemoryError: there is not enough, of whatever processor.
    """
    try:
        yield
    except RuntimeError as error:
        if isinstance(error, torch.OutOfMemoryError) or "allocate memory" in str(error):
            raise MemoryError from error
        raise
