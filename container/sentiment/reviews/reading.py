"""A job's channels as reviews: files when they are asked for, pipes all at once from the start.

The platform may fill pipes in any order and waits where one is not read (T17), so each has a thread
of its own that lays its texts aside.
"""

from __future__ import annotations

import logging
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor
from pathlib import Path
from threading import Event
from types import TracebackType
from typing import Self

from contract.algorithm import TrainingJob
from contract.inputs.jobconfig import Channel
from contract.inputs.pipes import open_pipe
from sentiment.reviews.dataset import Reviews, read_reviews, read_texts
from sentiment.reviews.spool import Texts

log = logging.getLogger(__name__)

_LABELLED = ("train", "training", "validation", "test")
UNLABELLED_CHANNELS = ("unlabelled", "unlabeled")
_OTHERS = ("model",)
"""Read elsewhere."""

_PIECE = 1 << 20


class Reading:
    """A context in which the channels of a job are read, each once.

    Methods raise what `sentiment.reviews.dataset` raises, and Stopped.
    """

    def __init__(self, job: TrainingJob, unlabelled: bool) -> None:
        """`unlabelled`: whether reviews without a label count, in channels or beside others."""
        self._job, self._unlabelled = job, unlabelled
        self._max_bad_rows = int(job.hyperparameters["max_bad_rows"] or 0)
        self._left = Event()
        self._reviews: dict[str, Future[Reviews]] = {}
        self._texts: dict[str, Future[Texts]] = {}

    def __enter__(self) -> Self:
        pipes = {name: channel for name, channel in self._job.channels.items() if channel.pipe}
        self._pool = ThreadPoolExecutor(max(1, len(pipes)), "pipe")
        for name, channel in pipes.items():
            if name in _LABELLED:
                self._reviews[name] = self._pool.submit(self._read_reviews, channel)
            elif name in UNLABELLED_CHANNELS and self._unlabelled:
                self._texts[name] = self._pool.submit(self._read_texts, channel)
            elif channel.pipe:
                self._pool.submit(self._empty, channel.pipe)
        for name in sorted({*self._job.channels} - {*_LABELLED, *UNLABELLED_CHANNELS, *_OTHERS}):
            log.warning("channel %s is not used; those that are have the names %s", name,
                        ", ".join((*_LABELLED, UNLABELLED_CHANNELS[0], *_OTHERS)))
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 trace: TracebackType | None) -> None:
        self._left.set()
        self._pool.shutdown()

    def reviews(self, channel: Channel) -> Reviews:
        """All labelled reviews of a channel, perhaps none."""
        begun = self._reviews.get(channel.name)
        return begun.result() if begun else self._read_reviews(channel)

    def optional(self, name: str) -> Reviews | None:
        """The same of a channel that need not be there; None if there is nothing in it."""
        channel = self._job.channels.get(name)
        if channel is None:
            return None
        if channel.is_empty or not len(reviews := self.reviews(channel)):
            log.warning("channel %s is empty; the job goes on as if it were not given", name)
            return None
        return reviews

    def texts(self) -> Texts:
        """The reviews of all channels without labels."""
        found = Texts()
        for name in UNLABELLED_CHANNELS:
            channel = self._job.channels.get(name)
            if channel is None:
                continue
            begun = self._texts.get(name)
            texts = begun.result() if begun else self._read_texts(channel)
            if not texts:
                log.warning("channel %s is empty; the job goes on as if it were not given", name)
            found.extend(texts)
        return found

    def _read_reviews(self, channel: Channel) -> Reviews:
        log.info("reading channel %s", channel.name)
        reviews = read_reviews(channel, max_bad_rows=self._max_bad_rows, whole=False,
                               unlabelled=self._unlabelled and channel.name in _LABELLED[:2],
                               check=self._check)
        log.info("channel %s: %d positive and %d negative reviews", channel.name,
                 reviews.counts["positive"], reviews.counts["negative"])
        if reviews.unlabelled:
            log.info("channel %s: %d reviews without a label", channel.name,
                     len(reviews.unlabelled))
        return reviews

    def _read_texts(self, channel: Channel) -> Texts:
        log.info("reading channel %s", channel.name)
        texts = read_texts(channel, max_bad_rows=self._max_bad_rows, check=self._check)
        log.info("channel %s: %d reviews without a label", channel.name, len(texts))
        return texts

    def _empty(self, pipe: Path) -> None:
        """Read what nobody wants, or the platform might wait for it and fill no other pipe."""
        with open_pipe(pipe, self._check) as stream:
            while stream.read(_PIECE):
                pass

    def _check(self) -> None:
        """Raises Stopped, or CancelledError: nobody waits for what is read."""
        self._job.stop.raise_if_set()
        if self._left.is_set():
            raise CancelledError
