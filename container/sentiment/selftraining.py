"""How `ngrams` learns: from the labelled reviews, then twice from all of them.

Most reviews there are have no label. Each round gives them the labels that the round before finds
likely, and learns from all reviews: what is likely of a whole review teaches words and phrases that
stood in no labelled one (self-training: Yarowsky 1995; Lee, "Pseudo-Label", 2013). Without
unlabelled reviews there is one round.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from contract.errors import UserError
from sentiment import training
from sentiment.calibration import temperature
from sentiment.device import Device
from sentiment.network import Ids
from sentiment.ngram_training import (
    NgramLearner,
    choose_features,
    condensed,
    rare_below,
    ratios,
)
from sentiment.ngrams import Index, NgramClassifier, Numbers
from sentiment.rounds import Learned, Reviews, Run, learn, learned_before
from sentiment.training import Data, State

log = logging.getLogger(__name__)

SHARPNESS = 20.0
"""Of guesses: a review is taken for what it seems to be, unless that is next to nothing."""

ROUNDS = 3


def learn_ngrams(reviews: Reviews, run: Run, hyperparameters: Mapping[str, Any]) -> Learned:
    """One round, or all if there are unlabelled reviews; then the temperature.

    Raises:
        UserError: there is not one word to learn from.
    """
    every = [*reviews.train.sequences, *reviews.unlabelled]
    rare = rare_below(len(every))
    known = choose_features(every, rare, run.check)
    if not len(known):
        raise UserError("the reviews to learn from have no words")
    log.info("%d features are in at least %d of %d reviews", len(known), rare, len(every))
    index = Index(known)
    train, validation = (Data(_numbers(index, data.sequences, run.check), data.labels)
                         for data in (reviews.train, reviews.validation))
    unlabelled = _numbers(index, reviews.unlabelled, run.check)

    models, state = learned_before(run.store), State()
    if any(len(weights) != len(known) + 1 for weights in models):
        models = []  # of an image that saw other features in the same data
    # The epoch, counted over all rounds, that each model is of.
    ends = [run.settings.epochs * (number + 1) for number in range(len(models))]
    for number in range(len(models), ROUNDS if unlabelled else 1):
        data = train
        if number:
            data = Data([*train.sequences, *unlabelled],
                        np.concatenate([train.labels, guesses(models[-1], unlabelled)]))
        log.info("round %d: learning from %d reviews", number + 1, len(data))
        learner = NgramLearner(ratios(data.sequences, data.labels, len(known)))
        state = learn(learner.to(run.device.device), data, validation, run,
                      State(before=models, earlier=[*state.earlier, *state.history]))
        if models and not state.best:
            break  # told to stop: the round before is complete, and says more
        # At the end of a round the learning rate is 0, and what came before was on its way.
        whole = state.epoch == run.settings.epochs
        models = [*models, learner.weights({} if whole else state.best)]
        ends.append(len(state.earlier) + (state.epoch if whole else state.best_epoch))
        if run.should_stop():
            break
    best = _better_round(models, validation)
    return _calibrated(condensed(models[best], known, reviews.vocabulary_size),
                       reviews.validation, state, ends[best])


def guesses(weights: Tensor, sequences: Sequence[Numbers]) -> npt.NDArray[np.float32]:
    """The labels that a model gives, sharpened; shape (reviews,)."""
    odds = SHARPNESS * _log_odds(weights, sequences)
    return (1 / (1 + np.exp(-np.clip(odds, -50, 50)))).astype(np.float32)


def _log_odds(weights: Tensor, sequences: Sequence[Numbers]) -> npt.NDArray[np.float64]:
    """Of each review, by `NgramLearner.weights`, which has the constant at 0."""
    table = weights.numpy()
    return np.array([table[0] + table[numbers].sum() for numbers in sequences], np.float64)


def _better_round(models: Sequence[Tensor], validation: Data) -> int:
    """The last round, unless the reviews held out speak against it."""
    if len(models) < 2 or not len(validation):
        return len(models) - 1
    positive = validation.labels > 0.5
    right = [int(((_log_odds(weights, validation.sequences) > 0) == positive).sum())
             for weights in models]
    if right[-1] >= right[0]:
        return len(models) - 1
    log.warning("the reviews without a label did not help; the model without them is kept")
    return 0


def _numbers(index: Index, sequences: Sequence[Ids], check: Callable[[], None]) -> list[Numbers]:
    found = []
    for ids in sequences:
        check()
        found.append(index.numbers(ids))
    return found


def _calibrated(network: NgramClassifier, validation: Data, state: State, epoch: int) -> Learned:
    """Divide by the temperature, and measure what is kept as it is kept."""
    history = [*state.earlier, *state.history]
    facts: dict[str, Any] = {"best_epoch": epoch, "epochs": len(history)}
    metrics = dict(history[epoch - 1]) if epoch else {}
    if len(validation) and metrics:
        cpu = Device(torch.device("cpu"), torch.float32)
        data = Data([network.prepare(ids) for ids in validation.sequences], validation.labels)
        odds = training.log_odds(network, data.sequences, cpu)
        facts["temperature"] = round(temperature(odds, data.labels.astype(np.float64)), 4)
        network.divide(facts["temperature"])
        figures = training.evaluate(network, data, cpu) or {}
        metrics |= {f"validation:{name}": value for name, value in figures.items()}
        metrics["validation:best_accuracy"] = figures["accuracy"]
    return Learned(network, state, metrics, facts)
