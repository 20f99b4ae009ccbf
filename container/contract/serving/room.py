"""How much memory requests may take together while they are read and answered.

Sources: requirements S10, M4, N4. How many requests wait for the model is bounded elsewhere, but
not how large they are; so the large ones go one after the other.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from contract.errors import RequestError
from contract.serving.gate import Deadline

BODIES = 32 * 1024 * 1024
"""Bytes of bodies and answers, as they were sent, that are in memory at a time."""

RECORDS = 96 * 1024 * 1024
"""Bytes of what has become of bodies, at a time."""

BECOMES = 4
"""Bytes that a byte of a body becomes: its text, and objects made of it."""

SHORT = 64 * 1024
"""Bytes of a body that needs no room: as many as there may be threads take a few megabytes."""


class Room:
    """So many bytes for all threads of a process."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._taken = 0
        self._changed = threading.Condition()

    def take(self, size: int) -> bool:
        """Take so much if there is as much left; who has taken it gives it back."""
        with self._changed:
            if self._taken + size > self._size:
                return False
            self._taken += size
            return True

    def give_back(self, size: int) -> None:
        with self._changed:
            self._taken -= size
            self._changed.notify_all()

    @contextmanager
    def held(self, size: int, deadline: Deadline) -> Iterator[None]:
        """Hold so much for the length of the context; wait for it if others hold too much.

        Who finds nobody there may have more than there is.

        Raises:
            RequestError: 503, it did not become free in time.
        """
        with self._changed:
            if not self._changed.wait_for(
                    lambda: not self._taken or self._taken + size <= self._size, deadline.left):
                raise RequestError(503, "too many large requests at once; try again in a moment",
                                   retry_after=1)
            self._taken += size
        try:
            yield
        finally:
            self.give_back(size)
