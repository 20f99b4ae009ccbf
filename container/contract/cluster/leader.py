"""The leader's side of the watch over the hosts of a job; `peers` has the other side.

Sources: requirements D1, D2, D4, D6.
"""

from __future__ import annotations

import logging
import socket
import time
from collections.abc import Mapping, Sequence
from typing import Any

from contract.cluster.hosts import Cluster, ClusterSettings
from contract.cluster.lines import Closed, Lines, close_all
from contract.cluster.peers import (
    ADVICE,
    Layout,
    Loss,
    Stop,
    beat_seconds,
    host_of,
    sentence_of,
    signal_of,
)
from contract.errors import PlatformError
from contract.machine import interfaces

log = logging.getLogger(__name__)

INTRODUCTION_SECONDS = 10.0
"""Until a connection must have said which host it is."""
_STRANGERS = 16
"""Connections that may be waiting to say so, beside those of the hosts."""


class Leader:
    """Waits for the others to come, and passes on what one of them says."""

    def __init__(self, cluster: Cluster, settings: ClusterSettings, processes: int) -> None:
        self.layout: Layout | None = None
        self.ending: Loss | Stop | None = None
        self._cluster, self._settings = cluster, settings
        self._processes = {cluster.current: processes}
        self._start = self._beaten = time.monotonic()
        self._strangers: list[tuple[float, Lines]] = []
        self._hosts: dict[str, Lines] = {}
        self._done: set[str] = set()
        # The named interface only, where that is possible: nobody else has business here.
        address = "127.0.0.1" if not cluster.others else interfaces.address_of(cluster.interface)
        self._server: socket.socket | None = None
        if cluster.others:
            self._server = _listen(address or "", settings.port)
            log.info("waiting for %s on port %d", ", ".join(cluster.others), settings.port)
        self.meeting = _listen(address or "", 0)
        """Where the processes of all hosts will find each other."""

    @property
    def finished(self) -> bool:
        return self._done == set(self._cluster.hosts)

    def connections(self) -> Sequence[int]:
        everybody = [*(lines for _, lines in self._strangers), *self._hosts.values()]
        return [each.fileno() for each in (self._server, *everybody) if each]

    def step(self) -> None:
        now = time.monotonic()
        self._accept()
        self._introduce(now)
        for host, lines in list(self._hosts.items()):
            try:
                for message in lines.receive():
                    self._take(host, message)
                if now - lines.heard > self._settings.silence:
                    raise Closed(f"nothing was heard from it for {self._settings.silence:g} "
                                 "seconds")
            except Closed as closed:
                self._lose(host, f"was lost: {closed}; {ADVICE}")
        if now - self._beaten > beat_seconds(self._settings):
            self._beaten = now
            self._tell_all({"is": "beat"})
        if self.layout is None:
            self._start_if_complete(now)

    def done(self) -> None:
        self._done.add(self._cluster.current)

    def failed(self, sentence: str) -> None:
        self._tell_all({"is": "lost", "host": self._cluster.current,
                        "what": f"failed: {sentence}"})

    def stopped(self, signal_number: int) -> None:
        self._tell_all({"is": "stopped", "signal": signal_number})

    def close(self) -> None:
        if self.finished:
            self._tell_all({"is": "finished"})
        close_all(self._hosts.values())
        self.forget()

    def forget(self) -> None:
        for lines in [*self._hosts.values(), *(lines for _, lines in self._strangers)]:
            lines.drop()
        for server in filter(None, (self._server, self.meeting)):
            server.close()

    def _accept(self) -> None:
        while self._server:
            try:
                connection, _ = self._server.accept()
            except OSError:
                return
            if len(self._strangers) < _STRANGERS + len(self._cluster.hosts):
                self._strangers.append((time.monotonic(), Lines(connection)))
            else:
                connection.close()

    def _introduce(self, now: float) -> None:
        """Find out which hosts the new connections are; whoever is none is sent away."""
        waiting = []
        for came, lines in self._strangers:
            try:
                messages = lines.receive()
                if messages:
                    host, processes = host_of(messages[0])
                    if host not in self._cluster.others or host in self._hosts:
                        raise Closed(f"it says that it is {host!r:.80}, and that is no host that "
                                     "is waited for")
                    self._hosts[host], self._processes[host] = lines, processes
                    log.info("host %s has come", host)
                    for message in messages[1:]:  # it may have had to leave at once
                        self._take(host, message)
                elif now - came > INTRODUCTION_SECONDS:
                    raise Closed("it does not say which host it is")
                else:
                    waiting.append((came, lines))
            except Closed as closed:
                log.warning("a connection to port %d is closed: %s", self._settings.port, closed)
                lines.drop()
        self._strangers = waiting

    def _take(self, host: str, message: Mapping[str, Any]) -> None:
        kind = message.get("is")
        if kind == "done":
            self._done.add(host)
        elif kind == "failed":
            self._lose(host, f"failed: {sentence_of(message.get('sentence'))}")
        elif kind == "stopped" and self.ending is None:
            self.ending = Stop(signal_of(message.get("signal")))
            self._tell_all({"is": "stopped", "signal": self.ending.signal_number})

    def _lose(self, host: str, what: str) -> None:
        """Tell all others; the first loss is the one that counts."""
        if host in self._hosts:
            self._hosts.pop(host).drop()
        if self.ending is None:
            self.ending = Loss(host, what)
            self._tell_all({"is": "lost", "host": host, "what": what})

    def _tell_all(self, message: dict[str, Any]) -> None:
        for host, lines in list(self._hosts.items()):
            try:
                lines.send(message)
            except Closed as closed:
                self._lose(host, f"was lost: {closed}; {ADVICE}")

    def _start_if_complete(self, now: float) -> None:
        missing = [host for host in self._cluster.others if host not in self._hosts]
        if not missing:
            address, port = self.meeting.getsockname()[:2]
            local = next((lines.local_address for lines in self._hosts.values()), address)
            self.layout = Layout(self._processes, local, port, local)
            self._tell_all({"is": "start", "processes": self._processes, "port": port})
        elif now - self._start > self._settings.wait and self.ending is None:
            self._lose(missing[0], f"did not come within {self._settings.wait:g} seconds; "
                       f"{ADVICE}")


def _listen(address: str, port: int) -> socket.socket:
    """Raises PlatformError: the port is taken, or not for this user."""
    try:
        server = socket.create_server((address, port))
    except OSError as error:
        raise PlatformError(f"cannot listen on port {port} for the other hosts ({error}); set "
                            "SAGEMAKER_CLUSTER_PORT to another one on all hosts") from error
    server.setblocking(False)
    return server
