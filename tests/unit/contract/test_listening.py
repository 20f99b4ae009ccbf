"""A listening socket ends without losing anybody who has come."""

from __future__ import annotations

import socket
import sys
import threading
from collections.abc import Iterator
from contextlib import suppress

import pytest

from contract.serving import listening
from contract.serving.listening import admit_nobody, admitted, close_listener

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the filter is Linux's")


@pytest.fixture(autouse=True, params=["filter", "hops"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    def forbidden(listener: socket.socket) -> None:
        raise PermissionError(1, "Operation not permitted")

    if request.param == "hops":
        monkeypatch.setattr(listening, "_attach_filter", forbidden)


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0), backlog=1000) as created:
        created.setblocking(False)
        yield created


def connect(listener: socket.socket, seconds: float = 60) -> socket.socket:
    return socket.create_connection(listener.getsockname(), seconds)


def test_nobody_new_gets_in(listener: socket.socket) -> None:
    admit_nobody(listener)
    with pytest.raises(TimeoutError):
        connect(listener, 0.2)


def test_who_has_come_is_accepted_and_heard(listener: socket.socket) -> None:
    with connect(listener) as early:
        admit_nobody(listener)
        early.sendall(b"Fine")
        accepted, _ = listener.accept()
        with accepted:
            accepted.setblocking(True)
            assert accepted.recv(10) == b"Fine"


def test_who_is_accepted_late_is_heard(listener: socket.socket) -> None:
    """As one whose connection had begun, but had not come: it has its listener's settings."""
    with connect(listener) as late:
        admit_nobody(listener)
        accepted, _ = listener.accept()
        with accepted:
            listening._want_hops(accepted, 255)
            admitted(accepted)
            late.sendall(b"Fine")
            accepted.settimeout(10)
            assert accepted.recv(10) == b"Fine"


def test_of_those_who_come_while_it_is_closed_all_are_accepted_or_refused(
        listener: socket.socket) -> None:
    accepted: list[socket.socket] = []
    address = listener.getsockname()
    connected: list[socket.socket] = []

    def come() -> None:
        with suppress(OSError):  # refused at last
            while True:
                connected.append(socket.create_connection(address, 60))

    comers = [threading.Thread(target=come) for _ in range(4)]
    for comer in comers:
        comer.start()
    try:
        close_listener(listener, lambda: accepted.append(listener.accept()[0]))
    finally:
        for comer in comers:
            comer.join()
    ours, theirs = ({end.getsockname()[1] for end in connected},
                    {end.getpeername()[1] for end in accepted})
    for end in (*connected, *accepted):
        end.close()
    assert ours == theirs
