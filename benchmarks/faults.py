"""What is done to a server while it answers: clients that stall, workers killed, a stop signal."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path

from benchmarks.callers import HOST, Account, Request, crowd
from benchmarks.servers import processes

_PIECES = (b"", b"POST /invocations HTTP/1.1\r\nHos",
           b"POST /invocations HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\nabc")
"""Of requests that never become whole."""


@asynccontextmanager
async def stalled(port: int, clients: int) -> AsyncIterator[None]:
    """So many clients beside that say nothing, stop half-way, or send a byte now and then.

    One that the server gives up comes again.
    """
    async def stall(number: int) -> None:
        while True:
            with suppress(OSError):
                reader, writer = await asyncio.open_connection(HOST, port)
                try:
                    writer.write(_PIECES[number % len(_PIECES)])
                    while not reader.at_eof():
                        with suppress(TimeoutError):
                            await asyncio.wait_for(reader.read(1000), 2)
                        if number % 2:
                            writer.write(b"a")
                finally:
                    writer.close()
            await asyncio.sleep(0.1)

    tasks = [asyncio.create_task(stall(number)) for number in range(clients)]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def kill_worker(server: int, port: int) -> set[int]:
    """SIGKILL to one of a server's workers; returns the clients' ports of its connections.

    Args:
        server: process id of the first process; its children are the workers.
        port: on which they listen.
    """
    worker = random.choice(processes(server)[1:])
    os.kill(worker, signal.SIGSTOP)  # so that the list is true until the end
    while _state(worker) != "T":
        time.sleep(0.001)
    connections = _clients(worker, port)
    os.kill(worker, signal.SIGKILL)
    return connections


def _state(pid: int) -> str:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]


def _clients(pid: int, port: int) -> set[int]:
    """The far ports of a process's connections on `port`."""
    held = set()
    for link in Path(f"/proc/{pid}/fd").iterdir():
        with suppress(OSError):
            held.add(str(link.readlink()).removeprefix("socket:[").removesuffix("]"))
    rows = [line.split() for line in Path(f"/proc/{pid}/net/tcp").read_text().splitlines()[1:]]
    return {int(row[2].rpartition(":")[2], 16) for row in rows
            if row[9] in held and int(row[1].rpartition(":")[2], 16) == port}


async def killed(server: int, port: int, requests: Sequence[Request], callers: int, seconds: int,
                 account: Account) -> set[int]:
    """Kill a worker every second under load; returns our ports of the connections that it cost."""
    async def kill() -> set[int]:
        cost: set[int] = set()
        for _ in range(seconds):
            await asyncio.sleep(1)
            cost |= await asyncio.to_thread(kill_worker, server, port)
        return cost

    cost, _ = await asyncio.gather(
        kill(), crowd(port, requests, callers, seconds + 1, account))
    return cost


async def stopped(port: int, stop: Callable[[], None], requests: Sequence[Request], callers: int,
                  account: Account) -> None:
    """Call `stop` in the middle of a load, half of which comes on new connections.

    The callers leave when their connections are refused.
    """
    async def wait_and_stop() -> None:
        await asyncio.sleep(random.uniform(0.3, 0.8))
        stop()

    await asyncio.gather(wait_and_stop(), *(
        crowd(port, requests, callers // 2, 60, account, stay=stay) for stay in (True, False)))
