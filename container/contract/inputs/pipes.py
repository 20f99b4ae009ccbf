"""A channel in Pipe mode: bytes that come once through a FIFO. Source: requirement T17.

The FIFO is opened without waiting for its writer and then asked whether there is something to read,
a moment at a time, so that a signal to stop is heard however long the platform takes.
"""

from __future__ import annotations

import io
import logging
import os
import select
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from contract.errors import UserError

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

PATIENCE = 300.0
"""Seconds that a FIFO may take to appear."""

_MOMENT = 0.1
_REMIND = 60.0
"""Seconds without a byte after which the log says what is waited for."""

_BUFFER = 1 << 20

log = logging.getLogger(__name__)


def open_pipe(path: Path, check: Callable[[], None], patience: float = PATIENCE) -> BinaryIO:
    """The FIFO at `path` as a stream, as soon as it exists; it ends where its writer ends.

    Args:
        path: it need not exist yet.
        check: called several times a second while waiting here or for bytes; may raise to stop.
        patience: seconds that the FIFO may take to appear.

    Raises:
        UserError: there is no FIFO.
    """
    end = time.monotonic() + patience
    while True:
        check()
        try:
            return io.BufferedReader(_Pipe(path, check), _BUFFER)
        except FileNotFoundError:
            if time.monotonic() >= end:
                raise UserError(
                    f"no pipe {path} after {patience:g} seconds; a channel with TrainingInputMode "
                    "Pipe needs one, and one with files needs File or FastFile") from None
            time.sleep(_MOMENT)


class _Pipe(io.RawIOBase):
    def __init__(self, path: Path, check: Callable[[], None]) -> None:
        self._path, self._check = path, check
        self._file = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
        self._poll = select.poll()
        self._poll.register(self._file, select.POLLIN)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer) -> int:
        """Bytes read, at least one; 0 when the writer has closed. Raises what `check` raises."""
        begun = time.monotonic()
        while True:
            self._check()
            # Linux reports the end only after there was a writer, not while one is yet to come.
            if self._poll.poll(_MOMENT * 1000):
                try:
                    return os.readv(self._file, [buffer])
                except BlockingIOError:  # another reader was faster
                    continue
            if time.monotonic() - begun > _REMIND:
                log.info("still waiting for bytes from %s", self._path)
                begun = time.monotonic()

    def close(self) -> None:
        if not self.closed:
            os.close(self._file)
        super().close()
