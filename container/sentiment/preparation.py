"""From channels to reviews as word ids: read, resolve the hyperparameters, set aside, encode."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from contract.algorithm import TrainingJob
from contract.errors import UserError
from contract.hyperparameters import Value
from contract.jobconfig import Channel, require_channel
from sentiment.dataset import Reviews, read_reviews, read_texts
from sentiment.hyperparameters import complete
from sentiment.network import Ids
from sentiment.pipelines import PIPELINES
from sentiment.text import MAX_WORDS, TextPipeline
from sentiment.training import Data

log = logging.getLogger(__name__)

_UNLABELLED = ("unlabelled", "unlabeled")
_FEWEST_RUNS = 100
"""Runs of reviews that there must be to choose among, of each class."""


@dataclass(frozen=True)
class Prepared:
    """Encoded reviews for learning and for choosing, and what they were made from."""

    hyperparameters: Mapping[str, Value]
    """All of them: those that were not given too."""
    pipeline: TextPipeline
    train: Data
    validation: Data
    test: Data | None
    """Read before training, so that what is wrong with it is said before hours are spent."""
    unlabelled: Sequence[Ids]
    set_aside: bool
    """Whether `validation` is a part of the training channel."""
    facts: dict[str, Any]


def prepare(job: TrainingJob) -> Prepared:
    """Read the channels, choose the vocabulary, and set reviews aside for validation."""
    channel = require_channel(dict(job.channels), ("train", "training"))
    given = job.hyperparameters
    semi = given["architecture"] in ("auto", "ngrams") and given["text"] in ("auto", "tokens")
    reviews = _read(job, channel, unlabelled=semi)
    hyper = complete(given, encoded=reviews.vocabulary is not None)
    others = []
    if semi and hyper["architecture"] == "ngrams":
        others = [*reviews.unlabelled, *_read_unlabelled(job)]
    held_out, unseen = _read_optional(job, "validation"), _read_optional(job, "test")
    fraction = 0.0 if held_out else float(hyper["validation_fraction"] or 0)
    chosen = _validation_rows(reviews, fraction, int(hyper["seed"] or 0),
                              int(hyper["validation_run"] or 1))
    check = job.stop.raise_if_set
    pipeline = _pipeline(hyper, reviews, chosen, others, check)
    data = encode(reviews, pipeline, channel.name, check)
    validation = (encode(held_out, pipeline, "validation", check) if held_out
                  else _rows(data, chosen))
    test = encode(unseen, pipeline, "test", check) if unseen else None
    train = _rows(data, ~chosen)
    log.info("%d reviews to learn from, %d to choose by, %d words known", len(train),
             len(validation), len(pipeline.vocabulary))
    facts = {"fingerprint": reviews.fingerprint(), "reviews": len(reviews), **reviews.counts,
             "validation_reviews": len(validation)}
    if held_out:
        facts["validation_fingerprint"] = held_out.fingerprint()
    if others:
        facts["unlabelled_reviews"] = len(others)
        facts["unlabelled_fingerprint"] = Reviews(labels=[0] * len(others),
                                                  texts=others).fingerprint()
    return Prepared(hyper, pipeline, train, validation, test,
                    list(_encoded(others, pipeline, check)), bool(chosen.any()), facts)


def _read(job: TrainingJob, channel: Channel, unlabelled: bool = False) -> Reviews:
    log.info("reading channel %s", channel.name)
    reviews = read_reviews(channel, max_bad_rows=int(job.hyperparameters["max_bad_rows"] or 0),
                           unlabelled=unlabelled, check=job.stop.raise_if_set)
    log.info("channel %s: %d positive and %d negative reviews", channel.name,
             reviews.counts["positive"], reviews.counts["negative"])
    if reviews.unlabelled:
        log.info("channel %s: %d reviews without a label", channel.name, len(reviews.unlabelled))
    return reviews


def _read_optional(job: TrainingJob, name: str) -> Reviews | None:
    channel = _optional(job, name)
    return _read(job, channel) if channel else None


def _optional(job: TrainingJob, name: str) -> Channel | None:
    channel = job.channels.get(name)
    if channel is not None and channel.is_empty:
        log.warning("channel %s is empty; the job goes on as if it were not given", name)
        return None
    return channel


def _read_unlabelled(job: TrainingJob) -> list[str]:
    found: list[str] = []
    for channel in filter(None, (_optional(job, name) for name in _UNLABELLED)):
        log.info("reading channel %s", channel.name)
        texts = read_texts(channel, max_bad_rows=int(job.hyperparameters["max_bad_rows"] or 0),
                           check=job.stop.raise_if_set)
        log.info("channel %s: %d reviews without a label", channel.name, len(texts))
        found += texts
    return found


def _validation_rows(reviews: Reviews, fraction: float, seed: int,
                     run: int) -> np.ndarray[Any, Any]:
    """A mask of the reviews set aside: the same share of both classes, drawn with the seed.

    Drawn are runs of `run` neighbours, shorter ones where there are few reviews.
    """
    mask = np.zeros(len(reviews), dtype=bool)
    random = np.random.default_rng(seed)
    labels = np.array(reviews.labels)
    for label in (0, 1):
        rows = np.flatnonzero(labels == label)
        length = max(1, min(run, len(rows) // _FEWEST_RUNS))
        runs = [rows[start:start + length] for start in range(0, len(rows), length)]
        drawn = np.concatenate([runs[at] for at in random.permutation(len(runs))])
        # At least one of each class stays on either side, if there are two.
        count = min(max(round(len(rows) * fraction), 1), len(rows) - 1) if fraction else 0
        mask[drawn[:count]] = True
    return mask


def _pipeline(hyper: Mapping[str, Value], reviews: Reviews, held_out: np.ndarray[Any, Any],
              others: Sequence[str], check: Callable[[], None]) -> TextPipeline:
    """Fit on the reviews to learn from, never on those held out; encoded rows bring their own."""
    kind = PIPELINES[str(hyper["text"])]
    if reviews.vocabulary is not None:
        return kind(reviews.vocabulary)

    def texts() -> Iterator[str]:
        for text, out in zip(reviews.texts, held_out, strict=True):
            check()
            if not out:
                yield text
        for text in others:
            check()
            yield text

    return kind.fit(texts(), int(hyper["vocab_size"] or 0))


def encode(reviews: Reviews, pipeline: TextPipeline, channel: str,
           check: Callable[[], None] = lambda: None) -> Data:
    """Ids and labels as arrays.

    Raises:
        UserError: the reviews are rows of ids that stand for other words than the pipeline's.
    """
    if reviews.vocabulary is not None and reviews.vocabulary != pipeline.vocabulary:
        raise UserError(f"channel {channel!r}: its word_dict is not the training channel's, "
                        "so its ids mean other words; encode both with one word_dict")
    sequences = [ids[:MAX_WORDS] for ids in reviews.encoded] or list(
        _encoded(reviews.texts, pipeline, check))
    return Data(sequences, np.array(reviews.labels, dtype=np.float32))


def _encoded(texts: Sequence[str], pipeline: TextPipeline,
             check: Callable[[], None]) -> Iterator[Ids]:
    for text in texts:
        check()
        yield np.array(pipeline.encode(text), dtype=np.int32)


def _rows(data: Data, mask: np.ndarray[Any, Any]) -> Data:
    return Data([data.sequences[row] for row in np.flatnonzero(mask).tolist()], data.labels[mask])
