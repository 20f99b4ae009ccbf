"""How `ngrams` learns: from the labelled reviews, from all of them, and once more to be kept.

Most reviews there are have no label. The second round gives them the labels that the first finds
likely, and learns from all reviews: what is likely of a whole review teaches words and phrases that
stood in no labelled one (self-training: Yarowsky 1995; Lee, "Pseudo-Label", 2013). Without
unlabelled reviews there is no second round.

Reviews that were set aside from the training channel have then done their work: accuracy and
temperature are known, and the last round learns from them too, with guesses made anew. A validation
channel is never learned from; with one, there is no last round.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from contract.errors import UserError
from contract.running.stopping import Stopped
from sentiment.learning import training
from sentiment.learning.calibration import temperature
from sentiment.learning.data import NO_DATA, Data
from sentiment.learning.device import Device
from sentiment.learning.distributed import Group
from sentiment.learning.ngram_training import (
    NgramLearner,
    choose_features,
    condensed,
    prior_weights,
    rare_below,
    ratios,
)
from sentiment.learning.rounds import Learned, Reviews, Run, learn, learned_before
from sentiment.learning.training import Settings, State
from sentiment.models.network import Ids
from sentiment.models.ngrams import Index, NgramClassifier, Numbers

log = logging.getLogger(__name__)

SHARPNESS = 20.0
"""Of guesses: a review is taken for what it seems to be, unless that is next to nothing."""

_MOST_AFTER_A_STOP = 50_000
"""Held-out reviews, some seconds, that are measured when there are 120 for everything (T6)."""

_MOST_TIMES = 4
"""Reviews of a step with guessed labels, for one without."""
_LESS_PENALTY = 5.0


def learn_ngrams(reviews: Reviews, run: Run, hyperparameters: Mapping[str, Any]) -> Learned:
    """All rounds that there is something to learn for.

    Raises:
        UserError: there is not one word to learn from.
    """
    every = reviews.train.then(reviews.unlabelled)
    rare = rare_below(every.total)
    known = choose_features([every.sequences[place] for place in every.mine()], rare, run.check,
                            run.group)
    earlier = run.earlier if isinstance(run.earlier, NgramClassifier) else None
    if earlier:
        known = np.union1d(known, earlier.hashes.numpy())
    if not len(known):
        raise UserError("the reviews to learn from have no words")
    log.info("%d features are in at least %d of %d reviews", len(known), rare, every.total)
    index = Index(known)
    prior = prior_weights(earlier, known) if earlier else None
    train, validation, unlabelled = (
        replace(data, sequences=_numbers(index, data.sequences, run.check))
        for data in (reviews.train, reviews.validation, reviews.unlabelled))

    state = learned_before(run)
    if any(len(weights) != len(known) + 1 for weights in state.before):
        state = State()  # of an image that saw other features in the same data
    models, ends = state.before, state.ends

    def learn_round(data: Data, held_out: Data, guessed: bool) -> bool:
        """Learn a model more; False if told to stop before it is worth more than those there are.

        Raises:
            Stopped: there are none.
        """
        nonlocal state, models, ends
        log.info("round %d: learning from %d reviews", len(models) + 1, data.total)
        try:
            learner = NgramLearner(ratios(data, len(known), run.group, run.give_up), prior)
        except Stopped:
            if not models:
                raise
            return False
        labelled = data.total - unlabelled.total * guessed
        paced = replace(run, settings=_paced(run.settings, data.total, labelled))
        state = learn(learner.to(run.device.device), data, held_out, paced, State(
            before=models, ends=ends, earlier=[*state.earlier, *state.history]))
        # At the end of a round the learning rate is 0, and what came before was on its way.
        whole = state.epoch == run.settings.epochs
        if models and not state.best:
            return False
        models = [*models, learner.weights({} if whole else state.best)]
        ends = [*ends, len(state.earlier) + (state.epoch if whole else state.best_epoch)]
        return True

    for number in range(len(models), 2 if unlabelled.total else 1):
        data = _joined(train, unlabelled, models[0], run.group) if number else train
        learn_round(data, validation, bool(number))
        if run.stopping():
            break
    best = _better_round(models, validation, run.group)
    measured, kept = ends[best], ends[best]
    network = condensed(models[best], known, reviews.vocabulary_size)
    late = reviews.validation.total > _MOST_AFTER_A_STOP and run.stopping()
    figures = _calibrated(network, NO_DATA if late else reviews.validation, run.group)
    if reviews.set_aside and not run.stopping():
        labelled = train.then(validation)
        data = _joined(labelled, unlabelled, models[best], run.group) if best else labelled
        if learn_round(data, NO_DATA, bool(best)) and not run.stopping():
            network, kept = condensed(models[-1], known, reviews.vocabulary_size), ends[-1]
            network.divide(figures["temperature"])
    history = [*state.earlier, *state.history]
    facts = {"best_epoch": kept, "measured_epoch": measured, "epochs": len(history),
             "temperature": figures.pop("temperature", 1.0)}
    metrics = {**history[measured - 1], **figures} if measured else {}
    return Learned(network, state, metrics, facts)


def _paced(settings: Settings, reviews: int, labelled: int) -> Settings:
    """For a round with so many reviews for those that have labels: no more steps, but longer ones.

    Its labels are mostly guesses, which are right or wrong for many reviews alike; small steps
    would learn each of them by heart, and the penalty is there for few reviews.
    """
    times = min(-(-reviews // labelled), _MOST_TIMES)
    if times < 2:
        return settings
    return replace(settings, batch_size=settings.batch_size * times,
                   learning_rate=settings.learning_rate * math.sqrt(times),
                   weight_decay=settings.weight_decay / _LESS_PENALTY)


def _joined(labelled: Data, others: Data, weights: Tensor, group: Group) -> Data:
    """Labelled reviews, and others with the labels that a model guesses."""
    places = others.mine()
    found = others.everywhere(group, places, guesses(
        weights, [others.sequences[place] for place in places]).astype(np.float64))
    return labelled.then(replace(others, labels=others.here(found).astype(np.float32)))


def guesses(weights: Tensor, sequences: Sequence[Numbers]) -> npt.NDArray[np.float32]:
    """The labels that a model gives, sharpened; shape (reviews,)."""
    odds = SHARPNESS * _log_odds(weights, sequences)
    return (1 / (1 + np.exp(-np.clip(odds, -50, 50)))).astype(np.float32)


def _log_odds(weights: Tensor, sequences: Sequence[Numbers]) -> npt.NDArray[np.float64]:
    """Of each review, by `NgramLearner.weights`, which has the constant at 0."""
    table = weights.numpy()
    return np.array([table[0] + table[numbers].sum() for numbers in sequences], np.float64)


def _better_round(models: Sequence[Tensor], validation: Data, group: Group) -> int:
    """The last round, unless the reviews held out speak against it."""
    if len(models) < 2 or not validation.total:
        return len(models) - 1
    places = validation.mine()
    sequences = [validation.sequences[place] for place in places]
    positive = validation.labels[places] > 0.5
    right = group.add(np.array([((_log_odds(weights, sequences) > 0) == positive).sum()
                                for weights in models], np.int64))
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


def _calibrated(network: NgramClassifier, validation: Data, group: Group) -> dict[str, float]:
    """Divide by the temperature, and measure the model as it then is; nothing without reviews."""
    if not validation.total:
        return {}
    cpu = Device(torch.device("cpu"), torch.float32)
    data = replace(validation,
                   sequences=[network.prepare(ids) for ids in validation.sequences])
    places = data.mine()
    labels = data.everywhere(group, places, data.labels[places].astype(np.float64))
    found = round(temperature(training.log_odds(network, data, cpu, group), labels), 4)
    network.divide(found)
    figures = training.evaluate(network, data, cpu, group=group) or {}
    return {**{f"validation:{name}": value for name, value in figures.items()},
            "validation:best_accuracy": figures["accuracy"], "temperature": found}
