"""A training job in order: read, split, encode, learn, save, and the test reviews last of all."""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch

from contract.algorithm import TrainingJob
from contract.checkpoints import CheckpointStore
from contract.metrics import metric_line
from sentiment import training
from sentiment.artifact import save_model
from sentiment.device import Device, choose_device
from sentiment.preparation import Prepared, prepare
from sentiment.rounds import Learned, Reviews, Run, learn_lstm
from sentiment.selftraining import learn_ngrams
from sentiment.training import Data

log = logging.getLogger(__name__)

_LEARN = {"lstm": learn_lstm, "ngrams": learn_ngrams}

# A run may be resumed with other values of these; all others change what is being learned.
_FREE_TO_CHANGE = {"epochs", "patience", "checkpoint_seconds", "device", "max_bad_rows"}


def run(job: TrainingJob) -> None:
    """Train and save a model as the job says."""
    prepared = prepare(job)
    job.stop.raise_if_set()
    with choose_device(str(job.hyperparameters["device"]), job.processors) as device:
        try:
            _train(job, prepared, device)
        except RuntimeError as error:
            if isinstance(error, torch.OutOfMemoryError) or "allocate memory" in str(error):
                raise MemoryError from error
            raise


def _train(job: TrainingJob, prepared: Prepared, device: Device) -> None:
    """Begin or go on, learn, save, and say how good it is."""
    hyper = prepared.hyperparameters
    settings = _settings(hyper)
    training.seed_everything(settings.seed)
    reviews = Reviews(prepared.train, prepared.validation, prepared.unlabelled,
                      prepared.set_aside,
                      max(prepared.pipeline.vocabulary.values(), default=1) + 1)
    learned = _LEARN[str(hyper["architecture"])](reviews, Run(
        settings, device, _store(job, prepared, settings), should_stop=lambda: bool(job.stop),
        check=job.stop.raise_if_set, report=_report), hyper)
    _save(job, prepared, learned)
    _finish(job, prepared, learned, device)


def _settings(hyper: Mapping[str, Any]) -> training.Settings:
    names = ("epochs", "batch_size", "learning_rate", "weight_decay", "gradient_clip", "patience",
             "seed", "checkpoint_seconds")
    return training.Settings(decay=hyper["architecture"] == "ngrams",
                             **{name: hyper[name] for name in names})


def _store(job: TrainingJob, prepared: Prepared,
           settings: training.Settings) -> CheckpointStore | None:
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


def _save(job: TrainingJob, prepared: Prepared, learned: Learned) -> None:
    state = learned.state
    save_model(job.model_directory, learned.network, learned.network.state_dict(),
               prepared.pipeline, {
        "training": {**learned.facts, "stopped": bool(job.stop), "seconds": round(state.seconds, 1),
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


def _finish(job: TrainingJob, prepared: Prepared, learned: Learned, device: Device) -> None:
    """Print the metrics of the model that was saved, so that the last value of each is its own."""
    final = dict(learned.metrics)
    if prepared.test is not None and not job.stop:
        network = learned.network
        unseen = Data([np.asarray(network.prepare(ids), np.int32)
                       for ids in prepared.test.sequences], prepared.test.labels)
        network.to(device.device)
        figures = training.evaluate(network, unseen, device, lambda: bool(job.stop))
        final |= {f"test:{name}": value for name, value in (figures or {}).items()}
    if final:
        _report(final)
    job.output_directory.mkdir(parents=True, exist_ok=True)
    history = [*learned.state.earlier, *learned.state.history]
    (job.output_directory / "metrics.json").write_text(json.dumps(
        {"history": history, "final": final}, indent=2) + "\n")
