from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest
import torch

import corpus
from contract.inputs.jobconfig import Channel
from jobs import run_job
from learned import trained as trained
from learned import trained_on_real_reviews as trained_on_real_reviews

MakeChannel = Callable[..., Channel]
Train = Callable[..., int]


@pytest.fixture(scope="session", autouse=True)
def _one_thread() -> None:
    """These networks are so small that threads would only wait for one another."""
    torch.set_num_threads(1)


@pytest.fixture(autouse=True)
def _threads_as_they_were() -> Iterator[None]:
    """A job in this process sets their number."""
    threads = torch.get_num_threads()
    yield
    torch.set_num_threads(threads)


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
