"""What `train` does with its reviews before it learns from them, once, for `growth.py`.

`encoding.py DIR ARCHITECTURE` reads and encodes the channel `train` in DIR and prints time and
memory as JSON: a program of its own, so that no size leaves its mark on the memory of the next.
"""

from __future__ import annotations

import json
import logging
import sys
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path

sys.path.extend(str(Path(__file__).resolve().parents[1] / place) for place in (".", "container"))

from contract.algorithm import TrainingJob
from contract.inputs.hyperparameters import resolve
from contract.inputs.jobconfig import Channel
from contract.running.stopping import StopRequest
from sentiment.hyperparameters import HYPERPARAMETERS
from sentiment.learning.preparation import prepare

_FEW = 10 * ('{"label": 0, "text": "A <a>poor</a> film &amp; plot."}\n'
             '{"label": 1, "text": "A fine film."}\n')


@dataclass(frozen=True)
class Figures:
    """What one size has cost."""

    reviews: int
    cpu: float
    """Seconds of processor time for reading and encoding."""
    wall: float
    before: int
    """Resident bytes when everything is imported and nothing is read."""
    peak: int
    """The most resident bytes there ever were."""

    @property
    def per_review(self) -> float:
        """Bytes of memory for each review at the peak."""
        return (self.peak - self.before) / self.reviews


def read_and_encode(directory: Path, architecture: str) -> Figures:
    """All that a job does with the channel in `directory` before it learns from it."""
    logging.disable(logging.INFO)
    with tempfile.TemporaryDirectory() as first:  # what is imported on first use is not growth
        Path(first, "reviews.jsonl").write_text(_FEW)
        _prepare(Path(first), architecture)
    before = _memory("VmRSS")
    cpu, wall = time.process_time(), time.perf_counter()
    reviews = _prepare(directory, architecture)
    return Figures(reviews, time.process_time() - cpu, time.perf_counter() - wall, before,
                   _memory("VmHWM"))


def _prepare(directory: Path, architecture: str) -> int:
    prepared = prepare(TrainingJob(
        hyperparameters=resolve(HYPERPARAMETERS, {"architecture": architecture}),
        channels={"train": Channel("train", directory)}, model_directory=directory / "model",
        output_directory=directory / "output", checkpoint_directory=None, stop=StopRequest(),
        processors=1))
    return len(prepared.train) + len(prepared.validation)


def _memory(name: str) -> int:
    """Bytes; VmHWM begins anew with each program, unlike the figure of `getrusage`."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(f"{name}:"))


if __name__ == "__main__":
    print(json.dumps(asdict(read_and_encode(Path(sys.argv[1]), sys.argv[2]))))
