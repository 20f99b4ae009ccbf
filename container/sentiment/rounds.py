"""One round of learning: a network, an optimiser, and checkpoints to go on from.

`lstm` learns in one round; `ngrams` in several (`sentiment.selftraining`).
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from contract.checkpoints import CheckpointStore
from sentiment import snapshot, training
from sentiment.device import Device
from sentiment.model import build
from sentiment.network import Ids, Network
from sentiment.training import Data, Settings, State

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Reviews:
    """Reviews as word ids, for learning and for choosing."""

    train: Data
    validation: Data
    unlabelled: Sequence[Ids]
    set_aside: bool
    """Whether those for choosing are training reviews, and may be learned from in the end."""
    vocabulary_size: int
    """Ids there are."""


@dataclass(frozen=True)
class Run:
    """What a round needs beside its reviews."""

    settings: Settings
    device: Device
    store: CheckpointStore | None
    should_stop: Callable[[], bool]
    check: Callable[[], None]
    """Raises when the job is told to stop."""
    report: Callable[[dict[str, float]], None]


@dataclass(frozen=True)
class Learned:
    """A network with its best weights, on the CPU, and how it came about."""

    network: Network
    state: State
    """At the end of the last round."""
    metrics: Mapping[str, float]
    """Of this network; empty if not even one epoch is complete."""
    facts: Mapping[str, Any]
    """For the model's description."""


def learn_lstm(reviews: Reviews, run: Run, hyperparameters: Mapping[str, Any]) -> Learned:
    """One round on the labelled reviews."""
    network = build("lstm", {"vocabulary_size": reviews.vocabulary_size,
                             "embedding_dim": hyperparameters["embedding_dim"],
                             "hidden_dim": hyperparameters["hidden_dim"]})
    network.to(run.device.device)
    state = learn(network, reviews.train, reviews.validation, run, State())
    if state.best:
        network.load_state_dict(state.best)
    metrics = state.history[state.best_epoch - 1] if state.best else {}
    return Learned(network, state, metrics, {"best_epoch": state.best_epoch,
                                             "epochs": state.epoch})


def learn(network: Network, data: Data, validation: Data, run: Run, start: State) -> State:
    """Learn from `data`, from `start` or from where a checkpoint of the same round ended."""
    optimizer = training.adam(network, run.settings)
    state = _resumed(run.store, network, optimizer, start)

    def checkpoint() -> None:
        if run.store:
            run.store.save(snapshot.pack(network, optimizer, state))

    training.train(network, optimizer, state, data, validation, run.settings, run.device,
                   should_stop=run.should_stop, checkpoint=checkpoint, report=run.report)
    return state


def learned_before(store: CheckpointStore | None) -> list[Tensor]:
    """What the rounds have learned that were complete before the newest usable checkpoint."""
    for _, content in store.load() if store else ():
        try:
            return snapshot.before(content)
        except ValueError:
            continue  # `_resumed` says so
    return []


def _resumed(store: CheckpointStore | None, network: Network,
             optimizer: torch.optim.Optimizer, start: State) -> State:
    """Take up the newest checkpoint of this round that is whole, or begin with `start`."""
    for path in store.damaged() if store else ():
        log.warning("checkpoint %s is damaged and passed over", path.name)
    for path, content in store.load() if store else ():
        try:
            if len(snapshot.before(content)) != len(start.before):
                continue  # of another round
            state = snapshot.restore(content, network, optimizer)
        except ValueError as error:
            log.warning("checkpoint %s is passed over: %s", path.name, error)
            continue
        log.info("resumed from %s: %d epochs and %d reviews are done", path.name, state.epoch,
                 state.rows)
        return state
    return start
