"""What `ngrams` needs while it learns: which features count, and their Naive Bayes scaling."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import ClassVar

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from sentiment.network import Ids, Network
from sentiment.ngrams import (
    HASH_BITS,
    WORDS_AT_ONCE,
    Hashes,
    NgramClassifier,
    NgramSettings,
    hashes,
)

MOST_FEATURES = 1_400_000
"""That a model keeps, those with the largest weights: 8 MB."""

_BLOCK = 1000
"""Reviews whose features are counted at once."""


def choose_features(reviews: Sequence[Ids], rare: int,
                    check: Callable[[], None] = lambda: None) -> Hashes:
    """The hashes, ascending, of the features that at least `rare` of the reviews have.

    Memory is 270 MB whatever the number of reviews; `check` is called now and then and may raise.
    """
    counts = np.zeros(1 << HASH_BITS, dtype=np.uint32)
    for start in range(0, len(reviews), _BLOCK):
        check()
        block = np.concatenate([np.unique(hashes(ids)) for ids in reviews[start:start + _BLOCK]])
        found, times = np.unique(block, return_counts=True)
        counts[found] += times.astype(np.uint32)
    chosen = np.flatnonzero(counts >= rare)
    if not len(chosen):  # next to no reviews: any feature is better than none
        chosen = np.flatnonzero(counts)
    return chosen.astype(np.int32)


def rare_below(reviews: int) -> int:
    """How many reviews must have a feature: with few reviews one cannot be so demanding."""
    return max(2, min(4, reviews // 5000))


def ratios(sequences: Sequence[npt.NDArray[np.int32]], labels: npt.NDArray[np.float32],
           features: int) -> Tensor:
    """How much more of the positive reviews than of the negative have a feature, as a logarithm.

    Args:
        sequences: the numbers of each review's features, counted from 1.
        labels: probabilities of being positive, shape (reviews,).
        features: how many there are.

    Returns:
        Shape (features + 1,), float32; the first, for "no feature", is 0.
    """
    positive, negative = np.ones(features + 1), np.ones(features + 1)
    for numbers, label in zip(sequences, labels.tolist(), strict=True):
        positive[numbers] += label  # a review has a feature once, so no number comes twice
        negative[numbers] += 1 - label
    found = np.log(positive[1:] / positive[1:].sum()) - np.log(negative[1:] / negative[1:].sum())
    return torch.from_numpy(np.concatenate([[0.0], found]).astype(np.float32))


class NgramLearner(Network):
    """The same sum as `NgramClassifier`, each weight a learned factor times its ratio."""

    words_at_once: ClassVar[int] = WORDS_AT_ONCE

    def __init__(self, scale: Tensor) -> None:
        super().__init__()
        # Not among the parameters of a checkpoint: they follow from the data.
        self.register_buffer("scale", scale, persistent=False)
        self.scale: Tensor
        self.factors = nn.Parameter(torch.zeros(len(scale), 1))
        self.bias = nn.Parameter(torch.zeros(1))

    def forward(self, ids: Tensor, lengths: Tensor) -> Tensor:
        """As `NgramClassifier.forward` does."""
        factors = nn.functional.embedding(ids, self.factors)[:, :, 0]  # (features, batch)
        logits: Tensor = (factors * self.scale[ids]).sum(0) + self.bias
        return logits

    def weights(self, state: Mapping[str, Tensor]) -> Tensor:
        """What each feature adds, the constant in the place of "no feature"; on the CPU.

        Args:
            state: factors and constant to take; if it is empty, those of this moment.
        """
        chosen = state or self.state_dict()
        found = chosen["factors"].detach().cpu()[:, 0] * self.scale.cpu()
        found[0] = chosen["bias"].detach().cpu()[0]
        return found


def condensed(weights: Tensor, known: Hashes, vocabulary_size: int,
              most: int = MOST_FEATURES) -> NgramClassifier:
    """The model to keep: the `most` features that weigh most.

    Args:
        weights: as `NgramLearner.weights` gives them.
        known: ascending hashes of the features.
        vocabulary_size: word ids there are.
        most: features to keep.
    """
    each = weights[1:]
    kept = torch.arange(len(each))
    if len(each) > most:
        kept = each.abs().topk(most).indices.sort().values
    model = NgramClassifier(NgramSettings(vocabulary_size=vocabulary_size, features=len(kept)))
    model.hashes = torch.from_numpy(known)[kept]
    model.weights[1:] = each[kept].half()
    model.bias = weights[:1].clone()
    return model.requires_grad_(False).eval()
