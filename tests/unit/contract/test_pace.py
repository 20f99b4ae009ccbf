from __future__ import annotations

import os
import socket
from collections.abc import Callable, Iterator

import pytest

from contract.serving import pace
from contract.serving.pace import PacedSocket


class Clock:
    """Stands for the module `time`."""

    now = 0.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(pace, "time", clock)
    return clock


@pytest.fixture
def pair(clock: Clock) -> Iterator[tuple[socket.socket, PacedSocket]]:
    client, server = socket.socketpair()
    with client, PacedSocket(server) as paced:
        yield client, paced


def receive(pair: tuple[socket.socket, PacedSocket], size: int) -> int:
    client, server = pair
    client.sendall(b"a" * size)
    return len(server.recv(size))


def test_a_connection_goes_on_as_it_was(pair: tuple[socket.socket, PacedSocket]) -> None:
    client, server = pair
    assert server.family == client.family
    server.sendall(b"answer")
    server.flush()
    assert (client.recv(10), receive(pair, 100)) == (b"answer", 100)


def test_headers_go_with_the_first_piece_of_the_answer(
        pair: tuple[socket.socket, PacedSocket], monkeypatch: pytest.MonkeyPatch) -> None:
    server = pair[1]
    sent: list[bytes] = []

    def send(data: memoryview, *_: int) -> int:
        sent.append(bytes(data))
        return len(data)

    monkeypatch.setattr(server, "send", send)
    server.sendall(b"headers ")
    assert not sent
    for piece in (b"first ", b"second"):
        server.sendall(piece)
    assert sent == [b"headers first ", b"second"]


@pytest.mark.parametrize("length", [0, 1, 65_535, 65_536, 200_000])
def test_nothing_is_lost_whatever_the_length(pair: tuple[socket.socket, PacedSocket],
                                             length: int) -> None:
    client, server = pair
    server.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1_000_000)
    server.sendall(b"h" * 100)
    server.sendall(b"b" * length)
    server.flush()
    server.close()
    found = b"".join(iter(lambda: client.recv(100_000), b""))
    assert found == b"h" * 100 + b"b" * length


@pytest.mark.parametrize("then", [lambda server: server.recv(1),  # a body follows "100 Continue"
                                  lambda server: server.shutdown(socket.SHUT_WR)])
def test_who_waits_for_an_answer_alone_gets_it(
        pair: tuple[socket.socket, PacedSocket],
        then: Callable[[PacedSocket], object]) -> None:
    client, server = pair
    client.sendall(b"a")
    server.sendall(b"100 Continue")
    then(server)
    assert client.recv(20) == b"100 Continue"


def test_it_blocks_whatever_it_is_told(pair: tuple[socket.socket, PacedSocket]) -> None:
    server = pair[1]
    server.setblocking(False)
    assert os.get_blocking(server.fileno())


def test_whether_something_comes_is_known_in_time(
        pair: tuple[socket.socket, PacedSocket]) -> None:
    client, server = pair
    assert not server.readable(0.01)
    client.sendall(b"a")
    assert server.readable(10)
    assert server.recv(1) == b"a"
    client.close()
    assert server.readable(10)


def test_at_the_slowest_pace_it_may_take_as_long_as_it_wants(
        pair: tuple[socket.socket, PacedSocket], clock: Clock) -> None:
    for _ in range(100):
        clock.now += 1
        assert receive(pair, pace.SLOWEST) == pace.SLOWEST


def test_drops_are_given_up_although_none_is_late(pair: tuple[socket.socket, PacedSocket],
                                                  clock: Clock) -> None:
    for _ in range(pace.PAUSE_SECONDS):
        clock.now += 1
        receive(pair, 1)
    clock.now += 1
    with pytest.raises(BlockingIOError):
        receive(pair, 1)


def test_each_request_has_its_own_time(pair: tuple[socket.socket, PacedSocket],
                                       clock: Clock) -> None:
    clock.now += pace.PAUSE_SECONDS + 1
    pair[1].begin()
    assert receive(pair, 1) == 1


def test_a_reader_that_takes_an_answer_drop_by_drop_is_given_up(
        pair: tuple[socket.socket, PacedSocket], clock: Clock,
        monkeypatch: pytest.MonkeyPatch) -> None:
    client, server = pair
    sent = server.send

    def slowly(data: memoryview, *flags: int) -> int:
        clock.now += 1
        client.recv(sent(data[:1000], *flags))
        return min(1000, len(data))

    monkeypatch.setattr(server, "send", slowly)
    server.sendall(b"a" * 8000)
    server.flush()
    with pytest.raises(BlockingIOError, match="reads too slowly"):
        server.sendall(b"a" * 8000)


def test_a_long_answer_may_take_as_long_as_its_length_admits(
        pair: tuple[socket.socket, PacedSocket], clock: Clock,
        monkeypatch: pytest.MonkeyPatch) -> None:
    client, server = pair
    clock.now += 1000  # of predicting: that is not the reader's time
    sent = server.send

    def at_the_slowest_pace(data: memoryview, *flags: int) -> int:
        clock.now += 1
        client.recv(sent(data[:pace.SLOWEST_READER], *flags))
        return min(pace.SLOWEST_READER, len(data))

    monkeypatch.setattr(server, "send", at_the_slowest_pace)
    server.sendall(b"headers")
    server.sendall(b"a" * 100 * pace.SLOWEST_READER)
