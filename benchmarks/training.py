"""Learning: the published loop, every review padded to 500, against ours, on the same batches.

Both start from the same weights and take the same reviews in the same order, with the same
optimiser, so their losses must be equal up to rounding. Each is a process of its own, because what
one frees would be there for the other to take; they take turns on one core, with one thread each.
"""

from __future__ import annotations

import argparse
import multiprocessing
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from multiprocessing.connection import Connection
from pathlib import Path

sys.path.extend(str(Path(__file__).resolve().parents[1] / place)
                for place in (".", "container", "tests"))

import numpy as np
import numpy.typing as npt
import torch

import published
from benchmarks import measure
from benchmarks.reviews import Review, add_archive_option, read_reviews
from sentiment.learning import training
from sentiment.learning.data import Data
from sentiment.learning.device import Device
from sentiment.models.architectures import LSTMClassifier, LSTMSettings
from sentiment.models.recurrence import cut
from sentiment.text.classic import Classic

EMBEDDING, HIDDEN, VOCABULARY, BATCH = 32, 200, 5000, 512
# The published loop bounds no gradient, so ours does not either.
SETTINGS = training.Settings(epochs=1, batch_size=BATCH, learning_rate=0.001, gradient_clip=0,
                             patience=0, seed=1, checkpoint_seconds=60)
CPU = Device(torch.device("cpu"), torch.float32)
PUBLISHED, OURS = "published loop", "ours"
LARGEST_DIFFERENCE = 1e-3
"""Rounding grows from step to step; in the first steps it stays far below this."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print; returns 1 if the losses differ."""
    options = _options(arguments)
    about = measure.machine()
    measure.pin(measure.cores()[-1])
    torch.set_num_threads(1)
    reviews = read_reviews(options.archive, "train")
    if not options.epoch:
        reviews = reviews[:options.rounds * options.batches * BATCH]
    data = _encode(reviews)
    per_round = len(data) if options.epoch else options.batches * BATCH
    rounds = 1 if options.epoch else options.rounds
    with _apart(lambda: _Old(_start().train(), data)) as old, \
            _apart(lambda: _New(_ours().train(), data)) as new:
        results = measure.alternate(rounds, {
            PUBLISHED: lambda at: old.learn(at * per_round, per_round),
            OURS: lambda at: new.learn(at * per_round, per_round),
        })
        old.finish()
        new.finish()
    print(about)
    print(_table(results, data))
    loss, weight = _largest_differences(old, new)
    print(f"\n{len(old.losses)} steps of {BATCH} reviews from the same start: the losses differ by "
          f"at most {loss:.1e}, the weights at the end by at most {weight:.1e}; mean loss "
          f"{np.mean(old.losses):.6f} and {np.mean(new.losses):.6f}, last "
          f"{old.losses[-1]:.6f} and {new.losses[-1]:.6f}")
    return 0 if options.epoch or loss < LARGEST_DIFFERENCE else 1


class _Old:
    """The published loop. Its rows are padded before the clock starts."""

    def __init__(self, model: published.LSTMClassifier, data: Data) -> None:
        self.losses: list[float] = []
        self.model = model
        self._optimizer = torch.optim.Adam(model.parameters(), lr=SETTINGS.learning_rate)
        rows = np.zeros((len(data), 1 + published.PAD), np.int64)
        for row, ids in zip(rows, data.sequences, strict=True):
            row[0] = len(ids)
            row[1:1 + len(ids)] = ids
        self._rows = torch.from_numpy(rows)
        self._labels = torch.from_numpy(data.labels)

    def learn(self, start: int, count: int) -> measure.Round:
        def work() -> int:
            for at in range(start, start + count, BATCH):
                self.losses.append(published.train_epoch(
                    self.model, self._optimizer, self._rows[at:at + BATCH],
                    self._labels[at:at + BATCH], BATCH))
            return count
        return measure.timed(work)


class _New:
    """Our step. Grouping by length and padding are part of it."""

    def __init__(self, model: LSTMClassifier, data: Data) -> None:
        self.losses: list[float] = []
        self.model = model
        self._optimizer = training.adam(model, SETTINGS)
        self._scaler = torch.amp.GradScaler(enabled=False)
        self._data = data

    def learn(self, start: int, count: int) -> measure.Round:
        def work() -> int:
            for at in range(start, start + count, BATCH):
                rows = np.arange(at, min(at + BATCH, len(self._data)))
                loss, _ = training._learn(self.model, self._optimizer, self._scaler, self._data,
                                          rows, SETTINGS, CPU)
                self.losses.append(loss)
            return count
        return measure.timed(work)


