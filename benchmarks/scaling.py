"""How learning grows with the number of processes: speed, what they exchange, and the same losses.

Each process has a core of its own. Processes of one machine exchange over its loopback, with the
code that hosts use (`contract.cluster.workers`, `sentiment.learning.distributed`).
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

sys.path.extend(str(Path(__file__).resolve().parents[1] / place) for place in (".", "container"))

import numpy as np
import torch

from benchmarks import measure
from benchmarks.reviews import add_archive_option, read_reviews
from contract.cluster.hosts import Cluster, ClusterSettings, Place
from contract.cluster.workers import train_together
from contract.running.stopping import StopRequest
from sentiment.learning import training
from sentiment.learning.data import Data, Held
from sentiment.learning.device import Device
from sentiment.learning.distributed import joined
from sentiment.learning.ngram_training import NgramLearner, choose_features, ratios
from sentiment.models.architectures import LSTMClassifier, LSTMSettings
from sentiment.models.network import Network
from sentiment.models.ngrams import Index
from sentiment.text.pipelines import PIPELINES

BATCH = 512
SETTINGS = training.Settings(epochs=1, batch_size=BATCH, learning_rate=0.002, gradient_clip=1.0,
                             patience=0, seed=1, checkpoint_seconds=1e9)
CPU = Device(torch.device("cpu"), torch.float32)
EXCHANGES = 20
"""Exchanges of a step's size that are timed by themselves."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the tables; exit status 1 if the losses are not the same."""
    options = _options(arguments)
    torch.set_num_threads(1)
    print(measure.machine())
    reviews = [(review.label, review.content.decode())
               for review in read_reviews(options.archive, "train")[:options.reviews]]
    counts = [count for count in options.processes if count <= len(measure.cores())]
    runs = {(job.name, count): _run(job, count, options.steps)
            for job in (_lstm(reviews), _ngrams(reviews)) for count in counts}
    print(_speed_table(runs))
    print()
    print(_loss_table(runs))
    return 0 if _largest_difference(runs) < options.difference else 1


@dataclass(frozen=True)
class Job:
    """Reviews, and a network that learns them."""

    name: str
    data: Data
    network: Callable[[], Network]


class Run(NamedTuple):
    """What the first process has measured."""

    losses: list[float]
    """Of each step."""
    seconds: float
    """For all steps but the first."""
    cpu: float
    """Seconds of processor time that all processes took for them."""
    exchange: float
    """Seconds of one exchange by itself: the median."""
    bytes: int
    """That each process gives to the exchange of a step."""

    @property
    def reviews(self) -> int:
        return BATCH * (len(self.losses) - 1)

    @property
    def speed(self) -> float:
        """Reviews per second."""
        return self.reviews / self.seconds


def _lstm(reviews: Sequence[tuple[int, str]]) -> Job:
    """The course project's network, at its published size."""
    data, vocabulary = _encoded("classic", reviews, 5000)
    return Job("lstm", data, lambda: LSTMClassifier(LSTMSettings(
        vocabulary_size=vocabulary, embedding_dim=32, hidden_dim=200)))


def _ngrams(reviews: Sequence[tuple[int, str]]) -> Job:
    words, _ = _encoded("tokens", reviews, 60_000)
    known = choose_features(words.sequences, 2)
    index = Index(known)
    data = Data([index.numbers(ids) for ids in words.sequences], words.labels)
    scale = ratios(data, len(known))
    return Job("ngrams", data, lambda: NgramLearner(scale))


def _encoded(text: str, reviews: Sequence[tuple[int, str]], size: int) -> tuple[Data, int]:
    pipeline = PIPELINES[text].fit([text for _, text in reviews], size)
    return (Data([np.array(pipeline.encode(text), np.int32) for _, text in reviews],
                 np.array([label for label, _ in reviews], np.float32)),
            max(pipeline.vocabulary.values()) + 1)


