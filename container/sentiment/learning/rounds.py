"""One round of learning: a network, an optimiser, and checkpoints to go on from.

`lstm` learns in one round; `ngrams` in several (`selftraining`).
"""

from __future__ import annotations

import logging
import signal
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch

from contract.running.checkpoints import CheckpointStore
from contract.running.stopping import Stopped
from sentiment.learning import snapshot, training
from sentiment.learning.data import Data
from sentiment.learning.device import Device
from sentiment.learning.distributed import Group
from sentiment.learning.training import Settings, State
from sentiment.models.architectures import build, settings_of
from sentiment.models.network import Network

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Reviews:
    """Reviews as word ids, for learning and for choosing."""

    train: Data
    validation: Data
    unlabelled: Data
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
    """None: no checkpoints, or another process keeps them."""
    should_stop: Callable[[], bool]
    """Whether this process is told to stop; see `stopping`."""
    check: Callable[[], None]
    """Raises when the job is told to stop."""
    report: Callable[[dict[str, float]], None]
    group: Group
    earlier: Network | None = None
    """What an earlier job has learned, to begin with."""

    def stopping(self) -> bool:
        """Whether any process is told to stop: the same answer in all of them."""
        return self.group.any(self.should_stop())

    def give_up(self) -> None:
        """Raises Stopped if any process is told to stop, and then in all of them."""
        if self.stopping():
            raise Stopped(signal.SIGTERM)


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
    network = build("lstm", settings_of(run.earlier) if run.earlier else {
        "vocabulary_size": reviews.vocabulary_size,
        "embedding_dim": hyperparameters["embedding_dim"],
        "hidden_dim": hyperparameters["hidden_dim"]})
    if run.earlier:
        network.load_state_dict(run.earlier.state_dict())
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
    content = _newest(run.store, network, optimizer, start) if run.group.leads else b""
    content = run.group.from_leader(content)
    state = snapshot.restore(content, network, optimizer) if content else start
    # The same seed gives the same start, unless the hosts' processors round differently.
    run.group.share(list(network.parameters()))

    def checkpoint() -> None:
        if run.store:
            run.store.save(snapshot.pack(network, optimizer, state))

    training.train(network, optimizer, state, data, validation, run.settings, run.device,
                   should_stop=run.should_stop, checkpoint=checkpoint, report=run.report,
                   group=run.group)
    return state


def learned_before(run: Run) -> State:
    """The end of the rounds that were complete before the newest usable checkpoint."""
    content = run.group.from_leader(_usable(run.store) if run.group.leads else b"")
    return snapshot.before(content) if content else State()


def _usable(store: CheckpointStore | None) -> bytes:
    """The newest checkpoint that can be read, of whatever round; empty if there is none."""
    for _, content in store.load() if store else ():
        try:
            snapshot.before(content)
        except ValueError:
            continue  # `_newest` says so
        return content
    return b""


def _newest(store: CheckpointStore | None, network: Network, optimizer: torch.optim.Optimizer,
            start: State) -> bytes:
    """The newest checkpoint of this round that is whole; empty to begin with `start`."""
    for path in store.damaged() if store else ():
        log.warning("checkpoint %s is damaged and passed over", path.name)
    for path, content in store.load() if store else ():
        try:
            if len(snapshot.before(content).before) != len(start.before):
                continue  # of another round
            state = snapshot.restore(content, network, optimizer)
        except ValueError as error:
            log.warning("checkpoint %s is passed over: %s", path.name, error)
            continue
        log.info("resumed from %s: %d epochs and %d reviews are done", path.name, state.epoch,
                 state.rows)
        return content
    return b""