class _Apart:
    """A loop in a process of its own, asked for one turn after the other."""

    def __init__(self, pipe: Connection) -> None:
        self._pipe = pipe
        self.losses: list[float] = []
        self.weights: dict[str, npt.NDArray[np.float32]] = {}
        """After the last step."""

    def learn(self, start: int, count: int) -> measure.Round:
        self._pipe.send((start, count))
        found: measure.Round = self._pipe.recv()
        return found

    def finish(self) -> None:
        self._pipe.send(None)
        self.losses, self.weights = self._pipe.recv()


@contextmanager
def _apart(make: Callable[[], _Old | _New]) -> Iterator[_Apart]:
    """Forked, so that the reviews are shared; the pipe carries what these two made themselves."""
    def work() -> None:
        loop = make()
        while (turn := there.recv()) is not None:
            there.send(loop.learn(*turn))
        there.send((loop.losses, {name: value.numpy() for name, value
                                  in loop.model.state_dict().items()}))

    context = multiprocessing.get_context("fork")
    here, there = context.Pipe()
    process = context.Process(target=work, daemon=True)
    process.start()
    try:
        yield _Apart(here)
    finally:
        process.join(timeout=10)
        process.kill()


def _start() -> published.LSTMClassifier:
    """The published network with the first weights."""
    torch.manual_seed(1)
    return published.LSTMClassifier(EMBEDDING, HIDDEN, VOCABULARY)


def _ours() -> LSTMClassifier:
    """Ours with the same weights."""
    model = LSTMClassifier(LSTMSettings(vocabulary_size=VOCABULARY, embedding_dim=EMBEDDING,
                                        hidden_dim=HIDDEN))
    model.load_state_dict(_start().state_dict())
    return model


def _largest_differences(old: _Apart, new: _Apart) -> tuple[float, float]:
    """Of the losses, step by step, and of the weights after the last step."""
    return (max(abs(one - other) for one, other in zip(old.losses, new.losses, strict=True)),
            max(float(np.abs(old.weights[name] - new.weights[name]).max())
                for name in old.weights))


def _encode(reviews: Sequence[Review]) -> Data:
    texts = [review.content.decode() for review in reviews]
    pipeline = Classic.fit(texts, VOCABULARY)
    return Data([np.array(pipeline.encode(text), np.int32) for text in texts],
                         np.array([review.label for review in reviews], np.float32))


def _table(results: dict[str, list[measure.Round]], data: Data) -> str:
    base = measure.per_cpu_second(results[PUBLISHED]).median
    words = {PUBLISHED: float(published.PAD), OURS: _padded_words(data)}
    return measure.markdown_table(
        ("way", "reviews", "reviews/s, wall", "reviews per CPU second", "times published",
         "words computed per review"),
        [(name, sum(entry.reviews for entry in rounds), measure.per_wall_second(rounds),
          measure.per_cpu_second(rounds),
          measure.number(measure.per_cpu_second(rounds).median / base),
          measure.number(words[name]))
         for name, rounds in results.items()])


def _padded_words(data: Data) -> float:
    """Steps of the network per review, padding included."""
    total = 0
    for at in range(0, len(data), BATCH):
        lengths = data.lengths(np.arange(at, min(at + BATCH, len(data))))
        total += sum((segment.stop - segment.start) * segment.active
                     for group in CPU.micro_batches(lengths, BATCH, LSTMClassifier.words_at_once)
                     for segment in cut(lengths[group][::-1].tolist()))
    return total / len(data)


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="benchmarks/training.py", description=__doc__,
        epilog=f"embedding {EMBEDDING}, hidden {HIDDEN}, vocabulary {VOCABULARY}, batch {BATCH}.")
    add_archive_option(parser)
    parser.add_argument("--rounds", type=int, default=5, help="default: %(default)s")
    parser.add_argument("--batches", type=int, default=2,
                        help="in each round and for each loop (default: %(default)s)")
    parser.add_argument("--epoch", action="store_true",
                        help="one whole epoch of each instead: minutes")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
