"""What the benchmarks share: pinning, taking turns, medians with their spread, tables.

Two clocks are read: the wall's, which a caller feels, and the processor's, which a neighbour on the
same machine disturbs far less. A figure is always the median of several rounds, and the ways to be
compared take turns within each round, so that a slow minute of the machine hits all of them.
"""

from __future__ import annotations

import math
import os
import platform
import statistics
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple


class Spread(NamedTuple):
    """The median of some rounds, the smallest and the largest."""

    median: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{number(self.median)} ({number(self.low)} to {number(self.high)})"


@dataclass(frozen=True)
class Round:
    """How long some work took, once."""

    reviews: int
    wall: float
    """Seconds on the wall's clock."""
    cpu: float
    """Seconds of processor time."""


def spread(values: Iterable[float]) -> Spread:
    """Raises ValueError (statistics.StatisticsError): there is no value."""
    ordered = sorted(values)
    return Spread(statistics.median(ordered), ordered[0], ordered[-1])


def quantile(values: Iterable[float], share: float) -> float:
    """The smallest value that at least `share` of all values do not exceed."""
    ordered = sorted(values)
    rank = math.ceil(round(share * len(ordered), 9))  # rounded: 0.07 * 100 is a little more than 7
    return ordered[max(0, rank - 1)]


def per_wall_second(rounds: Iterable[Round]) -> Spread:
    """Reviews per second as a caller sees them."""
    return spread(entry.reviews / entry.wall for entry in rounds)


def per_cpu_second(rounds: Iterable[Round]) -> Spread:
    """Reviews per second of processor time."""
    return spread(entry.reviews / entry.cpu for entry in rounds)


def timed(work: Callable[[], int]) -> Round:
    """Run `work`, which says how many reviews it dealt with, and read both clocks."""
    cpu, wall = time.process_time(), time.perf_counter()
    reviews = work()
    return Round(reviews, time.perf_counter() - wall, time.process_time() - cpu)


def alternate(rounds: int, ways: Mapping[str, Callable[[int], Round]]) -> dict[str, list[Round]]:
    """Each way once in every round, in the given order; a way is told the round's number."""
    results: dict[str, list[Round]] = {name: [] for name in ways}
    for at in range(rounds):
        for name, way in ways.items():
            results[name].append(way(at))
    return results


def pin(core: int) -> None:
    """Keep this process, and those it starts, on one core."""
    os.sched_setaffinity(0, {core})


def cores() -> list[int]:
    """The cores that this process may use."""
    return sorted(os.sched_getaffinity(0))


def number(value: float) -> str:
    """Three significant digits, and no more zeros than needed: `0.0123`, `4.57`, `12,300`."""
    rounded = float(f"{value:.3g}")
    if rounded == 0 or abs(rounded) >= 1000:
        return f"{rounded:,.0f}"
    return f"{rounded:.3g}"


def markdown_table(header: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """The first column to the left, all others to the right."""
    marks = ["---", *("---:" for _ in header[1:])]
    lines = [header, marks, *([str(cell) for cell in row] for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def machine() -> str:
    """In words, what the figures were taken on."""
    about = dict(line.split(":", 1) for line in Path("/proc/cpuinfo").read_text().splitlines()
                 if ":" in line)
    name = next((value.strip() for key, value in about.items() if key.strip() == "model name"),
                platform.machine())
    load = os.getloadavg()[0]
    return (f"{name}, {len(cores())} cores, Python {platform.python_version()}, "
            f"load {load:.1f} at the start")
