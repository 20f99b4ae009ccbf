"""SIGTERM and SIGINT as a flag that the training loop reads between two steps.

Sources: requirements T6 (stop of a training job), P3 (processing stops with SIGINT), N7.
"""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

_STOPS = {signal.SIGTERM, signal.SIGINT, signal.SIGQUIT}


class Stopped(Exception):  # noqa: N818 - it is the outcome of a wish, not an error
    """The job was asked to stop before there was anything worth keeping."""

    def __init__(self, signal_number: int) -> None:
        super().__init__(f"stopped by {signal.Signals(signal_number).name}")
        self.signal_number = signal_number
        self.exit_status = 128 + signal_number


class StopRequest:
    """Remembers the first stop signal; truthy once one has arrived."""

    def __init__(self) -> None:
        self.signal_number = 0

    def listen(self) -> None:
        """Take over SIGTERM and SIGINT. Call it from the main thread."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._receive)

    def _receive(self, number: int, frame: FrameType | None) -> None:
        self.signal_number = self.signal_number or number

    def __bool__(self) -> bool:
        return self.signal_number != 0

    def raise_if_set(self) -> None:
        """Leave at once, for the parts of a job where nothing is lost by it.

        Raises:
            Stopped: a stop signal has arrived.
        """
        if self:
            raise Stopped(self.signal_number)


@contextmanager
def stops_wait() -> Iterator[None]:
    """Around a fork, stop signals wait; the new process says when they may come.

    At first it has its parent's handlers, which would take a signal for the parent's.
    """
    before = signal.pthread_sigmask(signal.SIG_BLOCK, _STOPS)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def let_stops_come() -> None:
    """In a process that was made while they waited, and has handlers of its own now."""
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _STOPS)
