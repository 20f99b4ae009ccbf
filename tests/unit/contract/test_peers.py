"""The watch over the other hosts, over real connections; each host is an object of this process."""

from __future__ import annotations

import json
import socket
import struct
import time
from collections.abc import Callable, Iterator

import pytest

from contract.cluster import lines
from contract.cluster.hosts import Cluster, ClusterSettings
from contract.cluster.leader import Leader
from contract.cluster.lines import LONGEST
from contract.cluster.peers import Follower, Loss, Peers, Stop
from contract.errors import PlatformError
from executables import free_port, until

HOSTS = ("127.0.0.1", "127.0.0.2", "127.0.0.3")
"""As names, these lead here, and all are loopback."""
LEADER, SECOND, THIRD = HOSTS


class Hosts:
    """Hosts that are made to take steps together."""

    def __init__(self, silence: float = 60, wait: float = 60) -> None:
        self.port = free_port()
        self.settings = ClusterSettings(port=self.port, silence=silence, wait=wait)
        self.all: dict[str, Peers] = {}

    def start(self, host: str, *, hosts: tuple[str, ...] = HOSTS, processes: int = 1) -> Peers:
        cluster = Cluster(hosts, host, "lo")
        self.all[host] = (Leader if host == LEADER else Follower)(cluster, self.settings, processes)
        return self.all[host]

    def until(self, happened: Callable[[], bool], what: str) -> None:
        def step() -> bool:
            for peers in self.all.values():
                peers.step()
            return happened()

        until(step, what)

    def meet(self) -> None:
        for host in HOSTS:
            if host not in self.all:
                self.start(host)
        self.until(lambda: all(peers.layout for peers in self.all.values()), "no layout")

    def ends(self) -> dict[str, Loss | Stop | None]:
        return {host: peers.ending for host, peers in self.all.items()}

    def connect(self) -> socket.socket:
        """A connection to the leader by somebody."""
        return socket.create_connection((LEADER, self.port), timeout=30)


@pytest.fixture(autouse=True)
def brief_farewells(monkeypatch: pytest.MonkeyPatch) -> None:
    """A host that closes waits for the others, and here they take no steps meanwhile."""
    monkeypatch.setattr(lines, "SEND_SECONDS", 0.2)


@pytest.fixture
def hosts(request: pytest.FixtureRequest) -> Iterator[Hosts]:
    found = Hosts(**getattr(request, "param", {}))
    try:
        yield found
    finally:
        for peers in found.all.values():
            peers.forget()


impatient = pytest.mark.parametrize("hosts", [{"silence": 1, "wait": 1}], indirect=True)


def test_all_learn_how_many_processes_each_has(hosts: Hosts) -> None:
    for number, host in enumerate(HOSTS, 1):
        hosts.start(host, processes=number)
    hosts.until(lambda: all(peers.layout for peers in hosts.all.values()), "no layout")
    layouts = [peers.layout for peers in hosts.all.values()]
    assert all(layout and layout.processes == {LEADER: 1, SECOND: 2, THIRD: 3}
               for layout in layouts)
    assert len({layout and (layout.address, layout.port) for layout in layouts}) == 1


def test_a_leader_that_comes_late_is_found(hosts: Hosts) -> None:
    follower = hosts.start(SECOND, hosts=HOSTS[:2])
    for _ in range(3):
        follower.step()
    assert follower.ending is None
    hosts.start(LEADER, hosts=HOSTS[:2])
    hosts.until(lambda: follower.layout is not None, "the leader is not found")


@impatient
def test_a_host_that_does_not_come_is_named_to_all(hosts: Hosts) -> None:
    hosts.start(LEADER)
    hosts.start(SECOND)
    hosts.until(lambda: all(hosts.ends().values()), "nobody gives up")
    assert {str(end).partition("; ")[0] for end in hosts.ends().values()} == {
        f"host {THIRD} did not come within 1 seconds"}


@impatient
def test_a_leader_that_does_not_come_is_named(hosts: Hosts) -> None:
    hosts.start(SECOND)
    hosts.until(lambda: all(hosts.ends().values()), "it does not give up")
    assert str(hosts.ends()[SECOND]).startswith(
        f"host {LEADER} did not answer on port {hosts.port} within 1 seconds")


@pytest.mark.parametrize("lost", [LEADER, SECOND])
def test_a_closed_connection_is_a_loss_that_all_learn_of(hosts: Hosts, lost: str) -> None:
    hosts.meet()
    hosts.all.pop(lost).forget()
    hosts.until(lambda: all(hosts.ends().values()), "nobody notices")
    assert {str(end).partition(";")[0] for end in hosts.ends().values()} == {
        f"host {lost} was lost: its connection closed"}


@impatient
@pytest.mark.parametrize("silent", [LEADER, SECOND])
def test_silence_is_a_loss_that_all_learn_of(hosts: Hosts, silent: str) -> None:
    hosts.meet()
    frozen = hosts.all.pop(silent)  # its connections stay open, and it takes no more steps
    try:
        hosts.until(lambda: all(hosts.ends().values()), "nobody notices")
    finally:
        frozen.forget()
    assert {str(end).partition(";")[0] for end in hosts.ends().values()} == {
        f"host {silent} was lost: nothing was heard from it for 1 seconds"}


@impatient
def test_hosts_that_are_alive_are_not_taken_for_silent(hosts: Hosts) -> None:
    hosts.meet()
    end = time.monotonic() + 2.5 * hosts.settings.silence
    hosts.until(lambda: time.monotonic() > end, "time does not pass")
    assert set(hosts.ends().values()) == {None}


