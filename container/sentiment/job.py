"""A training job in order: read, split, encode, train, save, and the test reviews last of all."""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from contract.algorithm import TrainingJob
from contract.checkpoints import CheckpointStore
from contract.errors import UserError
from contract.hyperparameters import Value
from contract.jobconfig import Channel, require_channel
from contract.metrics import metric_line
from sentiment import model, snapshot, training
from sentiment.artifact import save_model
from sentiment.dataset import Reviews, read_reviews
from sentiment.device import Device, choose_device
from sentiment.text import MAX_WORDS, PIPELINES, TextPipeline
from sentiment.training import Data, State

log = logging.getLogger(__name__)

# A run may be resumed with other values of these; all others change what is being learned.
_FREE_TO_CHANGE = {"epochs", "patience", "checkpoint_seconds", "device", "max_bad_rows"}


@dataclass(frozen=True)
class Split:
    """Encoded reviews for learning and for choosing, and what they were made from."""

    pipeline: TextPipeline
    train: Data
    validation: Data
    test: Data | None
    """Read before training, so that what is wrong with it is said before hours are spent."""
    facts: dict[str, Any]


def run(job: TrainingJob) -> None:
    """Train and save a model as the job says."""
    hyper = job.hyperparameters
    train_channel = require_channel(dict(job.channels), ("train", "training"))
    split = _prepare(job, train_channel)
    job.stop.raise_if_set()

    with choose_device(str(hyper["device"]), job.processors) as device:
        try:
            _train(job, split, device)
        except RuntimeError as error:
            if isinstance(error, torch.OutOfMemoryError) or "allocate memory" in str(error):
                raise MemoryError from error
            raise


def _train(job: TrainingJob, split: Split, device: Device) -> None:
    """Begin or go on, train, save, and say how good it is."""
    hyper = job.hyperparameters
    settings = _settings(hyper)
    training.seed_everything(settings.seed)
    network = model.build(str(hyper["architecture"]), {
        "vocabulary_size": max(split.pipeline.vocabulary.values(), default=1) + 1,
        "embedding_dim": hyper["embedding_dim"], "hidden_dim": hyper["hidden_dim"]})
    network.to(device.device)
    optimizer = training.adam(network, settings)

    store = _store(job, split)
    state = _resume(store, network, optimizer) if store else State()

    def checkpoint() -> None:
        if store:
            store.save(snapshot.pack(network, optimizer, state))

    training.train(network, optimizer, state, split.train, split.validation, settings, device,
                   should_stop=lambda: bool(job.stop), checkpoint=checkpoint, report=_report)
    _save(job, split, network, state)
    _finish(job, split, network, state, device)


def _prepare(job: TrainingJob, channel: Channel) -> Split:
    """Read the channels, choose the vocabulary, and set reviews aside for validation."""
    hyper = job.hyperparameters
    reviews = _read(job, channel)
    held_out, unseen = _read_optional(job, "validation"), _read_optional(job, "test")
    fraction = 0.0 if held_out else float(hyper["validation_fraction"] or 0)
    chosen = _validation_rows(reviews, fraction, int(hyper["seed"] or 0))
    pipeline = _pipeline(hyper, reviews, chosen)
    data = encode(reviews, pipeline, channel.name)
    validation = encode(held_out, pipeline, "validation") if held_out else _rows(data, chosen)
    test = encode(unseen, pipeline, "test") if unseen else None
    train = _rows(data, ~chosen)
    log.info("%d reviews to learn from, %d to choose by, %d words known", len(train),
             len(validation), len(pipeline.vocabulary))
    facts = {"fingerprint": reviews.fingerprint(), "reviews": len(reviews), **reviews.counts,
             "validation_reviews": len(validation)}
    if held_out:
        facts["validation_fingerprint"] = held_out.fingerprint()
    return Split(pipeline, train, validation, test, facts)


def _read(job: TrainingJob, channel: Channel) -> Reviews:
    log.info("reading channel %s", channel.name)
    reviews = read_reviews(channel, max_bad_rows=int(job.hyperparameters["max_bad_rows"] or 0),
                           check=job.stop.raise_if_set)
    log.info("channel %s: %d positive and %d negative reviews", channel.name,
             reviews.counts["positive"], reviews.counts["negative"])
    return reviews


def _read_optional(job: TrainingJob, name: str) -> Reviews | None:
    channel = job.channels.get(name)
    if channel is None:
        return None
    if channel.is_empty:
        log.warning("channel %s is empty; the job goes on as if it were not given", name)
        return None
    return _read(job, channel)


def _validation_rows(reviews: Reviews, fraction: float, seed: int) -> np.ndarray[Any, Any]:
    """A mask of the reviews set aside: the same share of both classes, drawn with the seed."""
    mask = np.zeros(len(reviews), dtype=bool)
    random = np.random.default_rng(seed)
    labels = np.array(reviews.labels)
    for label in (0, 1):
        rows = np.flatnonzero(labels == label)
        # At least one of each class stays on either side, if there are two.
        count = min(max(round(len(rows) * fraction), 1), len(rows) - 1) if fraction else 0
        mask[random.permutation(rows)[:count]] = True
    return mask


