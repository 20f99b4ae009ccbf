"""Answering over HTTP: ours, the published code behind Flask, and fastText behind our HTTP side.

Each server has one worker on one core, and the callers sit on another. The servers take turns:
each round starts one after the other anew, warms it, sends it single reviews as text/plain over
connections that stay open, and stops it. Each test review is sent to a server once.
"""

from __future__ import annotations

import argparse
import itertools
import json
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

sys.path.extend(str(Path(__file__).resolve().parents[1] / place) for place in (".", "container"))

from benchmarks import measure, ways
from benchmarks.load import Phase, pings, send
from benchmarks.nltk_data import add_nltk_option, unpacked
from benchmarks.reviews import Review, add_archive_option, read_reviews
from benchmarks.servers import Server, serving
from benchmarks.ways import Way

BATCH = 512
BASELINES = ("literal", "cached", "fasttext")


@dataclass
class Visit:
    """One start of one server, and all that was sent to it until it stopped."""

    start: float
    """Seconds from the command to the first healthy ping."""
    start_cpu: float
    idle: int
    """Resident bytes before the first review."""
    singles: dict[int, Phase] = field(default_factory=dict)
    """By the number of connections."""
    pings: list[float] = field(default_factory=list)
    batches: Phase | None = None
    loaded: int = 0
    """Resident bytes after the last single review."""
    answers: dict[int, int] = field(default_factory=dict)
    """Labels by the place of the review among the test reviews."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print."""
    options = _options(arguments)
    about = measure.machine()
    cores = measure.cores()
    with tempfile.TemporaryDirectory(prefix="benchmark-serving-") as scratch:
        measure.pin(cores[-1])  # what is trained here, and the servers; the callers move away
        compared = _ways(options, Path(scratch))
        measure.pin(cores[0])
        reviews = read_reviews(options.archive, "test")
        warm_up, fresh = reviews[:options.warm_up], reviews[options.warm_up:]
        most = options.rounds * (len(options.connections) * max(way.requests for way in compared)
                                 + options.batches * BATCH)
        if most > len(fresh):
            raise SystemExit(f"{most} reviews are needed and {len(fresh)} are left beside those to "
                             "warm up with; take fewer rounds, requests or batches")
        visits: dict[str, list[Visit]] = {way.name: [] for way in compared}
        places = {way.name: iter(range(len(fresh))) for way in compared}
        for _ in range(options.rounds):
            for way in compared:
                with serving(way.launch, cores[-1]) as server:
                    visits[way.name].append(
                        _visit(server, way, warm_up, fresh, places[way.name], options))
    labels = [review.label for review in fresh]
    print(f"{about}; {options.image or 'processes'}\n")
    print(throughput(visits))
    print(f"\n{starts(visits, labels)}")
    if len(compared) > len(options.names):
        print(f"\n{ratios(visits, options.names)}\n\n{agreement(visits)}")
    return 0


def _ways(options: argparse.Namespace, scratch: Path) -> list[Way]:
    """Ours first, then the others."""
    options.names = [ways.name_of(model) for model in options.model]
    if len(set(options.names)) < len(options.names):
        options.names = [f"{name} in {model}" for name, model
                         in zip(options.names, options.model, strict=True)]
    found = [ways.ours(model.absolute(), name, options.image, options.requests,
                       options.warm_up)
             for model, name in zip(options.model, options.names, strict=True)]
    plain = next((model.absolute() for model in options.model
                  if ways.name_of(model) == "lstm+classic"), None)
    for name, count, warm_up in (("literal", options.literal_requests, 5),
                                 ("cached", options.cached_requests, options.warm_up)):
        if name not in options.without:
            if plain is None:
                raise SystemExit("the published code needs a --model of lstm and classic; or "
                                 "leave it out: --without literal cached")
            (folder := scratch / name).mkdir()
            found.append(ways.flask(plain, unpacked(options.nltk_data, folder), count, warm_up,
                                    cached=name == "cached"))
    if "fasttext" not in options.without:
        (folder := scratch / "fasttext").mkdir()
        found.append(ways.fasttext(ways.train_fasttext(options.archive, folder), options.requests,
                                   options.warm_up))
    return found


def _visit(server: Server, way: Way, warm_up: Sequence[Review], fresh: Sequence[Review],
           places: Iterator[int], options: argparse.Namespace) -> Visit:
    """All that is asked of a server between its start and its end."""
    visit = Visit(server.start, server.cpu_seconds(), server.memory())
    send(server, [review.content for review in warm_up[:way.warm_up]], "text/plain", 1,
         logged=False)
    visit.pings = pings(server, way.requests)
    for connections in options.connections:
        taken = list(itertools.islice(places, way.requests))
        phase = send(server, [fresh[place].content for place in taken], "text/plain", connections,
                     logged=way.contract)
        visit.singles[connections] = phase
        visit.answers |= {taken[number]: int(answer) for number, answer in phase.answers.items()}
    visit.loaded = server.memory()
    if way.contract and options.batches:
        bodies = [_batch([fresh[place] for place in itertools.islice(places, BATCH)])
                  for _ in range(options.batches)]
        visit.batches = send(server, bodies, "application/jsonlines", 1, reviews_each=BATCH,
                             logged=True)
    return visit


