"""The caller's side of a serving benchmark: requests on connections that stay open, and figures."""

from __future__ import annotations

import http.client
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from benchmarks.servers import Server


@dataclass
class Phase:
    """Requests of one kind, sent one after the other on each connection."""

    latencies: list[float] = field(default_factory=list)
    """Seconds, as the caller sees them."""
    answers: dict[int, bytes] = field(default_factory=dict)
    """The good ones, by the number of the request."""
    model: list[float] = field(default_factory=list)
    """Seconds in the model, from the server's log if it keeps one."""
    refused: int = 0
    wall: float = 0.0
    cpu: float = 0.0
    """Seconds of the server's processes."""
    reviews: int = 0

    @property
    def cpu_per_review(self) -> float:
        return self.cpu / self.reviews

    @property
    def per_second(self) -> float:
        """Reviews a second, as the callers see them."""
        return self.reviews / self.wall


def send(server: Server, bodies: Sequence[bytes], kind: str, connections: int, *,
         reviews_each: int = 1, logged: bool) -> Phase:
    """Send all bodies, shared out over so many connections.

    Args:
        server: is asked for its processor time before and after.
        bodies: one request each.
        kind: their content type.
        connections: callers at once; each waits for its answer before it sends again.
        reviews_each: in one body.
        logged: whether the server's log has a line with `model_ms` for each request.
    """
    phase = Phase()
    before, cpu = len(server.requests()) if logged else 0, server.cpu_seconds()
    waiting = iter(enumerate(bodies))
    lock = threading.Lock()

    def take() -> tuple[int, bytes] | None:
        with lock:
            return next(waiting, None)

    def caller() -> None:
        connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
        while (taken := take()) is not None:
            number, body = taken
            begun = time.perf_counter()
            connection.request("POST", "/invocations", body, {"Content-Type": kind})
            answer = connection.getresponse()
            content = answer.read()
            if answer.status == 200:
                phase.latencies.append(time.perf_counter() - begun)
                phase.answers[number] = content
            else:
                phase.refused += 1
        connection.close()

    callers = [threading.Thread(target=caller) for _ in range(connections)]
    started = time.perf_counter()
    for thread in callers:
        thread.start()
    for thread in callers:
        thread.join()
    phase.wall = time.perf_counter() - started
    phase.cpu = server.cpu_seconds() - cpu
    phase.reviews = len(phase.latencies) * reviews_each
    if not phase.reviews:
        raise RuntimeError("no request was answered; the server's log:\n"
                           + server.log.read_text(errors="replace")[-2000:])
    if logged:
        phase.model = _model_seconds(server, before, len(phase.latencies))
    return phase


def _model_seconds(server: Server, skip: int, count: int) -> list[float]:
    """Of the last `count` good answers. A container's log takes a moment to arrive.

    Raises:
        RuntimeError: the log has more or fewer of them.
    """
    deadline = time.monotonic() + 10
    found: list[float] = []
    while len(found) < count and time.monotonic() < deadline:
        found = [entry["model_ms"] / 1000 for entry in server.requests(skip)
                 if entry["status"] == 200]
        time.sleep(0.01)
    if len(found) != count:
        raise RuntimeError(f"{count} good answers, but {len(found)} in the log")
    return found


def pings(server: Server, count: int) -> list[float]:
    """Latencies of the cheapest request there is: what HTTP costs without a model."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
    latencies = []
    for _ in range(count):
        begun = time.perf_counter()
        connection.request("GET", "/ping")
        connection.getresponse().read()
        latencies.append(time.perf_counter() - begun)
    connection.close()
    return latencies
