"""Spot interruptions (T7): a job that dies thirty times in a row and ends as if it never had.

An interruption is power loss: there is no signal before it, `/opt/ml/model` is new on the next
machine, and the checkpoints are what is there. The moments are drawn from a seed.
"""

from __future__ import annotations

import hashlib
import json
import random
import shutil
import signal
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

import corpus
from executables import LSTM, PATIENCE, SMALL, lay_out, write_channel
from faults.nursery import Life, Nursery
from sentiment.artifacts.loading import load_model

LIVES = 30
SEED = 20
JOBS = {"ngrams": {**SMALL, "batch-size": "5"},
        "lstm": {**LSTM, "epochs": "14", "batch-size": "5", "hidden_dim": "24"}}
"""Hyperparameters of jobs with enough steps for all these lives."""
ROUNDS = {"ngrams": 3, "lstm": 1}


@dataclass
class Job:
    """A job on spot machines, and what was seen after each death."""

    root: Path
    nursery: Nursery
    random: random.Random = field(default_factory=lambda: random.Random(SEED))
    deaths: list[str] = field(default_factory=list)
    unreadable: list[str] = field(default_factory=list)
    """Checkpoints that were not whole after some death."""
    begun_anew: list[str] = field(default_factory=list)
    """Deaths before lives that did not go on where a checkpoint was."""

    def live(self, death: str) -> None:
        """Start, die as `death` says, and look at what is left."""
        shutil.rmtree(self.root / "model", ignore_errors=True)
        before = newest(self.root)
        limit = self.last_byte(death)
        with self.nursery.life(self.root, "--checkpoint-seconds", "0", largest_file=limit,
                               unnamed_files=self.random.random() < 0.5) as life:
            self.wait_for_moment(death, life)
            life.kill()
            ended = life.wait()
        # Whoever is to die while it writes its model may be faster than its killer.
        admitted = {0, -signal.SIGKILL} if death == "model" else {
            -signal.SIGXFSZ if limit else -signal.SIGKILL}
        assert ended in admitted, life.log
        if before and death != "reading" and "resumed from" not in life.log:
            self.begun_anew.append(death)
        self.deaths.append(death)
        self.look()

    def last_byte(self, death: str) -> int:
        """Of the file in which a life ends that dies while it writes; 0 for other deaths."""
        size = {"byte of a checkpoint": 5_000, "byte of the vocabulary": 1_000}.get(death, 0)
        return self.random.randrange(1, size) if size else 0

    def wait_for_moment(self, death: str, life: Life) -> None:
        before = newest(self.root)
        steps = self.random.randint(1, 3)
        moments: dict[str, Callable[[], bool]] = {
            "reading": lambda: "reading channel train" in life.log,
            "steps": lambda: newest(self.root) >= before + steps,
            "between rounds": lambda: life.log.count(": learning from") > 1,
            "model": lambda: (self.root / "model" / "vocabulary.json").exists(),
        }
        reached = moments.get(death, lambda: False)  # others die by themselves
        deadline = time.monotonic() + PATIENCE
        while not reached() and life.status is None:
            assert time.monotonic() < deadline, f"no moment for {death!r}: {life.log}"
            time.sleep(0.001)
        time.sleep(self.random.uniform(0, 0.01) if death in moments else 0)

    def look(self) -> None:
        for path in (self.root / "checkpoints").glob("checkpoint-*"):
            if path.stem.rpartition("-")[2] != hashlib.sha256(path.read_bytes()).hexdigest()[:16]:
                self.unreadable.append(path.name)
        if (self.root / "model" / "model.json").exists():
            load_model(self.root / "model")


def newest(root: Path) -> int:
    """The number of the newest checkpoint, 0 for none."""
    return max((int(path.name.split("-")[2]) for path in (root / "checkpoints").iterdir()
                if path.name.startswith("checkpoint-")), default=0)


def deaths(rounds: int) -> Iterator[str]:
    """Thirty of them: some in each round, one between each two, the last while the model is saved.

    Only a life of the kind `steps` brings the job forward, so there is one of each in any round.
    """
    draw = random.Random(SEED)
    ends = ["between rounds"] * (rounds - 1) + ["model", "byte of the vocabulary", "model"]
    inside = LIVES - len(ends)
    for number in range(rounds):
        count = inside * (number + 1) // rounds - inside * number // rounds
        kinds = ["steps", "byte of a checkpoint", "reading"]
        drawn = kinds + draw.choices(kinds, [3, 1, 1], k=count - len(kinds))
        draw.shuffle(drawn)
        yield from drawn
        if number < rounds - 1:
            yield "between rounds"
    yield from ends[rounds - 1:]


@pytest.fixture(scope="module", params=JOBS)
def architecture(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def uninterrupted(architecture: str, nursery: Nursery,
                  tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The job, run from beginning to end on one machine."""
    root = lay_out(tmp_path_factory.mktemp("uninterrupted"), hyperparameters=JOBS[architecture])
    write_channel(root, "unlabelled", corpus.reviews(60, seed=2))  # `lstm` does not read it
    ended = nursery.train(root)
    assert ended.status == 0, ended.log
    return root


@pytest.fixture(scope="module")
def survivor(architecture: str, uninterrupted: Path, nursery: Nursery,
             tmp_path_factory: pytest.TempPathFactory) -> Job:
    """The same job, killed thirty times and started again until it was done."""
    root = tmp_path_factory.mktemp("killed")
    shutil.copytree(uninterrupted / "input", root / "input")
    (root / "checkpoints").mkdir()
    job = Job(root, nursery)
    for death in deaths(ROUNDS[architecture]):
        job.live(death)
    ended = nursery.train(root)
    assert ended.status == 0, ended.log
    return job


def description(root: Path) -> dict[str, Any]:
    value: dict[str, Any] = json.loads((root / "model" / "model.json").read_text())
    return value


def test_it_dies_thirty_times_in_every_way(survivor: Job, architecture: str) -> None:
    kinds = {"reading", "steps", "byte of a checkpoint", "model", "byte of the vocabulary"}
    assert len(survivor.deaths) == LIVES
    assert set(survivor.deaths) - {"between rounds"} == kinds
    assert survivor.deaths.count("between rounds") == ROUNDS[architecture] - 1


def test_every_life_goes_on_where_the_last_checkpoint_was(survivor: Job) -> None:
    assert survivor.begun_anew == []


def test_no_checkpoint_is_ever_unreadable(survivor: Job) -> None:
    assert survivor.unreadable == []


def test_the_metrics_are_those_of_the_uninterrupted_job(survivor: Job, uninterrupted: Path) -> None:
    ours, theirs = (json.loads((root / "output" / "data" / "metrics.json").read_text())
                    for root in (survivor.root, uninterrupted))
    assert ours == theirs


def test_the_weights_are_those_of_the_uninterrupted_job(survivor: Job, uninterrupted: Path) -> None:
    ours, theirs = description(survivor.root), description(uninterrupted)
    assert ours["files"] == theirs["files"]
    assert ours["data"] == theirs["data"]


def test_nothing_is_left_over_but_two_checkpoints(survivor: Job) -> None:
    names = sorted(path.name for path in (survivor.root / "checkpoints").iterdir())
    assert len(names) == 2
    assert all(name.startswith("checkpoint-") and name.endswith(".bin") for name in names)
