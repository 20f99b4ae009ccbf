"""A training job in order: read, split, encode, learn, save, and the test reviews last of all."""

from __future__ import annotations

import hashlib
import json
import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from contract.algorithm import TrainingJob
from contract.files import write_atomic
from contract.running.checkpoints import CheckpointStore
from contract.running.metrics import metric_line
from sentiment.artifacts.artifact import save_model
from sentiment.learning import training
from sentiment.learning.data import Data
from sentiment.learning.device import Device, choose_device
from sentiment.learning.distributed import Group, joined
from sentiment.learning.preparation import Prepared, prepare
from sentiment.learning.rounds import Learned, Reviews, Run, learn_lstm
from sentiment.learning.selftraining import learn_ngrams
from sentiment.models.network import Network, memory_errors

log = logging.getLogger(__name__)

_LATE_FIGURES_SECONDS = 30.0
"""For measuring after a stop signal: 120 are all that there are (T6)."""

_LEARN = {"lstm": learn_lstm, "ngrams": learn_ngrams}

# A run may be resumed with other values of these; all others change what is being learned.
_FREE_TO_CHANGE = {"epochs", "patience", "checkpoint_seconds", "device", "max_bad_rows"}


def run(job: TrainingJob) -> None:
    """Train and save a model as the job says."""
    place = job.place
    with choose_device(str(job.hyperparameters["device"]), job.processors,
                       place.local_rank) as device, joined(place, device.device) as group:
        device = device.beside(group.gather(str(device.precision)))
        prepared = prepare(job, group)
        job.stop.raise_if_set()
        with memory_errors():
            _train(job, prepared, device, group)


def _train(job: TrainingJob, prepared: Prepared, device: Device, group: Group) -> None:
    """Begin or go on, learn, save, and say how good it is."""
    hyper = prepared.hyperparameters
    settings = _settings(hyper)
    if group.leads:
        log.info("settings with all defaults: %s", json.dumps(dict(hyper)))
    training.seed_everything(settings.seed)
    reviews = Reviews(prepared.train, prepared.validation, prepared.unlabelled,
                      prepared.set_aside,
                      max(prepared.pipeline.vocabulary.values(), default=1) + 1)
    learned = _LEARN[str(hyper["architecture"])](reviews, Run(
        settings, device, _store(job, prepared, settings), should_stop=lambda: bool(job.stop),
        check=job.stop.raise_if_set, report=_report if group.leads else _keep_quiet, group=group,
        earlier=prepared.earlier.network if prepared.earlier else None), hyper)
    stopped = group.any(bool(job.stop))
    if group.leads:
        _save(job, prepared, learned, stopped)
    _finish(job, prepared, learned, device, group, stopped)


def _settings(hyper: Mapping[str, Any]) -> training.Settings:
    names = ("epochs", "batch_size", "learning_rate", "weight_decay", "gradient_clip", "patience",
             "seed", "checkpoint_seconds")
    return training.Settings(decay=hyper["architecture"] == "ngrams",
                             **{name: hyper[name] for name in names})


def _store(job: TrainingJob, prepared: Prepared,
           settings: training.Settings) -> CheckpointStore | None:
    if not job.place.leads:
        return None
    if job.checkpoint_directory is None:
        log.info("no checkpoints: the job has no checkpoint directory")
        return None
    # Where the learning rate goes down over the epochs, their number is part of every step.
    free = _FREE_TO_CHANGE - ({"epochs"} if settings.decay else set())
    fixed = {name: value for name, value in prepared.hyperparameters.items() if name not in free}
    run = hashlib.sha256(json.dumps([fixed, prepared.facts], sort_keys=True).encode()).hexdigest()
    store = CheckpointStore(job.checkpoint_directory, run)
    if foreign := store.foreign():
        log.warning("%d checkpoints of other data or hyperparameters are left alone, like %s",
                    len(foreign), foreign[0].name)
    return store


def _report(metrics: Mapping[str, float]) -> None:
    print(metric_line(metrics), flush=True)


def _keep_quiet(metrics: Mapping[str, float]) -> None:
    """The first process reports for all (T28)."""


def _save(job: TrainingJob, prepared: Prepared, learned: Learned, stopped: bool) -> None:
    state = learned.state
    save_model(job.model_directory, learned.network, learned.network.state_dict(),
               prepared.pipeline, {
        "training": {**learned.facts, "stopped": stopped, "seconds": round(state.seconds, 1),
                     "metrics": dict(learned.metrics),
                     "hyperparameters": dict(prepared.hyperparameters)},
        "data": prepared.facts,
    })
    if learned.metrics:
        log.info("saved the model of epoch %d of %d in %s", learned.facts["best_epoch"],
                 learned.facts["epochs"], job.model_directory)
    else:
        log.info("saved the model as it was after %d reviews, before the first epoch was complete, "
                 "in %s", state.rows, job.model_directory)


def _finish(job: TrainingJob, prepared: Prepared, learned: Learned, device: Device,
            group: Group, stopped: bool) -> None:
    """Print the metrics of the model as it was last measured, so that those come last.

    That is the model that was saved, but for a last round of `ngrams`, which nothing is left to
    measure by; the test reviews are asked of the model that was saved.
    """
    final = dict(learned.metrics)
    if not final and prepared.validation.total:
        # Stopped in its first epoch; whoever tunes wants to know the objective all the same (T28).
        end = time.monotonic() + _LATE_FIGURES_SECONDS
        figures = _measured(learned.network, prepared.validation, device,
                            lambda: time.monotonic() > end, group)
        final |= {f"validation:{name}": value for name, value in figures.items()}
        if figures:
            final["validation:best_accuracy"] = figures["accuracy"]
    if prepared.test is not None and not stopped:
        figures = _measured(learned.network, prepared.test, device, lambda: bool(job.stop), group)
        final |= {f"test:{name}": value for name, value in figures.items()}
    if not group.leads:
        return
    if final:
        _report(final)
    history = [*learned.state.earlier, *learned.state.history]
    about: dict[str, Any] = {"history": history, "final": final}
    if group.place.size > 1:
        about["exchange"] = {"processes": group.place.size, "steps": group.sums,
                             "bytes_per_step": group.bytes // max(1, group.sums)}
        log.info("%d processes exchanged gradients %d times, %d bytes each time",
                 *about["exchange"].values())
    report = job.output_directory / "metrics.json"
    try:
        job.output_directory.mkdir(parents=True, exist_ok=True)
        write_atomic(report, (json.dumps(about, indent=2) + "\n").encode())
    except OSError as problem:  # a model that is saved is not to be lost for it
        log.warning("%s cannot be written (%s); its figures are in this log", report,
                    problem.strerror)


def _measured(network: Network, reviews: Data, device: Device, should_stop: Callable[[], bool],
              group: Group) -> dict[str, float]:
    """`loss` and `accuracy`; nothing if `should_stop` said so before the end."""
    read = replace(reviews, sequences=[np.asarray(network.prepare(ids), np.int32)
                                       for ids in reviews.sequences])
    network.to(device.device)
    return training.evaluate(network, read, device, should_stop, group) or {}
