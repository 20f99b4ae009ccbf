"""A socket that gives up clients that send drop by drop. Sources: requirements N8, S9.

The kernel's timeout is for one piece, and a client that sends a byte now and then never meets it.
"""

from __future__ import annotations

import errno
import socket
import time

PAUSE_SECONDS = 10
"""Between two pieces of a request, or of an answer; and what a request may take at any pace."""

SLOWEST = 1024
"""Bytes a second that a request which takes longer must have come at."""


class PacedSocket(socket.socket):
    """Takes over a connection; each `recv` that ends too late raises BlockingIOError."""

    def __init__(self, connection: socket.socket) -> None:
        super().__init__(connection.family, connection.type, connection.proto,
                         fileno=connection.detach())
        self.begin()

    def begin(self) -> None:
        """A new request begins now."""
        self._end = time.monotonic() + PAUSE_SECONDS

    def recv(self, size: int, flags: int = 0, /) -> bytes:
        data = super().recv(size, flags)
        self._end += len(data) / SLOWEST
        if time.monotonic() > self._end:
            raise BlockingIOError(errno.EAGAIN, "the client sends too slowly")
        return data
