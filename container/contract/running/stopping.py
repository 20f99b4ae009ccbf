"""SIGTERM and SIGINT as a flag that the training loop reads between two steps.

Sources: requirements T6 (stop of a training job), P3 (processing stops with SIGINT), N7.
"""

from __future__ import annotations

import signal
from types import FrameType


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
