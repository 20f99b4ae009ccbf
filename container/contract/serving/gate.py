"""Who may predict now, who waits, and who is sent away. Sources: requirements S8, S9, N4."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from contract.errors import RequestError


class Deadline:
    """A moment until which one request must be answered."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._end = time.monotonic() + seconds

    @property
    def left(self) -> float:
        return self._end - time.monotonic()

    def check(self) -> None:
        """Raises RequestError: 504, the moment has passed."""
        if self.left <= 0:
            raise RequestError(504, f"no answer within {self._seconds:g} seconds; send fewer "
                                    "records at once, or use batch transform")


class Gate:
    """At most `slots` predictions at a time in this process, and at most `queue` waiting."""

    def __init__(self, slots: int, queue: int) -> None:
        self._slots = threading.Semaphore(slots)
        self._places = slots + queue
        self._inside = 0
        self._lock = threading.Lock()

    @contextmanager
    def enter(self, deadline: Deadline) -> Iterator[None]:
        """Hold a slot.

        Raises:
            RequestError: 503, the queue is full or the wait would last beyond the deadline.
        """
        with self._lock:
            if self._inside >= self._places:
                raise RequestError(503, "too many requests are waiting; try again in a moment",
                                   retry_after=1)
            self._inside += 1
        try:
            if not self._slots.acquire(timeout=max(0.0, deadline.left)):
                raise RequestError(503, "no prediction slot became free in time; try again",
                                   retry_after=1)
            try:
                yield
            finally:
                self._slots.release()
        finally:
            with self._lock:
                self._inside -= 1
