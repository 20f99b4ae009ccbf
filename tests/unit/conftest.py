from __future__ import annotations

import logging
import os
import signal
import tarfile
from collections.abc import Iterator
from pathlib import PurePosixPath

import pytest


@pytest.fixture
def quiet_process() -> Iterator[None]:
    """Put back what a job in this process changes: signal handlers, environment, log handlers."""
    handlers = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    environment = dict(os.environ)
    log_handlers, level = list(logging.root.handlers), logging.root.level
    yield
    for number, handler in handlers.items():
        signal.signal(number, handler)
    os.environ.clear()
    os.environ.update(environment)
    logging.root.handlers[:] = log_handlers
    logging.root.setLevel(level)


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
