"""A server for a long time under load, and what becomes of its promises when things break.

Five phases, each on a server of its own, on one core; the callers sit on another: saturation with
requests of mixed sizes; ten times what it can answer; clients that stall beside; a worker killed
every second; one stop signal after the other under load. Exits with status 1 where a promise is not
kept.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

sys.path.extend(str(Path(__file__).resolve().parents[1] / place) for place in
                (".", "container", "local_test"))

from benchmarks import measure
from benchmarks.callers import LOST, NOT_TAKEN, Account, crowd, flood, heavy, mixed
from benchmarks.faults import killed, stalled, stopped
from benchmarks.pings import pinged
from benchmarks.servers import Launch, Place, Server, serving

ROOT = Path(__file__).resolve().parents[1]
QUEUE = 16
"""The server's own default of requests that wait in each worker."""
CALLERS = 12
TIMES = 10
"""What overload is, of the rate that can be answered."""
HEAVY = 400
"""Reviews of a request when it is to be answered or refused alone."""
MEMORY_SECONDS = 5


@dataclass
class Phase:
    """What one phase found."""

    name: str
    wall: float = 0.0
    account: Account = field(default_factory=Account)
    pings: list[float | None] = field(default_factory=list)
    broken: list[str] = field(default_factory=list)
    """Promises that were not kept."""

    def expect(self, *statuses: int) -> None:
        """Every request had one of these statuses, and every answer all its predictions."""
        self.broken += [f"{count} requests with status {status}" for status, count
                        in self.account.counts.items() if count and status not in statuses]
        if self.account.wrong:
            self.broken.append(f"{self.account.wrong} answers of another length")
        if None in self.pings and LOST not in statuses:
            self.broken.append(f"{self.pings.count(None)} pings without an answer")


@contextmanager
def under(phase: Phase, server: Server) -> Iterator[None]:
    """Take the phase's time, and ping meanwhile."""
    print(phase.name, file=sys.stderr, flush=True)
    begun = time.monotonic()
    with pinged(server.port) as pings:
        yield
        phase.wall = time.monotonic() - begun
    phase.pings = pings


def saturation(server: Server, seconds: float, memory: list[tuple[float, float]]) -> Phase:
    """Mixed requests without a pause; `memory` gets what the server holds, as (second, MiB)."""
    phase = Phase("saturation, mixed sizes")

    async def watch() -> None:
        begun = time.monotonic()
        while True:
            memory.append((time.monotonic() - begun, server.memory("Pss_Anon") / 2**20))
            await asyncio.sleep(MEMORY_SECONDS)

    async def load() -> None:
        watching = asyncio.create_task(watch())
        await crowd(server.port, mixed(), CALLERS, seconds, phase.account)
        watching.cancel()

    with under(phase, server):
        asyncio.run(load())
    phase.expect(200)
    return phase


def overload(server: Server, seconds: float) -> Iterator[Phase]:
    """As many requests as one worker answers, its queue full, then ten times as many a second."""
    request = heavy(HEAVY)
    phase = Phase(f"at capacity, {HEAVY} reviews each")
    with under(phase, server):
        asyncio.run(crowd(server.port, [request], 1 + QUEUE, seconds, phase.account))
    phase.expect(200)
    yield phase
    rate = TIMES * len(phase.account.seconds[200]) / phase.wall
    phase = Phase(f"{TIMES} times that, {rate:.0f} a second")
    with under(phase, server):
        asyncio.run(flood(server.port, [request], rate, seconds, phase.account))
    phase.expect(200, 503)
    if phase.account.hints < phase.account.counts[503]:
        phase.broken.append("refusals without Retry-After")
    yield phase


def slow_clients(server: Server, clients: int, seconds: float) -> Phase:
    """Mixed requests, and so many clients beside that never finish theirs."""
    phase = Phase(f"{clients} stalled clients beside")

    async def load() -> None:
        async with stalled(server.port, clients):
            await crowd(server.port, mixed(), CALLERS, seconds, phase.account)

    with under(phase, server):
        asyncio.run(load())
    phase.expect(200)
    return phase


def kills(server: Server, seconds: int) -> Phase:
    """Mixed requests, and a worker killed every second."""
    phase = Phase("a worker killed every second")
    with under(phase, server):
        cost = asyncio.run(killed(server.pid, server.port, mixed(), CALLERS, seconds,
                                  phase.account))
    phase.expect(200, LOST)
    if others := len(set(phase.account.lost) - cost):
        phase.broken.append(f"{others} requests of workers that were not killed are lost")
    said = server.log.read_text().count("was sent SIGKILL")
    if said < seconds:
        phase.broken.append(f"{seconds} kills, {said} in the log")
    return phase


def stops(start: Callable[[], Iterator[Server]], count: int) -> Phase:
    """So many servers, each stopped in the middle of a load."""
    phase = Phase(f"{count} stops")
    requests = [request for request in mixed() if request.records == 1]
    begun = time.monotonic()
    for number in range(count):
        if not number % 10:
            print(f"stop {number + 1} of {count}", file=sys.stderr, flush=True)
        for server in start():
            assert server.process is not None
            asyncio.run(stopped(server.port, partial(os.kill, server.pid, signal.SIGTERM),
                                requests, 2 * CALLERS, phase.account))
            if status := server.process.wait(timeout=60):
                phase.broken.append(f"stop {number + 1} ended with exit status {status}")
    phase.wall = time.monotonic() - begun
    phase.expect(200, 503, NOT_TAKEN)
    return phase


