"""What `ngrams` needs while it learns: which features count, and their Naive Bayes scaling."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import ClassVar

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from sentiment.learning.data import Data, Rows
from sentiment.learning.distributed import ALONE, Group
from sentiment.models.network import Ids, Network
from sentiment.models.ngrams import (
    HASH_BITS,
    WORDS_AT_ONCE,
    Hashes,
    NgramClassifier,
    NgramSettings,
    hashes,
)

MOST_FEATURES = 1_400_000
"""That a model keeps, those with the largest weights: 8 MB."""

NEIGHBOURS = 50
"""Reviews of a run in which a feature counts once: about as many as there are of two films."""

_BLOCK = 1000
"""Reviews whose features are counted at once."""

_TURNS = 200
"""Runs that are counted, some tenths of a second, between two looks for a stop."""


def choose_features(reviews: Sequence[Ids], rare: int, check: Callable[[], None] = lambda: None,
                    group: Group = ALONE) -> Hashes:
    """The hashes, ascending, of the features that at least `rare` of all reviews have.

    Memory is 270 MB whatever the number of reviews.

    Args:
        reviews: those that this process counts; each process counts others.
        rare: of the reviews of all processes.
        check: called now and then; may raise.
        group: all processes.
    """
    counts = np.zeros(1 << HASH_BITS, dtype=np.int32)
    for start in range(0, len(reviews), _BLOCK):
        check()
        block = np.concatenate([np.unique(hashes(ids)) for ids in reviews[start:start + _BLOCK]])
        found, times = np.unique(block, return_counts=True)
        counts[found] += times.astype(np.int32)
    group.add(counts)
    chosen = np.flatnonzero(counts >= rare)
    if not len(chosen):  # next to no reviews: any feature is better than none
        chosen = np.flatnonzero(counts)
    return chosen.astype(np.int32)


def rare_below(reviews: int) -> int:
    """How many reviews must have a feature: with few reviews one cannot be so demanding."""
    return max(2, min(8, reviews // 5000))


def ratios(data: Data, features: int, group: Group = ALONE,
           check: Callable[[], None] = lambda: None) -> Tensor:
    """How much more of the positive reviews than of the negative have a feature, as a logarithm.

    What counts is not how many reviews have it, but how many runs of neighbours of one class: the
    reviews of a film lie together, and the names in it would seem to tell good reviews from bad.

    Args:
        data: the numbers of each review's features, counted from 1.
        features: how many there are.
        group: all processes.
        check: called now and then, by all processes alike; may raise.

    Returns:
        Shape (features + 1,), float32; the first, for "no feature", is 0.
    """
    places = data.mine()
    positive = data.everywhere(group, places, data.labels[places].astype(np.float64)) > 0.5
    # Each feature is taken to be in one more run of either class, in the first process.
    counts = np.full((2, features + 1), float(group.leads))
    for count, rows in zip(counts, (np.flatnonzero(positive), np.flatnonzero(~positive)),
                           strict=True):
        for turn, start in enumerate(range(0, len(rows), run := _run_of(len(rows)))):
            if turn % _TURNS == 0:
                check()
            _count_run(count, data, data.mine_whole(rows[start:start + run], turn))
    many, few = group.add(counts)
    found = np.log(many[1:] / many[1:].sum()) - np.log(few[1:] / few[1:].sum())
    return torch.from_numpy(np.concatenate([[0.0], found]).astype(np.float32))


def _run_of(reviews: int) -> int:
    """Neighbours in a run: fewer where there are few reviews, so that there are a hundred runs."""
    return max(1, min(NEIGHBOURS, reviews // 100))


def _count_run(count: npt.NDArray[np.float64], data: Data, places: Rows) -> None:
    """Count each feature of these reviews once, however many of them have it."""
    if len(places):
        count[np.unique(np.concatenate([data.sequences[place] for place in places]))] += 1


def prior_weights(model: NgramClassifier, known: Hashes) -> Tensor:
    """The weights of an earlier model where its features are among `known`, which has all of them.

    Returns:
        Shape (features + 1,), float32; the first is the constant, new features have 0.
    """
    found = torch.zeros(len(known) + 1)
    found[torch.from_numpy(np.searchsorted(known, model.hashes.numpy()) + 1)] = (
        model.weights[1:].float())
    found[0] = model.bias[0]
    return found


class NgramLearner(Network):
    """The same sum as `NgramClassifier`, each weight a learned factor times its ratio.

    With a prior, that is what is added to its weights; what nothing is learned about stays 0.
    """

    words_at_once: ClassVar[int] = WORDS_AT_ONCE

    def __init__(self, scale: Tensor, prior: Tensor | None = None) -> None:
        super().__init__()
        # Not among the parameters of a checkpoint: they follow from the data.
        self.register_buffer("scale", scale, persistent=False)
        self.register_buffer("prior", prior, persistent=False)
        self.scale: Tensor
        self.prior: Tensor | None
        self.factors = nn.Parameter(torch.zeros(len(scale), 1))
        self.bias = nn.Parameter(torch.zeros(1))

    def forward(self, ids: Tensor, lengths: Tensor) -> Tensor:
        """As `NgramClassifier.forward` does."""
        factors = nn.functional.embedding(ids, self.factors)[:, :, 0]  # (features, batch)
        logits: Tensor = (factors * self.scale[ids]).sum(0) + self.bias
        if self.prior is not None:
            logits = logits + self.prior[0] + self.prior[ids].masked_fill(ids == 0, 0.0).sum(0)
        return logits

    def weights(self, state: Mapping[str, Tensor]) -> Tensor:
        """What each feature adds, the constant in the place of "no feature"; on the CPU.

        Args:
            state: factors and constant to take; if it is empty, those of this moment.
        """
        chosen = state or self.state_dict()
        found = chosen["factors"].detach().cpu()[:, 0] * self.scale.cpu()
        found[0] = chosen["bias"].detach().cpu()[0]
        return found if self.prior is None else found + self.prior.cpu()


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
