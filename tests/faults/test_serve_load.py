"""A real server with more to do than it can do, and with clients that cost it something.

`benchmarks/soak.py` does the same for as long as one likes, and says how fast it was.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from benchmarks.callers import Account, crowd, flood, heavy, mixed
from benchmarks.faults import stalled
from benchmarks.pings import pinged
from executables import Server, serving

SECONDS = 3


@pytest.fixture(scope="module")
def server(small_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    log = tmp_path_factory.mktemp("load") / "log"
    with serving(small_model, log, SAGEMAKER_MODEL_SERVER_WORKERS="1") as started:
        yield started.wait_until_ready()


@pytest.fixture
def account() -> Account:
    return Account()


def test_as_many_callers_as_can_wait_are_all_answered(server: Server, account: Account) -> None:
    asyncio.run(crowd(server.port, mixed(), 12, SECONDS, account))
    assert set(account.counts) == {200}
    assert account.wrong == 0


def test_of_ten_times_too_much_the_excess_is_told_when_to_come_back(server: Server,
                                                                    account: Account) -> None:
    request, capacity = heavy(1000), Account()
    asyncio.run(crowd(server.port, [request], 2, SECONDS, capacity))
    rate = 10 * capacity.counts[200] / SECONDS
    with pinged(server.port) as pings:
        asyncio.run(flood(server.port, [request], rate, SECONDS, account))
    assert set(account.counts) == {200, 503}
    assert account.hints == account.counts[503]
    assert None not in pings


def test_clients_that_stall_cost_the_others_nothing(server: Server, account: Account) -> None:
    async def load() -> None:
        async with stalled(server.port, 60):
            await crowd(server.port, mixed(), 8, SECONDS, account)

    with pinged(server.port) as pings:
        asyncio.run(load())
    assert set(account.counts) == {200}
    assert None not in pings
