"""Answering: the real `serve`, one worker on one core, asked over HTTP from another core.

Single reviews go as text/plain over connections that stay open; batches as JSON Lines. What the
model itself takes is read from the server's log, so that the rest is the price of HTTP.
"""

from __future__ import annotations

import argparse
import http.client
import itertools
import json
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[1]))

from benchmarks import measure
from benchmarks.reviews import add_archive_option, read_reviews
from benchmarks.servers import Server, serving

BATCH = 512
WARM_UP = 200
"""Requests before the clock starts."""
QUEUE = 64
"""The server's own default, 16, would turn some of 32 callers away; here they wait."""

HOW_TO_GET_A_MODEL = """\
no model in {}; one is made like this, with the archive's pos and neg below
/tmp/ml/input/data/train:  .venv/bin/python container/train --root /tmp/ml --hidden-dim 200
and then served with --model /tmp/ml/model"""


@dataclass
class Phase:
    """Requests of one kind, sent one after the other on each connection."""

    latencies: list[float] = field(default_factory=list)
    """Seconds, as the caller sees them."""
    model: list[float] = field(default_factory=list)
    """Seconds in the model, from the server's log."""
    refused: int = 0
    wall: float = 0.0
    cpu: float = 0.0
    """Seconds of the server's processes."""
    reviews: int = 0


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print."""
    options = _options(arguments)
    model = options.model.absolute()
    if not any((model / name).is_file() for name in ("model.json", "model_info.pth")):
        print(HOW_TO_GET_A_MODEL.format(model), file=sys.stderr)
        return 2
    about = measure.machine()
    core = measure.cores()[-1]
    measure.pin(measure.cores()[0])
    texts = [review.content for review in read_reviews(options.archive, "test")]
    with serving(model, options.image, core,
                 {"SAGEMAKER_MODEL_JOB_QUEUE_SIZE": str(QUEUE)}) as server:
        idle = server.memory()
        fresh = iter(texts)
        _singles(server, fresh, WARM_UP, 1)
        pings = _pings(server, options.requests)
        singles: dict[int, list[Phase]] = {count: [] for count in options.connections}
        batches = []
        for _ in range(options.rounds):
            for count, phases in singles.items():
                phases.append(_singles(server, fresh, options.requests, count))
            batches.append(_batches(server, fresh, options.batches))
        busy = server.memory()
    print(f"{about}; {options.image or 'container/serve'}\n")
    _print_latency(singles[options.connections[0]], pings)
    _print_throughput(singles, batches)
    print(f"\nresident memory of all processes: {idle >> 20} MiB before the first review, "
          f"{busy >> 20} MiB after {sum(phase.reviews for phase in batches)} reviews in batches")
    return 0


def _singles(server: Server, fresh: Iterator[bytes], requests: int, connections: int) -> Phase:
    """So many reviews one by one, shared out over so many connections."""
    bodies = list(itertools.islice(fresh, requests))
    return _send(server, bodies, "text/plain", connections, 1)


def _batches(server: Server, fresh: Iterator[bytes], count: int) -> Phase:
    bodies = ["\n".join(json.dumps({"text": text.decode()})
                        for text in itertools.islice(fresh, BATCH)).encode()
              for _ in range(count)]
    return _send(server, bodies, "application/jsonlines", 1, BATCH)


def _send(server: Server, bodies: Sequence[bytes], kind: str, connections: int,
          reviews_each: int) -> Phase:
    phase = Phase()
    before, cpu = len(server.requests()), server.cpu_seconds()
    waiting = iter(bodies)  # `next` of a list's iterator is one step, safe between threads

    def caller() -> None:
        connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
        for body in waiting:
            begun = time.perf_counter()
            connection.request("POST", "/invocations", body, {"Content-Type": kind})
            answer = connection.getresponse()
            answer.read()
            if answer.status == 200:
                phase.latencies.append(time.perf_counter() - begun)
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
    phase.model = _model_seconds(server, before, len(phase.latencies))
    return phase


def _model_seconds(server: Server, skip: int, count: int) -> list[float]:
    """Of the last `count` good answers. A container's log takes a moment to arrive.

    Raises:
        RuntimeError: no request was answered, or the log has more or fewer of them.
    """
    deadline = time.monotonic() + 10
    found: list[float] = []
    while len(found) < count and time.monotonic() < deadline:
        found = [entry["model_ms"] / 1000 for entry in server.requests(skip)
                 if entry["status"] == 200]
        time.sleep(0.01)
    if not count or len(found) != count:
        raise RuntimeError(f"{count} good answers, but {len(found)} in the log")
    return found


def _pings(server: Server, count: int) -> list[float]:
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


def _print_latency(phases: Sequence[Phase], pings: Sequence[float]) -> None:
    latencies = [value for phase in phases for value in phase.latencies]
    model = [value for phase in phases for value in phase.model]
    share = measure.quantile(model, 0.5) / measure.quantile(latencies, 0.5)
    print(measure.markdown_table(
        (f"one caller, {len(latencies)} reviews", "median ms", "p90 ms", "p99 ms"),
        [("POST /invocations, text/plain", *_quantiles(latencies)),
         ("of it in the model (server's log)", *_quantiles(model)),
         ("floor: GET /ping", *_quantiles(pings))]))
    print(f"\nshare of model time in the median latency: {share:.0%}\n")


def _print_throughput(singles: dict[int, list[Phase]], batches: Sequence[Phase]) -> None:
    kinds = [(f"single reviews, {count} connection{'s' if count > 1 else ''}", phases)
             for count, phases in singles.items()]
    print(measure.markdown_table(
        ("requests", "reviews/s", "server CPU s per 1,000 reviews", "median ms", "p90 ms",
         "p99 ms", "refused"),
        [(name, measure.spread(phase.reviews / phase.wall for phase in phases),
          measure.spread(1000 * phase.cpu / phase.reviews for phase in phases),
          *_quantiles([value for phase in phases for value in phase.latencies]),
          sum(phase.refused for phase in phases))
         for name, phases in [*kinds, (f"batches of {BATCH}, JSON Lines", batches)]]))


def _quantiles(seconds: Sequence[float]) -> list[str]:
    return [measure.number(1000 * measure.quantile(seconds, share)) for share in (0.5, 0.9, 0.99)]


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="benchmarks/serving.py", description=__doc__)
    add_archive_option(parser)
    parser.add_argument("--model", type=Path, required=True, metavar="DIR",
                        help="the folder with model.json, as `train` writes it")
    parser.add_argument("--image", metavar="TAG",
                        help="serve with docker run instead of a process; as root only, who may "
                             "read the figures of the container's processes")
    parser.add_argument("--connections", type=int, nargs="+", default=[1, 8, 32], metavar="N",
                        help="how many callers at once, one after the other (default: 1 8 32)")
    parser.add_argument("--requests", type=int, default=500,
                        help="single reviews in each round (default: %(default)s)")
    parser.add_argument("--batches", type=int, default=4,
                        help=f"batches of {BATCH} in each round (default: %(default)s)")
    parser.add_argument("--rounds", type=int, default=3, help="default: %(default)s")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
