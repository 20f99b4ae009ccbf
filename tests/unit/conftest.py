from __future__ import annotations

import logging
import os
import signal
import tarfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path, PurePosixPath

import numpy as np
import pytest
import torch

import corpus
from contract.inputs.jobconfig import Channel
from jobs import run_job
from sentiment.artifacts.artifact import Model
from sentiment.learning import training
from sentiment.learning.data import Data
from sentiment.learning.device import Device
from sentiment.learning.training import Settings, State, adam
from sentiment.models.architectures import LSTMClassifier, LSTMSettings
from sentiment.text.classic import Classic

MakeChannel = Callable[..., Channel]
Train = Callable[..., int]


@pytest.fixture(scope="session", autouse=True)
def _one_thread() -> None:
    """These networks are so small that threads would only wait for one another."""
    torch.set_num_threads(1)


@pytest.fixture
def make_channel(tmp_path: Path) -> MakeChannel:
    """Write `{path: content}` as a channel below `tmp_path`."""

    def make(files: Mapping[str, str | bytes], *, name: str = "train",
             content_type: str | None = None) -> Channel:
        directory = tmp_path / name
        directory.mkdir(exist_ok=True)
        for path, content in files.items():
            file = directory / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(content.encode() if isinstance(content, str) else content)
        return Channel(name, directory, content_type)

    return make


@pytest.fixture
def quiet_process() -> Iterator[None]:
    """Put back what a job in this process changes: signal handlers, environment, log handlers."""
    handlers = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    environment, threads = dict(os.environ), torch.get_num_threads()
    log_handlers, level = list(logging.root.handlers), logging.root.level
    yield
    for number, handler in handlers.items():
        signal.signal(number, handler)
    os.environ.clear()
    os.environ.update(environment)
    torch.set_num_threads(threads)
    logging.root.handlers[:] = log_handlers
    logging.root.setLevel(level)


@pytest.fixture(scope="session")
def few_reviews(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folders `train` and `test` of the built-in corpus; read-only by agreement."""
    directory = tmp_path_factory.mktemp("corpus")
    corpus.write_corpus(directory, train=120, test=40, seed=9)
    return directory


@pytest.fixture
def train(quiet_process: None, tmp_path: Path, few_reviews: Path) -> Train:
    """Run a job in `tmp_path`; `channels` maps names to folders."""

    def run(*options: str, channels: Mapping[str, Path] | None = None, **hyper: str) -> int:
        return run_job(tmp_path, channels or {"train": few_reviews / "train"}, *options, **hyper)

    return run


@pytest.fixture(scope="session")
def real_reviews() -> list[tuple[int, str]]:
    """2,000 labelled reviews of the IMDB archive, half of them positive."""
    archive = os.environ.get("IMDB_ARCHIVE")
    if not archive:
        if os.environ.get("REQUIRE_DATA") == "1":
            pytest.fail("IMDB_ARCHIVE is not set, and REQUIRE_DATA=1")
        pytest.skip("IMDB_ARCHIVE is not set")
    sides: dict[str, list[tuple[int, str]]] = {"neg": [], "pos": []}
    with tarfile.open(archive, "r|*") as tar:
        for member in tar:
            name = PurePosixPath(member.name).parent.name
            stream = tar.extractfile(member) if name in sides and member.isfile() else None
            if stream is not None and len(sides[name]) < 1000:
                sides[name].append((int(name == "pos"), stream.read().decode()))
            if all(len(side) == 1000 for side in sides.values()):
                break
    return [*sides["pos"], *sides["neg"]]


@pytest.fixture(scope="session")
def trained() -> Model:
    """A small network that has learned the built-in corpus; made once, so do not change it."""
    return _train(list(corpus.reviews(500, seed=11)), epochs=6)


@pytest.fixture(scope="session")
def trained_on_real_reviews(real_reviews: list[tuple[int, str]]) -> Model:
    return _train(real_reviews[::4], epochs=4)


def _train(reviews: Sequence[tuple[int, str]], *, epochs: int) -> Model:
    pipeline = Classic.fit((text for _, text in reviews), 1500)
    data = Data([np.array(pipeline.encode(text), dtype=np.int32) for _, text in reviews],
                np.array([label for label, _ in reviews], dtype=np.float32))
    torch.manual_seed(11)
    network = LSTMClassifier(LSTMSettings(vocabulary_size=1500, embedding_dim=16, hidden_dim=24))
    settings = Settings(epochs=epochs, batch_size=32, learning_rate=0.01, gradient_clip=1.0,
                        patience=0, seed=11, checkpoint_seconds=1e9)
    training.train(network, adam(network, settings), State(), data,
                   Data([], np.empty(0, np.float32)), settings,
                   Device(torch.device("cpu"), torch.float32), should_stop=lambda: False,
                   checkpoint=lambda: None, report=lambda metrics: None)
    return Model(network.requires_grad_(False).eval(), pipeline)
