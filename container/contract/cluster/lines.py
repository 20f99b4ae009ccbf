"""JSON objects, one a line, over a connection whose other end is not trusted."""

from __future__ import annotations

import contextlib
import json
import socket
import time
from collections.abc import Iterable
from typing import Any

LONGEST = 16 * 1024
"""Bytes of a line: a failure of 1024 characters fits, in any script."""

SEND_SECONDS = 5.0


class Closed(Exception):  # noqa: N818 - a fact about the other end, told to whoever watches it
    """Nothing more can come from the other end; says why."""


class Lines:
    """One connection. Sending waits a moment at most, receiving never."""

    def __init__(self, connection: socket.socket) -> None:
        connection.setblocking(False)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._connection = connection
        self._pending = b""
        self.heard = time.monotonic()
        """When something last came."""

    def fileno(self) -> int:
        return self._connection.fileno()

    @property
    def local_address(self) -> str:
        """The address of this host as the connection uses it."""
        address: str = self._connection.getsockname()[0]
        return address

    @property
    def remote_address(self) -> str:
        """Raises Closed: the other end is gone."""
        try:
            address: str = self._connection.getpeername()[0]
        except OSError as error:
            raise Closed("its connection closed") from error
        return address

    def send(self, message: dict[str, Any]) -> None:
        """Raises Closed: the other end is gone, or takes nothing any more."""
        try:
            self._connection.settimeout(SEND_SECONDS)
            self._connection.sendall(json.dumps(message).encode() + b"\n")
            self._connection.setblocking(False)
        except OSError as error:
            raise Closed("its connection closed") from error

    def receive(self) -> list[dict[str, Any]]:
        """The messages that have come since the last call, perhaps none.

        Raises:
            Closed: the other end is gone, or sends what is no message.
        """
        try:
            found = self._connection.recv(LONGEST)
        except BlockingIOError:
            return []
        except OSError as error:
            raise Closed("its connection closed") from error
        if not found:
            raise Closed("its connection closed")
        self.heard = time.monotonic()
        *lines, self._pending = (self._pending + found).split(b"\n")
        if len(self._pending) > LONGEST:
            raise Closed(f"it sent a line of more than {LONGEST} bytes")
        return [_message(line) for line in lines]

    def finish(self) -> None:
        """Say that nothing more will be sent."""
        with contextlib.suppress(OSError):
            self._connection.shutdown(socket.SHUT_WR)

    def drain(self, end: float) -> None:
        """Read what still comes, until the other end has finished too or the clock shows `end`."""
        with contextlib.suppress(OSError):
            while (left := end - time.monotonic()) > 0:
                self._connection.settimeout(left)
                if not self._connection.recv(LONGEST):
                    return

    def drop(self) -> None:
        """Close at once."""
        self._connection.close()


def close_all(connections: Iterable[Lines]) -> None:
    """Close connections in such a way that what was sent still arrives.

    A socket that is closed with something unread resets its connection, and the other end then
    loses what it had not read yet. So what comes is read for a moment, until that end closes too.
    """
    every = list(connections)
    for lines in every:
        lines.finish()
    end = time.monotonic() + SEND_SECONDS
    for lines in every:
        lines.drain(end)
        lines.drop()


def _message(line: bytes) -> dict[str, Any]:
    """Raises Closed: the line is no JSON object."""
    try:
        value = json.loads(line.decode())
    except (ValueError, RecursionError) as error:
        raise Closed("it sent a line that is not JSON") from error
    if not isinstance(value, dict):
        raise Closed("it sent a line that is no JSON object")
    return value
