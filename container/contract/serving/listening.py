"""The end of a listening socket, without a loss. Source: requirement S4.

Between the last look at the queue of connections and the closing of the socket another may come;
the kernel resets it, and its client, who was connected already, loses a request. So first the
kernel is told to let nobody new begin.
"""

from __future__ import annotations

import ctypes
import errno
import select
import socket
import struct
import sys
import time
from collections.abc import Callable
from contextlib import suppress

QUIET_SECONDS = 0.05
"""Without a new connection, until all that had begun are taken to be there."""

LONGEST_SECONDS = 10
"""Of accepting, where nothing keeps new ones away."""

_SO_ATTACH_FILTER = 26  # Linux; Python's socket module has no name for these two
_IP_MINTTL = 21
_NO_CLIENTS_TTL = 255
"""Hops that a packet may still make when it arrives; clients begin with 64 or 128."""

# Classic BPF on the segment from its TCP header on: drop it if of SYN and ACK it has SYN alone.
_NOBODY_NEW = b"".join(struct.pack("HBBI", *step) for step in (
    (0x30, 0, 0, 13),          # load the byte of flags
    (0x54, 0, 0, 0x12),        # and SYN | ACK
    (0x15, 0, 1, 0x02),        # if it is SYN, go on; else skip one
    (0x06, 0, 0, 0),           # drop
    (0x06, 0, 0, 0xFFFFFFFF),  # keep
))


def close_listener(listener: socket.socket, accept: Callable[[], None]) -> None:
    """Call `accept` for every connection that has come, then close.

    Who comes meanwhile is not answered by the kernel, tries again, and is refused then.
    """
    # Where neither way is allowed, the gap is as narrow as it can be.
    with suppress(OSError):
        admit_nobody(listener)
    end = time.monotonic() + LONGEST_SECONDS
    while time.monotonic() < end and select.select([listener], [], [], QUIET_SECONDS)[0]:
        accept()
    listener.close()


def admit_nobody(listener: socket.socket) -> None:
    """Let no new connection begin; those that have begun are not touched.

    By a filter; or, where that is for administrators only, as in a container under some kernels, by
    asking for more hops than any client's packets have left. The kernel looks at them where a
    connection begins and where it goes on, but not in between. Who is accepted after that is to be
    `admitted`.

    Raises:
        OSError: this system has no such means, or does not allow them.
    """
    if sys.platform != "linux":
        raise OSError(errno.ENOPROTOOPT, "no socket filters")
    try:
        _attach_filter(listener)
    except OSError:
        _want_hops(listener, _NO_CLIENTS_TTL)


def admitted(connection: socket.socket) -> None:
    """Hear an accepted connection, whatever its listener had been told by then."""
    if sys.platform == "linux":
        with suppress(OSError):  # another family has no hops
            _want_hops(connection, 0)


def _attach_filter(listener: socket.socket) -> None:
    program = ctypes.create_string_buffer(_NOBODY_NEW, len(_NOBODY_NEW))
    listener.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_FILTER, struct.pack(
        "HP", len(_NOBODY_NEW) // 8, ctypes.addressof(program)))


def _want_hops(connection: socket.socket, number: int) -> None:
    connection.setsockopt(socket.IPPROTO_IP, _IP_MINTTL, number)