def slope(memory: Sequence[tuple[float, float]]) -> float:
    """MiB an hour, by least squares over the later half: at first there is much to be filled."""
    late = memory[len(memory) // 2:]
    middle = sum(at for at, _ in late) / len(late)
    mean = sum(size for _, size in late) / len(late)
    spread = sum((at - middle) ** 2 for at, _ in late)
    return 3600 * sum((at - middle) * (size - mean) for at, size in late) / (spread or 1)


def table(phases: Sequence[Phase]) -> str:
    """All phases: the answered, the refused and the lost, and what pings felt."""
    rows = []
    for phase in phases:
        counts = phase.account.counts
        good, refused = (phase.account.seconds[status] for status in (200, 503))
        pings = [value for value in phase.pings if value is not None]
        rows.append((phase.name, f"{phase.wall:.0f}", f"{counts[200]:,}",
                     measure.number(counts[200] / phase.wall), *_milliseconds(good, 0.5, 0.99),
                     f"{counts[503]:,}", *_milliseconds(refused, 0.99), counts[LOST],
                     *_milliseconds(pings, 0.5, 0.99, 1)))
    return measure.markdown_table(
        ("phase", "seconds", "answered", "a second", "p50 ms", "p99 ms", "refused", "p99 ms",
         "lost", "ping p50 ms", "p99 ms", "longest ms"), rows)


def _milliseconds(seconds: Sequence[float], *shares: float) -> list[str]:
    return [measure.number(1000 * measure.quantile(seconds, share)) if seconds else ""
            for share in shares]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the phases and print what they found."""
    options = _options(arguments)
    about, cores = measure.machine(), measure.cores()
    measure.pin(cores[0])

    def start(workers: int = options.workers) -> Iterator[Server]:
        with serving(_launch(options, workers), cores[-1]) as server:
            yield server

    phases: list[Phase] = []
    memory: list[tuple[float, float]] = []
    for server in start() if options.minutes else ():
        phases.append(saturation(server, 60 * options.minutes, memory))
    if options.seconds:
        for server in start(1):
            phases.extend(overload(server, options.seconds))
        for server in start():
            phases.append(slow_clients(server, options.stalled, options.seconds))
        for server in start():
            phases.append(kills(server, options.seconds))
    if options.stops:
        phases.append(stops(start, options.stops))
    print(f"{about}; {options.image or 'processes'}, {options.workers} workers on one core\n\n"
          f"{table(phases)}")
    if memory:
        quarters = ", ".join(f"{memory[place * (len(memory) - 1) // 4][1]:.0f}"
                             for place in range(5))
        print(f"\nmemory at the start and after each quarter: {quarters} MiB; "
              f"{slope(memory):+.1f} MiB an hour over the later half")
    broken = [f"{phase.name}: {promise}" for phase in phases for promise in phase.broken]
    print("\n".join(["", *(broken or ["every promise was kept"])]))
    return 1 if broken else 0


def _launch(options: argparse.Namespace, workers: int) -> Callable[[Place], Launch]:
    model = options.model.absolute()

    def launch(place: Place) -> Launch:
        settings = {"SAGEMAKER_BIND_TO_PORT": str(place.port), "MALLOC_ARENA_MAX": "2",
                    "SAGEMAKER_MODEL_SERVER_WORKERS": str(workers)}
        if options.image is None:
            (place.tree / "model").symlink_to(model)
            return Launch([sys.executable, str(ROOT / "container" / "serve"), "--root",
                           str(place.tree)], settings)
        name = f"soak-{place.port}"
        # The host's network: a translated one would hide whose connection ended.
        return Launch(["docker", "run", "--rm", "--name", name, "--network=host",
                       f"--cpuset-cpus={place.core}",
                       *(f"--env={key}={value}" for key, value in settings.items()),
                       f"--volume={model}:/opt/ml/model:ro", options.image, "serve"],
                      container=name)
    return launch


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="benchmarks/soak.py", description=__doc__)
    parser.add_argument("--model", type=Path, default=ROOT / "model", metavar="DIR",
                        help="a folder with model.json (default: the bundled one)")
    parser.add_argument("--image", metavar="TAG",
                        help="serve with docker run instead of a process; as root only")
    parser.add_argument("--workers", type=int, default=2, help="default: %(default)s")
    parser.add_argument("--minutes", type=float, default=30,
                        help="of saturation (default: %(default)s); 0 here and below leaves out")
    parser.add_argument("--seconds", type=int, default=60,
                        help="of each of the next four (default: %(default)s)")
    parser.add_argument("--stalled", type=int, default=100, metavar="N",
                        help="clients that stall (default: %(default)s)")
    parser.add_argument("--stops", type=int, default=200, metavar="N", help="default: %(default)s")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