def _batch(reviews: Sequence[Review]) -> bytes:
    return "\n".join(json.dumps({"text": review.content.decode()}) for review in reviews).encode()


def throughput(visits: dict[str, list[Visit]]) -> str:
    """The table of speed: each server at each number of connections, and in batches."""
    rows = []
    for name, own in visits.items():
        kinds = [(str(count), [visit.singles[count] for visit in own]) for count in own[0].singles]
        kinds.append((f"1, batches of {BATCH}", [visit.batches for visit in own if visit.batches]))
        for connections, phases in kinds:
            if phases:
                model = [value for phase in phases for value in phase.model]
                rows.append((
                    name, connections, measure.spread(phase.per_second for phase in phases),
                    measure.spread(1000 * phase.cpu_per_review for phase in phases),
                    *_quantiles([value for phase in phases for value in phase.latencies]),
                    _milliseconds(model, 0.5) if model else "",
                    sum(phase.refused for phase in phases)))
    return measure.markdown_table(
        ("server", "connections", "reviews/s", "CPU s per 1,000 reviews", "median ms", "p90 ms",
         "p99 ms", "in the model ms", "refused"), rows)


def starts(visits: dict[str, list[Visit]], labels: Sequence[int]) -> str:
    """The table of what a server costs beside its speed, and how often it is right."""
    rows = []
    for name, own in visits.items():
        answers = {place: label for visit in own for place, label in visit.answers.items()}
        right = sum(label == labels[place] for place, label in answers.items())
        rows.append((name, f"{right / len(answers):.3f} of {len(answers):,}",
                     measure.spread(visit.start for visit in own),
                     measure.spread(visit.start_cpu for visit in own),
                     _mebibytes(visit.idle for visit in own),
                     _mebibytes(visit.loaded for visit in own),
                     _milliseconds([value for visit in own for value in visit.pings], 0.5)))
    return measure.markdown_table(
        ("server", "accuracy", "start to first ping s", "CPU s of it", "idle MiB",
         "after single reviews MiB", "GET /ping median ms"), rows)


def ratios(visits: dict[str, list[Visit]], ours: Sequence[str]) -> str:
    """The table of CPU seconds per review, as times those of each of ours in the same round."""
    rows = []
    for name in (name for name in visits if name not in ours):
        for count in visits[name][0].singles:
            rows.append((name, count, *(
                measure.spread(other.singles[count].cpu_per_review
                               / own.singles[count].cpu_per_review
                               for other, own in zip(visits[name], visits[mine], strict=True))
                for mine in ours)))
    return measure.markdown_table(
        ("CPU per review of", "connections", *(f"times {name}" for name in ours)), rows)


def agreement(visits: dict[str, list[Visit]]) -> str:
    """On how many reviews each server says what the first one says."""
    first, *others = [(name, {place: label for visit in own for place, label
                              in visit.answers.items()}) for name, own in visits.items()]
    lines = []
    for name, answers in others:
        common = answers.keys() & first[1].keys()
        differ = sum(answers[place] != first[1][place] for place in common)
        lines.append(f"- {name} and {first[0]}: {len(common)} reviews answered by both, "
                     f"{differ} differently")
    return "\n".join(lines)


def _quantiles(seconds: Sequence[float]) -> list[str]:
    return [_milliseconds(seconds, share) for share in (0.5, 0.9, 0.99)]


def _milliseconds(seconds: Sequence[float], share: float) -> str:
    return measure.number(1000 * measure.quantile(seconds, share))


def _mebibytes(values: Iterator[int]) -> str:
    return measure.number(measure.spread(value / 2**20 for value in values).median)


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="benchmarks/serving.py", description=__doc__,
        epilog="fastText is in no list of requirements: `.venv/bin/pip install fasttext` builds it "
               "with gcc. It learns the archive's training reviews before the first round.")
    add_archive_option(parser)
    add_nltk_option(parser)
    parser.add_argument("--model", type=Path, required=True, action="append", metavar="DIR",
                        help="a folder with model.json, as `train` writes it; several may be "
                             "given, and the published code gets the weights of the first that "
                             "is lstm and classic")
    parser.add_argument("--image", metavar="TAG",
                        help="serve ours with docker run instead of a process; as root only, who "
                             "may read the figures of the container's processes")
    parser.add_argument("--without", nargs="+", choices=BASELINES, default=[],
                        help="servers to leave out")
    parser.add_argument("--connections", type=int, nargs="+", default=[1, 8, 32], metavar="N",
                        help="how many callers at once, one after the other (default: 1 8 32)")
    parser.add_argument("--rounds", type=int, default=3, help="default: %(default)s")
    for name, count in (("requests", 1000), ("cached-requests", 300), ("literal-requests", 60)):
        parser.add_argument(f"--{name}", type=int, default=count, metavar="N", help=(
            "single reviews in each round and for each number of connections "
            "(default: %(default)s)"))
    parser.add_argument("--batches", type=int, default=4,
                        help=f"batches of {BATCH} in each round (default: %(default)s)")
    parser.add_argument("--warm-up", type=int, default=2000, metavar="N",
                        help="reviews before the clock starts (default: %(default)s)")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
