"""Threads that come to a gate while its predictor is held, and a predictor of numbers."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, NamedTuple, Self

from contract.serving.gate import Deadline, Gate, Turn
from executables import PATIENCE

Work = Callable[[list[int], Callable[[], None]], None]


class Number(NamedTuple):
    """An instance. Its answer is its value, unless it brings a fault."""

    value: int
    weight: int = 1
    fault: BaseException | None = None


class Lonely:
    """A predictor of numbers whose calls are not shared. A call for 0 alone is held until `go`."""

    name = "numbers"

    def __init__(self, work: Work = lambda values, check: None) -> None:
        self.calls: list[list[int]] = []
        self.held, self.go = threading.Event(), threading.Event()
        self._work = work
        self._free = threading.Lock()

    def predict(self, instances: Sequence[Number], check: Callable[[], None]) -> list[Any]:
        assert self._free.acquire(blocking=False), "called by two threads at once"
        try:
            values = [instance.value for instance in instances]
            self.calls.append(values)
            if values == [0]:
                self.held.set()
                assert self.go.wait(PATIENCE)
            self._work(values, check)
            for instance in instances:
                if instance.fault:
                    raise instance.fault
            return values
        finally:
            self._free.release()

    def start(self, threads: int) -> None:
        pass

    def read(self, record: object, options: Mapping[str, Any]) -> object:
        return record

    def counts(self, predictions: Sequence[Any]) -> dict[str, int]:
        return {}


class Sociable(Lonely):
    """The same, and its calls are shared."""

    def weight(self, instance: Number) -> int:
        return instance.weight


def turn(*numbers: Number | int, seconds: float = PATIENCE) -> Turn:
    return Turn([Number(number) if isinstance(number, int) else number for number in numbers],
                Deadline(seconds))


def answers(gate: Gate, *numbers: Number | int, seconds: float = PATIENCE) -> Sequence[Any]:
    return gate.predict(turn(*numbers, seconds=seconds))


class Crowd:
    """Requests that wait while the gate's first one, for 0, is being predicted; until the end."""

    def __init__(self, predictor: Lonely | None = None, queue: int = 100) -> None:
        self.predictor = predictor or Sociable()
        self.gate = Gate(self.predictor, queue)
        self._pool = ThreadPoolExecutor(queue + 1)

    def __enter__(self) -> Self:
        self._pool.submit(self.gate.predict, turn(0))
        assert self.predictor.held.wait(PATIENCE)
        return self

    def __exit__(self, *_: object) -> None:
        self.predictor.go.set()
        self._pool.shutdown()

    def ask(self, *numbers: Number | int) -> Future[Sequence[Any]]:
        """Another request, which waits now behind all that were made before."""
        return self.come(turn(*numbers))

    def come(self, turn: Turn) -> Future[Sequence[Any]]:
        before = len(self.gate._waiting)
        answer = self._pool.submit(self.gate.predict, turn)
        end = time.monotonic() + PATIENCE
        while len(self.gate._waiting) == before:
            assert time.monotonic() < end, "the request does not wait"
            time.sleep(0.0001)
        return answer
