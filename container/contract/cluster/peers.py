"""The watch over the other hosts of a job: who has come, who has ended, who was lost and why.

All hosts keep one connection to the leader, the first in the sorted list (a star), so that each
learns of a loss from the leader, and of the leader's by itself. What crosses it are short JSON
objects (`contract.cluster.lines`); nobody believes more of them than is checked here.

    host -> leader    hello (host, processes), done, failed (sentence), stopped (signal), beat
    leader -> host    start (processes of each host, port), lost (host, what), stopped, finished,
                      beat

Nothing here blocks for longer than a moment: `workers` calls `step` again and again.
Sources: requirements D1, D2, D4, D6.
"""

from __future__ import annotations

import logging
import signal
import socket
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from contract.cluster.hosts import Cluster, ClusterSettings
from contract.cluster.lines import Closed, Lines, close_all

log = logging.getLogger(__name__)

LONGEST_SENTENCE = 1024
MOST_PROCESSES = 1024
CONNECT_SECONDS = 5.0
_FIRST_RETRY, _LAST_RETRY = 0.1, 5.0
ADVICE = ("its own log may say more; also see that the job's security group lets its hosts reach "
           "each other")


@dataclass(frozen=True)
class Loss:
    """Another host has failed or is gone, and with it the job."""

    host: str
    what: str

    def __str__(self) -> str:
        return f"host {self.host} {self.what}"


@dataclass(frozen=True)
class Stop:
    """Another host was told to stop before there was anything to save."""

    signal_number: int


@dataclass(frozen=True)
class Layout:
    """What every host must know before its processes can begin."""

    processes: Mapping[str, int]
    """Of each host."""
    address: str
    """Of the leader, as this host reaches it."""
    port: int
    """Where the leader's first process listens."""
    local_address: str
    """Of this host, as the leader reaches it."""


class Peers(Protocol):
    """The other hosts, as the leader or as one of the others sees them."""

    @property
    def layout(self) -> Layout | None:
        """Known once all hosts have come."""

    @property
    def ending(self) -> Loss | Stop | None:
        """The first reason to give up that came from another host."""

    @property
    def finished(self) -> bool:
        """Whether all hosts are done, and the model is written."""

    def connections(self) -> Sequence[int]:
        """Descriptors to wait on until `step` has something to do."""

    def step(self) -> None:
        """Take what has come, say that this host is alive, and notice who is silent."""

    def done(self) -> None:
        """All processes of this host have ended well."""

    def failed(self, sentence: str) -> None:
        """Tell the others that this host has failed, and why."""

    def stopped(self, signal_number: int) -> None:
        """Tell the others that this host was told to stop before there was anything to save."""

    def close(self) -> None:
        """Let go of the others, when this host is done or has failed."""

    def forget(self) -> None:
        """Close what a process that was forked must not hold open."""


class Follower:
    """Finds the leader, whose name may not be known yet, and listens to it."""

    def __init__(self, cluster: Cluster, settings: ClusterSettings, processes: int) -> None:
        self.layout: Layout | None = None
        self.ending: Loss | Stop | None = None
        self.finished = False
        self._cluster, self._settings, self._processes = cluster, settings, processes
        self._start = self._beaten = self._next_try = time.monotonic()
        self._pause = _FIRST_RETRY
        self._leader: Lines | None = None
        log.info("looking for %s on port %d", cluster.leader, settings.port)

    def connections(self) -> Sequence[int]:
        return [self._leader.fileno()] if self._leader else []

    def step(self) -> None:
        if self.ending:
            return
        now = time.monotonic()
        if self._leader is None:
            self._connect(now)
            return
        try:
            for message in self._leader.receive():
                self._take(message)
            if now - self._leader.heard > self._settings.silence:
                raise Closed(f"nothing was heard from it for {self._settings.silence:g} seconds")
            if now - self._beaten > beat_seconds(self._settings):
                self._beaten = now
                self._leader.send({"is": "beat"})
        except Closed as closed:
            self._lose(f"was lost: {closed}; {ADVICE}")

    def done(self) -> None:
        self._tell({"is": "done"})

    def failed(self, sentence: str) -> None:
        self._tell({"is": "failed", "sentence": sentence})

    def stopped(self, signal_number: int) -> None:
        self._tell({"is": "stopped", "signal": signal_number})

    def close(self) -> None:
        if self._leader:
            close_all([self._leader])

    def forget(self) -> None:
        if self._leader:
            self._leader.drop()

    def _connect(self, now: float) -> None:
        if now < self._next_try:
            return
        try:
            self._leader = Lines(socket.create_connection(
                (self._cluster.leader, self._settings.port), timeout=CONNECT_SECONDS))
        except OSError as error:  # not known yet, not started yet, or out of reach
            if now - self._start > self._settings.wait:
                self._lose(f"did not answer on port {self._settings.port} within "
                           f"{self._settings.wait:g} seconds ({error}); {ADVICE}")
            self._next_try = time.monotonic() + self._pause
            self._pause = min(_LAST_RETRY, self._pause * 2)
            return
        self._tell({"is": "hello", "host": self._cluster.current, "processes": self._processes})

    def _take(self, message: Mapping[str, Any]) -> None:
        kind = message.get("is")
        if kind == "start" and self._leader and self.layout is None:
            self.layout = Layout(_processes(message.get("processes"), self._cluster.hosts),
                                 self._leader.remote_address, _whole(message.get("port"), 65535),
                                 self._leader.local_address)
        elif kind == "lost" and self.ending is None:
            host = message.get("host")
            self.ending = Loss(host if host in self._cluster.hosts else self._cluster.leader,
                               sentence_of(message.get("what")))
        elif kind == "stopped" and self.ending is None:
            self.ending = Stop(signal_of(message.get("signal")))
        elif kind == "finished":
            self.finished = True

    def _lose(self, what: str) -> None:
        self.ending = self.ending or Loss(self._cluster.leader, what)

    def _tell(self, message: dict[str, Any]) -> None:
        try:
            if self._leader:
                self._leader.send(message)
        except Closed as closed:
            self._lose(f"was lost: {closed}; {ADVICE}")


def beat_seconds(settings: ClusterSettings) -> float:
    """How often to say that this host is alive: often enough for one such word to get lost."""
    return min(5.0, settings.silence / 4)


def host_of(hello: Mapping[str, Any]) -> tuple[str, int]:
    """Which host a connection says it is, and how many processes it has.

    Raises:
        Closed: it says something else.
    """
    host, processes = hello.get("host"), hello.get("processes")
    if hello.get("is") != "hello" or not isinstance(host, str):
        raise Closed("it does not begin with a hello")
    return host, _whole(processes, MOST_PROCESSES)


def sentence_of(value: object) -> str:
    """What another host says of itself, as one line."""
    return " ".join(str(value).split())[:LONGEST_SENTENCE]


def signal_of(value: object) -> int:
    return _whole(value, signal.NSIG - 1)


def _processes(value: object, hosts: Sequence[str]) -> dict[str, int]:
    found = value if isinstance(value, dict) else {}
    return {host: _whole(found.get(host), MOST_PROCESSES) for host in hosts}


def _whole(value: object, most: int) -> int:
    """Raises Closed: the value is no whole number in [1, most]."""
    if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= most:
        raise Closed(f"it sent {value!r:.80} where a number in [1, {most}] is expected")
    return value
