"""`train` and `serve` as real processes: started, waited for with a patience, and always ended."""

from __future__ import annotations

import http.client
import itertools
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, Self

import contract
import corpus

CONTAINER = Path(contract.__file__).resolve().parent.parent
TRAIN = CONTAINER / "train"
SERVE = CONTAINER / "serve"

PATIENCE = 60.0
"""Seconds until something that must happen counts as not happening."""

SMALL = {"epochs": "4", "batch-size": "20", "learning_rate": "0.02"}
"""Hyperparameters of a model that learns a hundred reviews of the built-in corpus in no time."""

LSTM = {"architecture": "lstm", "epochs": "6", "batch-size": "10", "vocab_size": "400",
        "embedding_dim": "8", "hidden_dim": "8", "learning_rate": "0.03"}
"""The same for the course project's architecture."""

_TURNS = itertools.count()

# What would change the behaviour of the executables if the tests themselves ran with it.
_OURS = re.compile("SAGEMAKER_|SM_|ML_ROOT|OMP_|MKL_|OPENBLAS_|PYTHON")


def until(happened: Callable[[], bool], what: str) -> None:
    """Wait until `happened`; fail with `what` when it does not."""
    end = time.monotonic() + PATIENCE
    while not happened():
        assert time.monotonic() < end, f"waited {PATIENCE:g} seconds: {what}"
        time.sleep(0.02)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def lay_out(root: Path, reviews: int = 100, *, seed: int = 1, channel: str = "train",
            hyperparameters: Mapping[str, str] = SMALL) -> Path:
    """Make the tree of a training job with some reviews in a channel; returns `root`."""
    write_channel(root, channel, corpus.reviews(reviews, seed))
    config = root / "input" / "config"
    config.mkdir(parents=True, exist_ok=True)
    (config / "hyperparameters.json").write_text(json.dumps(hyperparameters))
    return root


def write_channel(root: Path, channel: str, reviews: Iterable[tuple[int, str]]) -> None:
    directory = root / "input" / "data" / channel
    directory.mkdir(parents=True)
    lines = (json.dumps({"label": label, "text": text}) for label, text in reviews)
    (directory / "reviews.jsonl").write_text("\n".join(lines))


@dataclass
class Program:
    """A running executable; both its outputs go to one file."""

    process: subprocess.Popen[bytes]
    output: Path

    @property
    def log(self) -> str:
        return self.output.read_bytes().decode()

    def wait(self) -> int:
        """Its exit status; negative for the signal that killed it."""
        return self.process.wait(PATIENCE)

    def wait_for(self, text: str) -> None:
        """Wait until its log has `text`."""
        until(lambda: text in self.log or self.process.poll() is not None, f"no {text!r} in log")
        assert text in self.log, self.log

    def send(self, number: signal.Signals) -> None:
        self.process.send_signal(number)


@contextmanager
def running(*command: str | Path, output: Path,
            environment: Mapping[str, str] | None = None) -> Iterator[Program]:
    """Start a command in a session of its own; at the end all its processes are killed."""
    clean = {name: value for name, value in os.environ.items() if not _OURS.match(name)}
    with output.open("wb") as stream, subprocess.Popen(
            [str(word) for word in command], stdin=subprocess.DEVNULL, stdout=stream,
            stderr=subprocess.STDOUT, env={**clean, **(environment or {})},
            start_new_session=True, preexec_fn=one_processor()) as process:
        try:
            yield Program(process, output)
        finally:
            try:
                os.killpg(process.pid, signal.SIGKILL)
            except ProcessLookupError:
                pass


def one_processor() -> Callable[[], None]:
    """For a new process to do first: keep to one processor, each to the next one in turn.

    On a busy machine threads of one small product wait for each other more than they work.
    """
    if not hasattr(os, "sched_setaffinity"):
        return lambda: None
    processors = sorted(os.sched_getaffinity(0))
    mine = processors[next(_TURNS) % len(processors)]
    return lambda: os.sched_setaffinity(0, {mine})


@contextmanager
def training(root: Path, *arguments: str, program: Path = TRAIN,
             environment: Mapping[str, str] | None = None) -> Iterator[Program]:
    """`train` on the tree `root`, running."""
    with running(sys.executable, program, "--root", root, *arguments, environment=environment,
                 output=root / "train.log") as started:
        yield started


class Trained(NamedTuple):
    """What a training job left."""

    status: int
    log: str
    failure: str | None


def train(root: Path, *arguments: str, program: Path = TRAIN,
          environment: Mapping[str, str] | None = None) -> Trained:
    """Run `train` on the tree `root` to its end."""
    with training(root, *arguments, program=program, environment=environment) as started:
        status = started.wait()
        file = root / "output" / "failure"
        return Trained(status, started.log, file.read_text() if file.exists() else None)


class Answer(NamedTuple):
    """An HTTP response, read to its end."""

    status: int
    headers: http.client.HTTPMessage
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class Server(Program):
    """`serve`, answering on `port`."""

    port: int

    def connect(self) -> http.client.HTTPConnection:
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)

    def ask(self, method: str, path: str, body: bytes | Iterable[bytes] | None = None,
            **headers: str) -> Answer:
        """One request on a connection of its own; `Content_Type` stands for `Content-Type`."""
        connection = self.connect()
        try:
            connection.request(method, path, body, {name.replace("_", "-"): value
                                                    for name, value in headers.items()})
            response = connection.getresponse()
            return Answer(response.status, response.headers, response.read())
        finally:
            connection.close()

    def predict(self, body: bytes | Iterable[bytes], media: str, **headers: str) -> Answer:
        return self.ask("POST", "/invocations", body, Content_Type=media, **headers)

    def wait_until_ready(self) -> Self:
        def healthy() -> bool:
            assert self.process.poll() is None, self.log
            try:
                return self.ask("GET", "/ping").status == 200
            except OSError:
                return False

        until(healthy, "no healthy ping")
        return self

    def entries(self) -> list[dict[str, Any]]:
        """Its log, which must be JSON in every line."""
        return [json.loads(line) for line in self.log.splitlines()]

    def workers(self) -> list[int]:
        """Process ids of all workers that were ever started, oldest first."""
        return [int(number) for number in re.findall(r"Booting worker with pid: (\d+)", self.log)]


@contextmanager
def serving(model: Path, output: Path, program: Path = SERVE, /,
            **environment: str) -> Iterator[Server]:
    """`serve` for the model directory `model`, as soon as it was started."""
    port = free_port()
    with running(sys.executable, program, "--root", model.parent, output=output,
                 environment={"SAGEMAKER_BIND_TO_PORT": str(port), **environment}) as started:
        yield Server(started.process, started.output, port)
