"""How far a long job is: a bar for a terminal, a plain line every few seconds for a log.

Source: requirement T27 (one event per line, no carriage returns in the log).
"""

from __future__ import annotations

import os
import sys
import time
from types import TracebackType
from typing import Self, TextIO

from tqdm import tqdm

SECONDS_BETWEEN_LINES = 5.0


class Progress:
    """Counts `unit`s up to `total`; use it as a context manager."""

    def __init__(self, what: str, total: int, unit: str, *, done: int = 0,
                 stream: TextIO | None = None) -> None:
        self.what = what
        self.total = total
        self.unit = unit
        self.done = done
        self._first = done
        self._stream = stream or sys.stdout
        self._start = self._last_line = time.monotonic()
        self._bar: tqdm[None] | None = None
        if _is_terminal(self._stream):
            self._bar = tqdm(total=total, initial=done, desc=what, unit=f" {unit}",
                             file=self._stream, leave=False, dynamic_ncols=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 trace: TracebackType | None) -> None:
        if self._bar is not None:
            self._bar.close()

    def advance(self, count: int) -> None:
        """Say that `count` more units are done."""
        self.done += count
        if self._bar is not None:
            self._bar.update(count)
        elif time.monotonic() - self._last_line >= SECONDS_BETWEEN_LINES:
            self._last_line = time.monotonic()
            print(self.line(), file=self._stream, flush=True)

    def line(self) -> str:
        """For example `epoch 2/10: 12800 of 22500 reviews, 612 reviews/s, 0:16 left`."""
        rate = (self.done - self._first) / max(time.monotonic() - self._start, 1e-9)
        left = clock((self.total - self.done) / rate) if rate > 0 else "unknown time"
        return (f"{self.what}: {self.done} of {self.total} {self.unit}, "
                f"{rate:.0f} {self.unit}/s, {left} left")


def _is_terminal(stream: TextIO) -> bool:
    """A terminal that says how wide it is; one of width 0, as some tools make, shows no bar."""
    if not stream.isatty():
        return False
    try:
        return os.get_terminal_size(stream.fileno()).columns > 0
    except OSError:
        return False


def clock(seconds: float) -> str:
    """Format a duration as `m:ss` or `h:mm:ss`."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"
