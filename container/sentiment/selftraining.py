"""How `ngrams` learns: two views of the labelled reviews, then the same two of all reviews.

Most reviews there are have no label. In the first round a model of each view learns from those that
have one. Together they give the others the labels that they find likely, and in the second round
both views learn again, from all reviews: what is likely of a whole review teaches words and phrases
that stood in no labelled one (self-training with two views: Yarowsky 1995; Blum and Mitchell 1998).
Without unlabelled reviews there is one round.

The models are sums of weights, so their mean is one too, and only that is kept.
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
from sentiment.ngrams import VIEWS, Classes, Index, NgramClassifier, Numbers
from sentiment.rounds import Learned, Reviews, Run, learn, learned_before
from sentiment.training import Data, State
from sentiment.word_classes import word_classes

log = logging.getLogger(__name__)

SHARPNESS = 20.0
"""Of guesses: a review is taken for what it seems to be, unless that is next to nothing."""

_NAMES = ("words", "classes")


class _View:
    """All reviews as numbers of the features of one view."""

    def __init__(self, reviews: Reviews, classes: Classes, view: int,
                 check: Callable[[], None]) -> None:
        every = [*reviews.train.sequences, *reviews.unlabelled]
        rare = rare_below(len(every))
        self.name = _NAMES[view]
        self.known = choose_features(every, classes, view, rare, check)
        log.info("%s: %d features are in at least %d of %d reviews", self.name, len(self.known),
                 rare, len(every))
        index = Index(self.known, classes, [view])
        self.train = Data(_numbers(index, reviews.train.sequences, check), reviews.train.labels)
        self.validation = Data(_numbers(index, reviews.validation.sequences, check),
                               reviews.validation.labels)
        self.unlabelled = _numbers(index, reviews.unlabelled, check)


def learn_ngrams(reviews: Reviews, run: Run, hyperparameters: Mapping[str, Any]) -> Learned:
    """All rounds; a round counts when both of its views are complete."""
    log.info("finding classes of words")
    classes = word_classes([*reviews.train.sequences, *reviews.unlabelled],
                           reviews.vocabulary_size, run.settings.seed, run.check)
    views = [_View(reviews, classes, view, run.check) for view in VIEWS]
    if not len(views[0].known):
        raise UserError("the reviews to learn from have no words")
    models, state = learned_before(run.store), State()
    for stage in range(len(models), len(VIEWS) * (2 if reviews.unlabelled else 1)):
        view = views[stage % len(VIEWS)]
        data = view.train
        if stage >= len(VIEWS):
            data = _joined(view, _guesses(views, models[:len(VIEWS)]))
        log.info("stage %d, %s: learning from %d reviews", stage + 1, view.name, len(data))
        learner = NgramLearner(ratios(data.sequences, data.labels, len(view.known)))
        state = learn(learner.to(run.device.device), data, view.validation, run,
                      State(before=models, earlier=[*state.earlier, *state.history]))
        if run.should_stop() and models:
            break  # those that are complete say more
        models = [*models, learner.weights(state.best)]
        if run.should_stop():
            break
    chosen = _best_round(views, models, reviews.validation.labels)
    network = condensed([(view.known, model) for view, model in zip(views, chosen, strict=False)],
                        classes)
    return _calibrated(network, reviews.validation, state)


def _joined(view: _View, guesses: npt.NDArray[np.float32]) -> Data:
    """The labelled reviews, and the others with their guessed labels."""
    return Data([*view.train.sequences, *view.unlabelled],
                np.concatenate([view.train.labels, guesses]))


def _guesses(views: Sequence[_View], models: Sequence[Tensor]) -> npt.NDArray[np.float32]:
    """The labels that the models give the unlabelled reviews, sharpened; shape (reviews,)."""
    odds = _mean_log_odds([view.unlabelled for view in views], models)
    return (1 / (1 + np.exp(-np.clip(SHARPNESS * odds, -50, 50)))).astype(np.float32)


def _mean_log_odds(sequences: Sequence[Sequence[Numbers]],
                   models: Sequence[Tensor]) -> npt.NDArray[np.float64]:
    """Of the same reviews in several views; `NgramLearner.weights` has a constant at 0."""
    each = [[table[0] + table[numbers].sum() for numbers in view]
            for view, table in zip(sequences, (model.numpy() for model in models), strict=False)]
    return np.asarray(np.mean(each, axis=0), np.float64)


def _best_round(views: Sequence[_View], models: list[Tensor],
                labels: npt.NDArray[np.float32]) -> list[Tensor]:
    """The models of the last complete round, unless the validation reviews speak against it."""
    whole = [models[start:start + len(VIEWS)]
             for start in range(0, len(models) - len(VIEWS) + 1, len(VIEWS))]
    if len(whole) < 2 or not len(labels):
        return whole[-1] if whole else models
    sequences = [view.validation.sequences for view in views]
    right = [int(((_mean_log_odds(sequences, models) > 0) == (labels > 0.5)).sum())
             for models in whole]
    if right[1] < right[0]:
        log.warning("the reviews without a label did not help; the model without them is kept")
    return whole[0] if right[1] < right[0] else whole[1]


def _numbers(index: Index, sequences: Sequence[Ids], check: Callable[[], None]) -> list[Numbers]:
    found = []
    for ids in sequences:
        check()
        found.append(index.numbers(ids))
    return found


def _calibrated(network: NgramClassifier, validation: Data, state: State) -> Learned:
    """Divide by the temperature, and measure what is kept as it is kept."""
    history = [*state.earlier, *state.history]
    facts: dict[str, Any] = {"best_epoch": len(history), "epochs": len(history)}
    metrics = dict(history[-1]) if history else {}
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
