"""Network interfaces of this host and their addresses. Sources: requirements D3, T19.

The host's own name is of no use for that: it is not the name that the platform gives it.
"""

from __future__ import annotations

import fcntl
import socket
import struct

_SIOCGIFADDR = 0x8915
"""Linux, netdevice(7): the IPv4 address of an interface."""


def address_of(interface: str | None) -> str | None:
    """The IPv4 address of an interface, or None if there is no such interface or address."""
    if not interface:
        return None
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            request = struct.pack("256s", interface.encode()[:15])
            reply = fcntl.ioctl(probe.fileno(), _SIOCGIFADDR, request)
        except OSError:
            return None
    return socket.inet_ntoa(reply[20:24])


def interface_with(address: str) -> str | None:
    """The interface that has an IPv4 address, or None."""
    found = (name for _, name in socket.if_nameindex() if address_of(name) == address)
    return next(found, None)


def choose(named: str | None, address: str) -> str | None:
    """The interface that the platform has named if it is there, else the one with `address`."""
    return named if address_of(named) else interface_with(address)
