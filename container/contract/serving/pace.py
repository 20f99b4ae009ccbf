"""A socket that gives up clients that send or read drop by drop. Sources: requirements N8, S9.

The kernel's timeout is for one piece, and a client that takes a byte now and then never meets it.
"""

from __future__ import annotations

import errno
import select
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
    """Takes over a connection; what ends too late raises BlockingIOError.

    Each call of the system lets another thread take the interpreter's lock, and where there is more
    to do than can be done the way back costs more than the call: so no call is made in vain, and
    the headers of an answer wait for its first piece.
    """

    def __init__(self, connection: socket.socket) -> None:
        super().__init__(connection.family, connection.type, connection.proto,
                         fileno=connection.detach())
        super().setblocking(True)  # whatever the descriptor was set to before
        self._headers = b""
        self.begin()

    def begin(self) -> None:
        """A new request begins now."""
        self._end = time.monotonic() + PAUSE_SECONDS
        self._answer_end: float | None = None

    def setblocking(self, flag: bool) -> None:
        """Nothing: it blocks, as long as the kernel's timeout lets it.

        gunicorn would have it otherwise while it waits for the next request, where nobody reads.
        """

    def readable(self, seconds: float) -> bool:
        """Whether something comes within so many seconds, or the end of the connection."""
        poll = select.poll()
        poll.register(self, select.POLLIN)
        return bool(poll.poll(1000 * seconds))

    def recv(self, size: int, flags: int = 0, /) -> bytes:
        self.flush()
        data = super().recv(size, flags)
        self._end += len(data) / SLOWEST
        if time.monotonic() > self._end:
            raise BlockingIOError(errno.EAGAIN, "the client sends too slowly")
        return data

    def sendall(self, data: ReadableBuffer, flags: int = 0, /) -> None:
        if self._answer_end is None and not self._headers:
            self._headers = bytes(data)
            return
        if len(self._headers) + len(memoryview(data).cast("B")) > _PIECE:
            self.flush()
        headers, self._headers = self._headers, b""
        self._send(headers + bytes(data) if headers else data, flags)

    def flush(self) -> None:
        """Send what waits. Raises OSError, as `sendall` does."""
        if self._headers:
            headers, self._headers = self._headers, b""
            self._send(headers, 0)

    def shutdown(self, how: int, /) -> None:
        self.flush()
        super().shutdown(how)

    def _send(self, data: ReadableBuffer, flags: int) -> None:
        if self._answer_end is None:
            self._answer_end = time.monotonic() + PAUSE_SECONDS
        rest = memoryview(data).cast("B")
        while rest:
            sent = self.send(rest[:_PIECE], flags)
            rest = rest[sent:]
            self._answer_end += sent / SLOWEST_READER
            if time.monotonic() > self._answer_end:
                raise BlockingIOError(errno.EAGAIN, "the client reads too slowly")