def _pipeline(hyper: Mapping[str, Value], reviews: Reviews,
              held_out: np.ndarray[Any, Any]) -> TextPipeline:
    """Fit on the reviews to learn from, never on those held out; encoded rows bring their own."""
    kind = PIPELINES[str(hyper["text"])]
    if reviews.vocabulary is not None:
        return kind(reviews.vocabulary)
    texts = (text for text, out in zip(reviews.texts, held_out, strict=True) if not out)
    return kind.fit(texts, int(hyper["vocab_size"] or 0))


def encode(reviews: Reviews, pipeline: TextPipeline, channel: str) -> Data:
    """Ids and labels as arrays.

    Raises:
        UserError: the reviews are rows of ids that stand for other words than the pipeline's.
    """
    if reviews.vocabulary is not None and reviews.vocabulary != pipeline.vocabulary:
        raise UserError(f"channel {channel!r}: its word_dict is not the training channel's, "
                        "so its ids mean other words; encode both with one word_dict")
    sequences = [ids[:MAX_WORDS] for ids in reviews.encoded] or [
        np.array(pipeline.encode(text), dtype=np.int32) for text in reviews.texts]
    return Data(sequences, np.array(reviews.labels, dtype=np.float32))


def _rows(data: Data, mask: np.ndarray[Any, Any]) -> Data:
    return Data([data.sequences[row] for row in np.flatnonzero(mask).tolist()], data.labels[mask])


def _settings(hyper: Mapping[str, Any]) -> training.Settings:
    names = ("epochs", "batch_size", "learning_rate", "gradient_clip", "patience", "seed",
             "checkpoint_seconds")
    return training.Settings(**{name: hyper[name] for name in names})


def _store(job: TrainingJob, split: Split) -> CheckpointStore | None:
    if job.checkpoint_directory is None:
        log.info("no checkpoints: the job has no checkpoint directory")
        return None
    fixed = {name: value for name, value in job.hyperparameters.items()
             if name not in _FREE_TO_CHANGE}
    run = hashlib.sha256(json.dumps([fixed, split.facts], sort_keys=True).encode()).hexdigest()
    store = CheckpointStore(job.checkpoint_directory, run)
    if foreign := store.foreign():
        log.warning("%d checkpoints of other data or hyperparameters are left alone, like %s",
                    len(foreign), foreign[0].name)
    return store


def _resume(store: CheckpointStore, network: model.LSTMClassifier,
            optimizer: torch.optim.Optimizer) -> State:
    """Take up the newest checkpoint that is whole, or begin."""
    for path in store.damaged():
        log.warning("checkpoint %s is damaged and passed over", path.name)
    for path, content in store.load():
        try:
            state = snapshot.restore(content, network, optimizer)
        except ValueError as error:
            log.warning("checkpoint %s is passed over: %s", path.name, error)
            continue
        log.info("resumed from %s: %d epochs and %d reviews are done", path.name, state.epoch,
                 state.rows)
        return state
    return State()


def _report(metrics: Mapping[str, float]) -> None:
    print(metric_line(metrics), flush=True)


def _save(job: TrainingJob, split: Split, network: model.LSTMClassifier, state: State) -> None:
    figures = state.history[state.best_epoch - 1] if state.best else {}
    save_model(job.model_directory, network, state.best or network.state_dict(), split.pipeline, {
        "training": {"best_epoch": state.best_epoch, "epochs": state.epoch,
                     "stopped": bool(job.stop), "seconds": round(state.seconds, 1),
                     "metrics": figures, "hyperparameters": dict(job.hyperparameters)},
        "data": split.facts,
    })
    if state.best:
        log.info("saved the model of epoch %d of %d in %s", state.best_epoch, state.epoch,
                 job.model_directory)
    else:
        log.info("saved the model as it was after %d reviews, before the first epoch was complete, "
                 "in %s", state.rows, job.model_directory)


def _finish(job: TrainingJob, split: Split, network: model.LSTMClassifier, state: State,
            device: Device) -> None:
    """Print the metrics of the model that was saved, so that the last value of each is its own."""
    final = dict(state.history[state.best_epoch - 1]) if state.best else {}
    if split.test is not None and not job.stop:
        if state.best:
            network.load_state_dict(state.best)
        figures = training.evaluate(network, split.test, device, lambda: bool(job.stop))
        final |= {f"test:{name}": value for name, value in (figures or {}).items()}
    if final:
        _report(final)
    job.output_directory.mkdir(parents=True, exist_ok=True)
    (job.output_directory / "metrics.json").write_text(json.dumps(
        {"history": state.history, "final": final}, indent=2) + "\n")