def _run(job: Job, processes: int, steps: int) -> Run:
    """Learn in that many processes, each of which holds all reviews and computes its part."""
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder, "run.json")
        train_together(Cluster(), ClusterSettings(processes=processes), processes,
                       lambda place, stop: _learn(job, place, steps, report), StopRequest())
        return Run(*json.loads(report.read_text()))


def _learn(job: Job, place: Place, steps: int, report: Path) -> None:
    measure.pin(measure.cores()[place.local_rank])
    if place.meeting and place.meeting.interface:
        os.environ["GLOO_SOCKET_IFNAME"] = place.meeting.interface
    training.seed_everything(1)
    count = len(job.data)
    held = Held(count, np.arange(count), np.full(count, place.rank), np.full(count, place.size))
    data = Data(job.data.sequences, job.data.labels, held)
    network = job.network()
    optimizer, scaler = training.adam(network, SETTINGS), torch.amp.GradScaler(enabled=False)
    order = np.random.default_rng(1).permutation(count)
    losses, start, cpu = [], 0.0, 0.0
    with joined(place, torch.device("cpu")) as group:
        for step in range(steps):
            rows = np.take(order, np.arange(step * BATCH, (step + 1) * BATCH), mode="wrap")
            loss, _ = training._learn(network, optimizer, scaler, data, rows, SETTINGS, CPU, group)
            losses.append(loss)
            if step == 0:  # which warms up
                start, cpu = time.perf_counter(), time.process_time()
        seconds, sent = time.perf_counter() - start, group.bytes // max(1, group.sums)
        [cpu] = group.add(np.array([time.process_time() - cpu])).tolist()
        gradients = [torch.zeros_like(parameter) for parameter in network.parameters()]
        times = []
        for _ in range(EXCHANGES):
            begun = time.perf_counter()
            group.total(gradients)
            times.append(time.perf_counter() - begun)
    if place.leads:
        report.write_text(json.dumps([losses, seconds, cpu, measure.spread(times).median, sent]))


def _speed_table(runs: Mapping[tuple[str, int], Run]) -> str:
    return measure.markdown_table(
        ("architecture, processes", "reviews/s", "times one process", "reviews per CPU second",
         "ms of a step", "ms of an exchange", "bytes exchanged per step"),
        [(f"`{name}`, {count}", measure.number(run.speed),
          measure.number(run.speed / runs[name, 1].speed), measure.number(run.reviews / run.cpu),
          measure.number(1000 * BATCH / run.speed),
          *((measure.number(1000 * run.exchange), f"{run.bytes:,}") if count > 1 else ("", "")))
         for (name, count), run in runs.items()])


def _loss_table(runs: Mapping[tuple[str, int], Run]) -> str:
    """The curves of one process and of the most, side by side."""
    names = list(dict.fromkeys(name for name, _ in runs))
    most = max(count for _, count in runs)
    steps = len(runs[names[0], 1].losses)
    shown = sorted({step for step in (1, 2, 5, 10, 20, 50, 100, 200, steps) if step <= steps})
    return measure.markdown_table(
        ("step", *(f"`{name}`, {count}" for name in names for count in (1, most))),
        [(str(step), *(f"{runs[name, count].losses[step - 1]:.6f}"
                       for name in names for count in (1, most))) for step in shown])


def _largest_difference(runs: Mapping[tuple[str, int], Run]) -> float:
    found = max(abs(one - other) for (name, _), run in runs.items()
                for one, other in zip(runs[name, 1].losses, run.losses, strict=True))
    print(f"\nthe losses differ from those of one process by at most {found:.1e}")
    return found


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="benchmarks/scaling.py", description=__doc__)
    add_archive_option(parser)
    parser.add_argument("--reviews", type=int, default=4000,
                        help="to learn from (default: %(default)s)")
    parser.add_argument("--steps", type=int, default=20,
                        help=f"of {BATCH} reviews (default: %(default)s)")
    parser.add_argument("--processes", type=int, nargs="+", default=[1, 2, 4],
                        help="numbers to compare, as far as there are cores (default: 1 2 4)")
    parser.add_argument("--difference", type=float, default=1e-3,
                        help="of two losses that is too large (default: %(default)s)")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
