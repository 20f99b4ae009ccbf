"""Callers of a running server, many at once in one thread: without a pause, or at a given rate.

Each keeps an account of what became of its requests. HTTP is written out here because a general
client costs more than the server, and then the callers would be what is measured.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import re
import time
from array import array
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import corpus

HOST = "127.0.0.1"
PATIENCE = 90.0
"""Seconds for an answer; the server gives up after 60."""

LOST = 0
"""Stands for the status of a request whose connection ended without an answer."""
NOT_TAKEN = -1
"""The same for one whose connection was refused, so it was never accepted."""

_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)\r\n", re.IGNORECASE)
_BROKEN = (OSError, EOFError, asyncio.IncompleteReadError)


@dataclass(frozen=True)
class Request:
    """One body, and how many records it holds."""

    kind: str
    body: bytes
    records: int = 1

    def head(self, last: bool) -> bytes:
        return (f"POST /invocations HTTP/1.1\r\nHost: {HOST}\r\nContent-Type: {self.kind}\r\n"
                f"Content-Length: {len(self.body)}\r\n"
                f"Connection: {'close' if last else 'keep-alive'}\r\n\r\n").encode()

    def is_answer(self, body: bytes) -> bool:
        """Whether `body` has as many predictions as this has records."""
        if self.kind == "text/plain":
            return body in (b"0", b"1")
        if self.kind == "text/csv":
            return len(body.splitlines()) == self.records
        return body.count(b'"probability"') == self.records


@dataclass
class Account:
    """What became of requests."""

    seconds: dict[int, array[float]] = field(default_factory=lambda: defaultdict(
        lambda: array("d")))
    """From the sending to the last byte of the answer, by status."""
    wrong: int = 0
    """Good answers with too few predictions or too many."""
    lost: list[int] = field(default_factory=list)
    """Our ports of the connections that ended without an answer."""
    hints: int = 0
    """Refusals with Retry-After."""

    def add(self, status: int, seconds: float) -> None:
        self.seconds[status].append(seconds)

    @property
    def counts(self) -> Counter[int]:
        return Counter({status: len(values) for status, values in self.seconds.items()})


class Caller:
    """One connection, opened when it is needed."""

    def __init__(self, port: int, account: Account) -> None:
        self._port = port
        self._account = account
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def ask(self, request: Request, *, last: bool = False) -> int:
        """Send, and note what came of it; returns the status."""
        begun = time.perf_counter()
        ours = 0
        try:
            async with asyncio.timeout(PATIENCE):
                reader, writer = await self._connected()
                ours = writer.get_extra_info("sockname")[1]
                writer.write(request.head(last) + request.body)
                head = await reader.readuntil(b"\r\n\r\n")
                found = _LENGTH.search(head)
                body = await reader.readexactly(int(found[1]) if found else 0)
        except ConnectionRefusedError:
            status = NOT_TAKEN
        except (*_BROKEN, TimeoutError):
            status = LOST
            self._account.lost.append(ours)
        else:
            status = int(head[9:12])
            self._account.wrong += status == 200 and not request.is_answer(body)
            self._account.hints += b"\r\nRetry-After: " in head
        if status < 200 or last or b"\r\nConnection: close\r\n" in head:
            self.close()
        self._account.add(status, time.perf_counter() - begun)
        return status

    async def _connected(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        if self._streams is None:
            self._streams = await asyncio.open_connection(HOST, self._port, limit=2**24)
        return self._streams

    def close(self) -> None:
        if self._streams is not None:
            self._streams[1].close()
            self._streams = None


async def crowd(port: int, requests: Sequence[Request], callers: int, seconds: float,
                account: Account, *, stay: bool = True, pause: float = 0.0) -> None:
    """So many callers, each of whom asks again as soon as it is answered; `stay` on a connection.

    A caller whose connection is refused leaves.
    """
    end = time.monotonic() + seconds
    todo = itertools.cycle(requests)

    async def call() -> None:
        caller = Caller(port, account)
        try:
            while time.monotonic() < end:
                if await caller.ask(next(todo), last=not stay) == NOT_TAKEN:
                    return
                await asyncio.sleep(pause)
        finally:
            caller.close()

    await asyncio.gather(*(call() for _ in range(callers)))


async def flood(port: int, requests: Sequence[Request], rate: float, seconds: float,
                account: Account) -> None:
    """So many requests a second, each on a connection of its own, however long answers take."""
    todo = itertools.cycle(requests)
    begun = time.monotonic()
    waiting: set[asyncio.Task[int]] = set()
    for number in range(int(rate * seconds)):
        await asyncio.sleep(max(0.0, begun + number / rate - time.monotonic()))
        task = asyncio.create_task(Caller(port, account).ask(next(todo), last=True))
        waiting.add(task)
        task.add_done_callback(waiting.discard)
    await asyncio.gather(*waiting)


def mixed(seed: int = 1) -> list[Request]:
    """Single short reviews mostly, some long ones and lists, a few hundreds of lines."""
    texts = (text for _, text in corpus.reviews(2000, seed))

    def take(count: int) -> Iterator[str]:
        return itertools.islice(texts, count)

    plain = [Request("text/plain", text.encode()) for text in take(60)]
    objects = [Request("application/json", json.dumps({"text": text}).encode())
               for text in take(20)]
    long = [Request("text/plain", " ".join(take(20)).encode()) for _ in range(5)]
    lists = [Request("application/json", json.dumps(list(take(20))).encode(), 20)
             for _ in range(5)]
    lines = [Request("application/jsonlines", "\n".join(map(json.dumps, take(200))).encode(), 200)
             for _ in range(3)]
    together = [*plain, *objects, *long, *lists, *lines]
    return [together[(place * 41) % len(together)] for place in range(len(together))]


def heavy(records: int, seed: int = 2) -> Request:
    """One request of so many reviews, which no other shares a call with."""
    texts = [text for _, text in corpus.reviews(records, seed)]
    return Request("application/json", json.dumps(texts).encode(), records)