@pytest.mark.parametrize("failing", [LEADER, SECOND])
def test_a_failure_is_told_with_its_sentence(hosts: Hosts, failing: str) -> None:
    hosts.meet()
    failed = hosts.all.pop(failing)
    failed.failed("UserError: train/a.csv line 3: déjà vu 🎬\nand more")
    hosts.until(lambda: all(hosts.ends().values()), "nobody hears")
    failed.close()
    assert {str(end) for end in hosts.ends().values()} == {
        f"host {failing} failed: UserError: train/a.csv line 3: déjà vu 🎬 and more"}


@pytest.mark.parametrize("stopped", [LEADER, SECOND])
def test_a_stop_is_passed_on(hosts: Hosts, stopped: str) -> None:
    hosts.meet()
    told = hosts.all.pop(stopped)
    told.stopped(15)
    hosts.until(lambda: all(hosts.ends().values()), "nobody hears")
    told.close()
    assert set(hosts.ends().values()) == {Stop(15)}


def test_who_comes_and_has_to_leave_at_once_is_heard(hosts: Hosts) -> None:
    leader = hosts.start(LEADER)
    with hosts.connect() as brief:
        brief.sendall(b"".join(json.dumps(said).encode() + b"\n" for said in (
            {"is": "hello", "host": SECOND, "processes": 1}, {"is": "stopped", "signal": 15})))
    hosts.until(lambda: leader.ending is not None, "it is not heard")
    assert leader.ending == Stop(15)


def test_a_leader_that_is_gone_before_its_start_is_read_is_lost(hosts: Hosts) -> None:
    with socket.create_server((LEADER, hosts.port)) as server:
        follower = hosts.start(SECOND)
        follower.step()
        connection, _ = server.accept()
        connection.sendall(json.dumps({"is": "start", "processes": dict.fromkeys(HOSTS, 1),
                                       "port": 7}).encode() + b"\n")
        # What it has not read is lost with it, and so the connection is reset.
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        connection.close()
        hosts.until(lambda: follower.ending is not None, "nobody notices")
    assert str(follower.ending).startswith(f"host {LEADER} was lost: its connection closed")


def test_nobody_is_finished_before_all_are_done(hosts: Hosts) -> None:
    hosts.meet()
    leader = hosts.all[LEADER]
    assert isinstance(leader, Leader)
    hosts.all[SECOND].done()
    leader.done()
    hosts.until(lambda: len(leader._done) == 2, "the second host is not heard")
    assert not any(peers.finished for peers in hosts.all.values())
    hosts.all[THIRD].done()
    hosts.until(lambda: leader.finished, "the third host is not heard")
    hosts.all.pop(LEADER).close()
    hosts.until(lambda: all(peers.finished for peers in hosts.all.values()), "nobody is told")


@pytest.mark.parametrize("said", [
    b"GET / HTTP/1.1\r\n\r\n", b"[]\n", b"\xff\xfe\n", b"[" * 100_000 + b"\n",
    b"x" * (2 * LONGEST), b'{"is": "hello"}\n', b'{"is": "hello", "host": 7, "processes": 1}\n',
    json.dumps({"is": "hello", "host": "algo-9", "processes": 1}).encode() + b"\n",
    json.dumps({"is": "hello", "host": SECOND, "processes": 0}).encode() + b"\n",
    json.dumps({"is": "hello", "host": SECOND, "processes": "1"}).encode() + b"\n",
    json.dumps({"is": "done", "host": SECOND}).encode() + b"\n",
], ids=lambda said: said[:30].decode("latin-1"))
def test_a_stranger_is_sent_away_and_changes_nothing(hosts: Hosts, said: bytes) -> None:
    leader = hosts.start(LEADER)
    with hosts.connect() as stranger:
        stranger.sendall(said)
        hosts.until(lambda: len(leader.connections()) == 1 and _is_closed(stranger), "it stays")
    hosts.meet()
    assert leader.ending is None


def _is_closed(connection: socket.socket) -> bool:
    connection.settimeout(0.01)
    try:
        return connection.recv(1) == b""
    except TimeoutError:
        return False
    except ConnectionResetError:
        return True


def test_a_second_host_of_a_name_is_sent_away(hosts: Hosts) -> None:
    hosts.meet()
    with hosts.connect() as stranger:
        stranger.sendall(json.dumps({"is": "hello", "host": SECOND, "processes": 1}).encode()
                         + b"\n")
        hosts.until(lambda: _is_closed(stranger), "it stays")
    assert set(hosts.ends().values()) == {None}


@pytest.mark.parametrize("said", [
    {"is": "start", "processes": {}, "port": 1}, {"is": "start", "processes": 3, "port": 7},
    {"is": "start", "processes": dict.fromkeys(HOSTS, 1), "port": 70_000},
    {"is": "stopped", "signal": -1}, {"is": "stopped", "signal": "TERM"}])
def test_a_leader_that_talks_nonsense_is_lost(hosts: Hosts, said: dict[str, object]) -> None:
    with socket.create_server((LEADER, hosts.port)) as server:
        follower = hosts.start(SECOND)
        follower.step()
        connection, _ = server.accept()
        with connection:
            connection.sendall(json.dumps(said).encode() + b"\n")
            hosts.until(lambda: follower.ending is not None, "it is believed")
    assert str(follower.ending).startswith(f"host {LEADER} was lost: it sent ")


def test_a_port_that_is_taken_is_told_with_the_setting(hosts: Hosts) -> None:
    with (socket.create_server((LEADER, hosts.port)),
          pytest.raises(PlatformError, match="SAGEMAKER_CLUSTER_PORT")):
        hosts.start(LEADER)
