"""A worker that is killed takes only its own requests with it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from benchmarks.callers import LOST, Account, mixed
from benchmarks.faults import killed
from executables import Server, serving

KILLS = 4


@dataclass
class Killing:
    """What became of a load while workers were killed."""

    server: Server
    account: Account
    cost: set[int]
    """Our ports of the connections of those that were killed."""


@pytest.fixture(scope="module")
def killing(small_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Killing]:
    if not Path("/proc/net/tcp").exists():
        pytest.skip("whose connections are whose is read from /proc")
    log = tmp_path_factory.mktemp("kills") / "log"
    with serving(small_model, log, SAGEMAKER_MODEL_SERVER_WORKERS="2") as server:
        server.wait_until_ready()
        account = Account()
        cost = asyncio.run(killed(server.process.pid, server.port, mixed(), 12, KILLS, account))
        yield Killing(server, account, cost)


def test_only_requests_of_the_killed_are_lost(killing: Killing) -> None:
    assert set(killing.account.counts) <= {200, LOST}
    assert set(killing.account.lost) <= killing.cost
    assert killing.account.wrong == 0


def test_the_others_and_those_who_come_again_are_answered(killing: Killing) -> None:
    assert killing.account.counts[200] > 10 * len(killing.account.lost)
    assert killing.server.predict(b"Fine", "text/plain").status == 200


def test_each_kill_is_in_the_log_and_replaced(killing: Killing) -> None:
    errors = [entry["message"] for entry in killing.server.entries() if entry["level"] == "ERROR"]
    assert len(errors) == KILLS
    assert all("was sent SIGKILL" in message for message in errors)
    assert len(killing.server.workers()) == 2 + KILLS
