"""A socket that gives up clients that send or read drop by drop. Sources: requirements N8, S9.

The kernel's timeout is for one piece, and a client that takes a byte now and then never meets it.
"""

from __future__ import annotations

import errno
import socket
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

PAUSE_SECONDS = 10
"""Between two pieces of a request, or of an answer; and what either may take at any pace."""

SLOWEST = 1024
"""Bytes a second that a request which takes longer must have come at."""

SLOWEST_READER = 16 * 1024
"""The same of an answer, which may have a gigabyte."""

CONNECTION = "gunicorn.socket"
"""Where the environment of a request has the connection it came on."""

_PIECE = 64 * 1024


class Abandoned:
    """Something that may be left without another request."""

    abandoned = False


class PacedSocket(socket.socket, Abandoned):
    """Takes over a connection; what ends too late raises BlockingIOError."""

    def __init__(self, connection: socket.socket) -> None:
        super().__init__(connection.family, connection.type, connection.proto,
                         fileno=connection.detach())
        self.begin()

    def begin(self) -> None:
        """A new request begins now."""
        self._end = time.monotonic() + PAUSE_SECONDS
        self._answer_end: float | None = None

    def recv(self, size: int, flags: int = 0, /) -> bytes:
        data = super().recv(size, flags)
        self._end += len(data) / SLOWEST
        if time.monotonic() > self._end:
            raise BlockingIOError(errno.EAGAIN, "the client sends too slowly")
        return data

    def sendall(self, data: ReadableBuffer, flags: int = 0, /) -> None:
        if self._answer_end is None:
            self._answer_end = time.monotonic() + PAUSE_SECONDS
        rest = memoryview(data).cast("B")
        while rest:
            sent = self.send(rest[:_PIECE], flags)
            rest = rest[sent:]
            self._answer_end += sent / SLOWEST_READER
            if time.monotonic() > self._answer_end:
                raise BlockingIOError(errno.EAGAIN, "the client reads too slowly")
