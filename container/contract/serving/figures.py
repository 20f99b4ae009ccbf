"""Figures of the whole server for Prometheus. Sources: requirements S19, S24, S25.

The workers are processes, and any of them may be asked. So each adds to numbers of its own in
memory that was shared before the fork, and whoever is asked sums them up: no file, no lock between
processes, no semaphore, which some of the platform's modes do not have. The numbers of a worker
that dies stay, and its successor adds to them, so no sum ever falls.
"""

from __future__ import annotations

import mmap
import os
import threading
from bisect import bisect_left
from collections.abc import Iterator
from itertools import accumulate
from pathlib import Path

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0,
           600.0, 3600.0)
"""Upper bounds in seconds: from one short review to a deadline of an hour."""

_CLASSES = ("2xx", "3xx", "4xx", "5xx")
# Name and meaning; the first is the one that has labels.
_COUNTERS = {
    "serving_requests_total": "Requests that were answered, by class of status; pings left out.",
    "serving_refused_total": "Requests that were sent away with 503 because too many were waiting.",
    "serving_records_total": "Records that were read from requests.",
    "serving_bad_records_total": "Records that could not be used and were marked in the answer.",
    "serving_request_bytes_total": "Bytes of bodies that came, unpacked.",
    "serving_response_bytes_total": "Bytes of bodies that were sent.",
}
_HISTOGRAMS = {
    "serving_request_seconds": "From the head of a request to its answer, by request.",
    "serving_model_seconds": "In the model, calls shared with others included, by request.",
}
_WIDTH = len(BUCKETS) + 2  # a bucket for all that is longer, and the sum

# Where the numbers of one worker stand.
_CLASS = 0
_PLAIN = _CLASS + len(_CLASSES)
_SECONDS = _PLAIN + len(_COUNTERS) - 1
_WAITING = _SECONDS + _WIDTH * len(_HISTOGRAMS)
_EXITS = _WAITING + 1
_PROCESS = _EXITS + 1
_READY = _PROCESS + 1
_CELLS = _READY + 1

_FREE, _RESERVED = 0.0, -1.0


class Figures:
    """Counts of all processes of a server; made before they are forked.

    The numbers are 64 bits each and have one writer each, so a reader never sees half of one.
    """

    def __init__(self, workers: int) -> None:
        """Makes room for twice as many workers: a reload starts new ones before the old end."""
        self._slots = 1 + 2 * workers
        memory = mmap.mmap(-1, 8 * _CELLS * self._slots)
        self._cells = memoryview(memory).cast("d")
        self._lock = threading.Lock()
        self._base = 0
        self._cells[_PROCESS] = os.getpid()  # the first slot is the master's
        self.model: dict[str, str] = {}
        """What is to be said of the model, by label, if there is only one."""

    def reserve(self) -> int:
        """In the master, before a fork: the slot for the next worker."""
        free = [slot for slot in range(1, self._slots)
                if self._cells[slot * _CELLS + _PROCESS] == _FREE]
        slot = free[0] if free else self._slots - 1
        self._cells[slot * _CELLS + _PROCESS] = _RESERVED
        return slot

    def enter(self, slot: int) -> None:
        """In a worker, after the fork: count in that slot from now on."""
        self._base = slot * _CELLS
        self._cells[self._base + _PROCESS] = os.getpid()

    def ready(self) -> None:
        """In a worker: it can answer."""
        self._add(_READY, 1)

    @property
    def ever_ready(self) -> bool:
        """Whether any worker could answer, however it has ended."""
        return self._sum(_READY) > 0

    def leave(self, slot: int) -> None:
        """In the master: the worker of that slot has ended."""
        self._cells[slot * _CELLS + _PROCESS] = _FREE
        self._cells[slot * _CELLS + _WAITING] = 0
        self._add(_EXITS, 1)

    def request(self, status: int, *, refused: bool, records: int, bad: int, bytes_in: int,
                bytes_out: int, seconds: float, model_seconds: float) -> None:
        """Count one request."""
        with self._lock:
            self._add(_CLASS + status // 100 - 2, 1)
            for place, value in enumerate((refused, records, bad, bytes_in, bytes_out), _PLAIN):
                self._add(place, value)
            self._observe(0, seconds)
            if model_seconds:
                self._observe(1, model_seconds)

    def waiting(self, change: int) -> None:
        """Count requests that begin or cease to wait for the model."""
        with self._lock:
            self._add(_WAITING, change)

    def _observe(self, histogram: int, seconds: float) -> None:
        first = _SECONDS + histogram * _WIDTH
        self._add(first + bisect_left(BUCKETS, seconds), 1)
        self._add(first + _WIDTH - 1, seconds)

    def _add(self, place: int, value: float) -> None:
        self._cells[self._base + place] += value

    def _sum(self, place: int) -> float:
        return sum(self._cells[place::_CELLS])

    def text(self) -> str:
        """All of them in Prometheus' text format."""
        return "\n".join(self._lines()) + "\n"

    def _lines(self) -> Iterator[str]:
        first, *others = _COUNTERS
        yield from _head(first, "counter", _COUNTERS[first])
        for place, name in enumerate(_CLASSES, _CLASS):
            yield f'{first}{{code="{name}"}} {self._sum(place):.0f}'
        for place, name in enumerate(others, _PLAIN):
            yield from _head(name, "counter", _COUNTERS[name])
            yield f"{name} {self._sum(place):.0f}"
        for place, name in enumerate(_HISTOGRAMS):
            yield from _head(name, "histogram", _HISTOGRAMS[name])
            start = _SECONDS + place * _WIDTH
            *counts, total = (self._sum(cell) for cell in range(start, start + _WIDTH))
            *below, count = accumulate(counts)
            for bound, value in zip(BUCKETS, below, strict=True):
                yield f'{name}_bucket{{le="{bound}"}} {value:.0f}'
            yield f'{name}_bucket{{le="+Inf"}} {count:.0f}'
            yield f"{name}_sum {total:.6f}"
            yield f"{name}_count {count:.0f}"
        processes = [int(value) for value in self._cells[_PROCESS::_CELLS] if value > 0]
        for name, kind, meaning, value in (
                ("serving_waiting_requests", "gauge", "Requests that wait for the model now.",
                 self._sum(_WAITING)),
                ("serving_workers", "gauge", "Worker processes now.", len(processes) - 1),
                ("serving_worker_exits_total", "counter",
                 "Workers that have ended, for whatever reason; each is replaced.",
                 self._sum(_EXITS)),
                ("serving_memory_bytes", "gauge",
                 "Memory of all processes; what they share is counted once.",
                 sum(map(_memory, processes)))):
            yield from _head(name, kind, meaning)
            yield f"{name} {value:.0f}"
        if self.model:
            yield from _head("serving_model_info", "gauge", "The model that is served; always 1.")
            labels = ",".join(f'{name}="{_escaped(value)}"' for name, value in self.model.items())
            yield f"serving_model_info{{{labels}}} 1"


def _head(name: str, kind: str, meaning: str) -> Iterator[str]:
    yield f"# HELP {name} {meaning}"
    yield f"# TYPE {name} {kind}"


def _escaped(value: str) -> str:
    return value.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")


def _memory(process: int) -> int:
    """Bytes of a process, its part of what it shares; 0 where the system does not say."""
    try:
        lines = Path(f"/proc/{process}/smaps_rollup").read_text().splitlines()
        return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("Pss:"))
    except (OSError, StopIteration, ValueError):
        return 0
