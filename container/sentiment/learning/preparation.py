"""From channels to reviews as word ids: read, resolve the hyperparameters, set aside, encode."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import reduce
from typing import Any

import numpy as np
import numpy.typing as npt

from contract.algorithm import TrainingJob
from contract.errors import UserError
from contract.inputs.hyperparameters import Value
from contract.inputs.jobconfig import Channel, require_channel
from sentiment.artifacts.artifact import Model
from sentiment.hyperparameters import complete
from sentiment.labels import NAMES
from sentiment.learning.data import NO_DATA, Data
from sentiment.learning.distributed import ALONE, Group
from sentiment.learning.gathering import Spread, agree, joint_fingerprint, shared, spread_out
from sentiment.learning.incremental import earlier_model, fingerprint, settled
from sentiment.reviews.dataset import Reviews, require_both_classes
from sentiment.reviews.ragged import Ragged
from sentiment.reviews.reading import UNLABELLED_CHANNELS, Reading
from sentiment.text.base import MAX_WORDS, TextPipeline
from sentiment.text.pipelines import PIPELINES

log = logging.getLogger(__name__)

_TRAINING = ("train", "training")
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
    unlabelled: Data
    set_aside: bool
    """Whether `validation` is a part of the training channel."""
    facts: dict[str, Any]
    earlier: Model | None
    """What an earlier job has learned, if this one is to go on with it."""


def prepare(job: TrainingJob, group: Group = ALONE) -> Prepared:
    """Read the channels, choose the vocabulary, and set reviews aside for validation.

    Every process of `group` calls this; what is chosen is chosen by the reviews of all.
    """
    check = job.stop.raise_if_set
    earlier = earlier_model(job)
    agree(group, fingerprint(earlier) if earlier else "", "channel 'model'")
    read = _read(job, earlier, group)
    hyper, train = read.hyperparameters, read.train
    fraction = 0.0 if read.validation else float(hyper["validation_fraction"] or 0)
    chosen = _validation_rows(train.labels, fraction, int(hyper["seed"] or 0),
                              int(hyper["validation_run"] or 1))
    here = chosen[train.spread.held.numbers]
    pipeline = earlier.pipeline if earlier else _pipeline(hyper, read, here, check)
    ids, labels = encode(train.reviews, pipeline, train.name, check)
    learned = Data(ids[~here], labels[~here], train.spread.chosen(~chosen))
    validation = (read.validation.encoded(pipeline, check) if read.validation
                  else Data(ids[here], labels[here], train.spread.chosen(chosen)))
    test = read.test.encoded(pipeline, check) if read.test else None
    log.info("%d reviews to learn from, %d to choose by, %d words known", learned.total,
             validation.total, len(pipeline.vocabulary))
    return Prepared(hyper, pipeline, learned, validation, test,
                    _unlabelled(read, pipeline, check), bool(chosen.any()),
                    _facts(read, validation.total, earlier), earlier)


@dataclass(frozen=True)
class _Labelled:
    """The labelled reviews of a channel: those of this process, and what all have together."""

    name: str
    reviews: Reviews
    spread: Spread
    labels: npt.NDArray[np.int64]
    """Of all reviews, shape (total,)."""

    @property
    def counts(self) -> dict[str, int]:
        """All reviews of each class."""
        return {name: int((self.labels == label).sum()) for label, name in enumerate(NAMES)}

    def encoded(self, pipeline: TextPipeline, check: Callable[[], None]) -> Data:
        return Data(*encode(self.reviews, pipeline, self.name, check), self.spread.for_data)


@dataclass(frozen=True)
class _Read:
    """What the channels hold, and all hyperparameters, some of which depend on that."""

    hyperparameters: Mapping[str, Value]
    train: _Labelled
    validation: _Labelled | None
    test: _Labelled | None
    unlabelled: Sequence[tuple[Sequence[str], Spread]]
    """Those beside the labelled ones, and those of channels of their own."""


def _read(job: TrainingJob, earlier: Model | None, group: Group) -> _Read:
    given = settled(job.hyperparameters, earlier) if earlier else job.hyperparameters
    semi = given["architecture"] in ("auto", "ngrams") and given["text"] in ("auto", "tokens")
    if job.place.local_rank:  # a pipe has one reader: the first process of the host
        job = replace(job, channels={name: channel for name, channel in job.channels.items()
                                     if not channel.pipe})
    channel = _training_channel(job, group)
    with Reading(job, unlabelled=semi) as reading:
        reviews = reading.reviews(channel) if channel else Reviews()
        reviews.vocabulary = shared(group, reviews.vocabulary, "the training channel's word_dict")
        train = _labelled(job, group, channel.name if channel else _TRAINING[0], reviews)
        hyper = complete(given, encoded=reviews.vocabulary is not None)
        unlabelled = []
        if semi and hyper["architecture"] == "ngrams":
            unlabelled = [_without_labels(job, group, [train.name], reviews.unlabelled),
                          _without_labels(job, group, UNLABELLED_CHANNELS, reading.texts())]
        validation, test = (_optional(job, group, name, reading.optional(name))
                            for name in ("validation", "test"))
    return _Read(hyper, train, validation, test, unlabelled)


def _training_channel(job: TrainingJob, group: Group) -> Channel | None:
    """None: another process has one, and this one has none, which is legal (D5, D7).

    Raises:
        UserError: no process has any, or this one has two.
    """
    channels = dict(job.channels)
    full = any(name in channels and not channels[name].is_empty for name in _TRAINING)
    somewhere = group.any(full)
    return require_channel(channels, _TRAINING) if full or not somewhere else None


def _labelled(job: TrainingJob, group: Group, name: str, reviews: Reviews) -> _Labelled:
    """Raises UserError: of all reviews of the channel none has one of the two labels."""
    if reviews.vocabulary is not None and reviews.texts:
        raise UserError(f"channel {name!r} mixes texts and encoded rows; give one kind")
    spread = spread_out(group, name, len(reviews), _sharded(job, [name]), reviews.fingerprint())
    found = _Labelled(name, reviews, spread, spread.everywhere(reviews.labels))
    require_both_classes(name, found.counts)
    return found


def _optional(job: TrainingJob, group: Group, name: str,
              reviews: Reviews | None) -> _Labelled | None:
    """A channel that need not be there; None if no process has it."""
    if not group.any(reviews is not None):
        return None
    return _labelled(job, group, name, reviews or Reviews())


def _without_labels(job: TrainingJob, group: Group, channels: Sequence[str],
                    texts: Sequence[str]) -> tuple[Sequence[str], Spread]:
    fingerprint = Reviews([0] * len(texts), texts).fingerprint()
    return texts, spread_out(group, channels[0], len(texts), _sharded(job, channels), fingerprint)


def _sharded(job: TrainingJob, names: Sequence[str]) -> bool:
    return any(job.channels[name].sharded for name in names if name in job.channels)


def _facts(read: _Read, validation_reviews: int, earlier: Model | None) -> dict[str, Any]:
    train = read.train
    facts = {"fingerprint": train.spread.fingerprint, "reviews": train.spread.total,
             **train.counts, "validation_reviews": validation_reviews}
    if read.validation:
        facts["validation_fingerprint"] = read.validation.spread.fingerprint
    if spreads := [spread for _, spread in read.unlabelled if spread.total]:
        facts["unlabelled_reviews"] = sum(spread.total for spread in spreads)
        facts["unlabelled_fingerprint"] = joint_fingerprint(
            [spread.fingerprint for spread in spreads])
    if earlier:
        facts["earlier_model"] = fingerprint(earlier)
    return facts


def _validation_rows(labels: Sequence[int] | npt.NDArray[np.int64], fraction: float, seed: int,
                     run: int) -> npt.NDArray[np.bool_]:
    """A mask of the reviews set aside: the same share of both classes, drawn with the seed.

    Drawn are runs of `run` neighbours, shorter ones where there are few reviews.
    """
    mask = np.zeros(len(labels), dtype=bool)
    random = np.random.default_rng(seed)
    labels = np.array(labels)
    for label in (0, 1):
        rows = np.flatnonzero(labels == label)
        length = max(1, min(run, len(rows) // _FEWEST_RUNS))
        runs = [rows[start:start + length] for start in range(0, len(rows), length)]
        drawn = np.concatenate([runs[at] for at in random.permutation(len(runs))])
        # At least one of each class stays on either side, if there are two.
        count = min(max(round(len(rows) * fraction), 1), len(rows) - 1) if fraction else 0
        mask[drawn[:count]] = True
    return mask


def _pipeline(hyper: Mapping[str, Value], read: _Read, held_out: npt.NDArray[np.bool_],
              check: Callable[[], None]) -> TextPipeline:
    """Fit on the reviews to learn from, never on those held out; encoded rows bring their own."""
    kind = PIPELINES[str(hyper["text"])]
    reviews = read.train.reviews
    if reviews.vocabulary is not None:
        return kind(reviews.vocabulary)
    learned = (text for text, out in zip(reviews.texts, held_out, strict=True) if not out)
    words: Counter[str] = Counter()
    for texts, spread in [(learned, read.train.spread), *read.unlabelled]:
        words.update(spread.words(lambda texts: kind.count(_checked(texts, check)), texts))
    return kind.chosen(words, int(hyper["vocab_size"] or 0))


def encode(reviews: Reviews, pipeline: TextPipeline, channel: str,
           check: Callable[[], None] = lambda: None) -> tuple[Ragged, npt.NDArray[np.float32]]:
    """Ids and labels as arrays.

    Raises:
        UserError: the reviews are rows of ids that stand for other words than the pipeline's.
    """
    if reviews.vocabulary is not None and reviews.vocabulary != pipeline.vocabulary:
        raise UserError(f"channel {channel!r}: its word_dict is not that of the model, so its ids "
                        "mean other words; encode all channels with one word_dict, that of the "
                        "earlier model if there is one")
    ids = (Ragged.of(row[:MAX_WORDS] for row in reviews.encoded) if reviews.encoded
           else _encoded(reviews.texts, pipeline, check))
    return ids, np.array(reviews.labels, dtype=np.float32)


def _unlabelled(read: _Read, pipeline: TextPipeline, check: Callable[[], None]) -> Data:
    parts = [Data(ids := _encoded(texts, pipeline, check), np.full(len(ids), 0.5, np.float32),
                  spread.for_data) for texts, spread in read.unlabelled if spread.total]
    return reduce(Data.then, parts, NO_DATA)


def _encoded(texts: Iterable[str], pipeline: TextPipeline, check: Callable[[], None]) -> Ragged:
    return Ragged.of(pipeline.encode(text) for text in _checked(texts, check))


def _checked(texts: Iterable[str], check: Callable[[], None]) -> Iterator[str]:
    for text in texts:
        check()
        yield text
