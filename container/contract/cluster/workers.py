"""The processes of this host that train together: started, watched and ended as one.

The parent, which is PID 1, computes nothing. So it can always tell the other hosts what has
happened here, and can end a process that waits for another which will never answer.

Sources: requirements T4-T6, T28, D1, D6, N7.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import logging
import math
import multiprocessing
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from pathlib import Path

from contract import command
from contract.cluster.hosts import Cluster, ClusterSettings, Meeting, Place
from contract.cluster.leader import Leader
from contract.cluster.peers import LONGEST_SENTENCE, Follower, Layout, Peers, Stop
from contract.errors import LostPeerError, PlatformError
from contract.machine import interfaces
from contract.running.stopping import Stopped, StopRequest, let_stops_come, stops_wait

log = logging.getLogger(__name__)

Work = Callable[[Place, StopRequest], None]
"""What each process does; it fails by raising, as the one process of a small job does."""

TICK_SECONDS = 0.5
GRACE_SECONDS = 5.0
_PR_SET_PDEATHSIG = 1
"""Linux, prctl(2)."""


class WorkerFailed(Exception):  # noqa: N818 - a fact about a process, told to whoever ends the job
    """A process of this host has failed and has said why."""

    def __init__(self, sentence: str, exit_status: int) -> None:
        super().__init__(sentence)
        self.exit_status = exit_status


@dataclass(frozen=True)
class _Worker:
    """A process, and the pipe on which it says how it has ended."""

    place: Place
    process: BaseProcess
    pipe: Connection


@dataclass(frozen=True)
class _Report:
    """How a process has ended."""

    exit_status: int
    sentence: str = ""
    follows: bool = False
    """Whether it has failed only because another one is gone."""
    stop_signal: int = 0
    """What made it stop before there was anything to save."""


def train_together(cluster: Cluster, settings: ClusterSettings, processes: int, work: Work,
                   stop: StopRequest) -> None:
    """Wait for all hosts, run `work` in `processes` processes, and wait until all hosts are done.

    Raises:
        WorkerFailed: a process of this host has failed.
        LostPeerError: another host has failed or is gone; the message names it.
        Stopped: the job was told to stop before there was anything to save.
    """
    leads = cluster.current == cluster.leader
    peers = (Leader if leads else Follower)(cluster, settings, processes)
    workers: list[_Worker] = []
    try:
        layout = _wait_for_all(peers, stop)
        for worker in _start(cluster, settings, peers, layout, processes, work):
            workers.append(worker)  # one by one: where a later start fails, these are ended
        _watch(peers, workers, settings, stop)
    except Stopped as stopped:
        peers.stopped(stopped.signal_number)
        raise
    except WorkerFailed as failed:
        peers.failed(str(failed))
        raise
    finally:
        for worker in workers:
            worker.process.kill()
            worker.process.join()
        peers.close()


def _wait_for_all(peers: Peers, stop: StopRequest) -> Layout:
    while (layout := peers.layout) is None:
        wait(peers.connections(), TICK_SECONDS)
        peers.step()
        _heed(peers)
        stop.raise_if_set()
    return layout


def _heed(peers: Peers) -> None:
    """Give up when another host has a reason to."""
    if isinstance(peers.ending, Stop):
        raise Stopped(peers.ending.signal_number)
    if peers.ending is not None:
        raise LostPeerError(str(peers.ending))


def _watch(peers: Peers, workers: Sequence[_Worker], settings: ClusterSettings,
           stop: StopRequest) -> None:
    """Until all hosts are done, or one of them cannot go on."""
    running = list(workers)
    told_to_stop = False
    broken: _Report | None = None
    patience = math.inf
    while not peers.finished:
        wait([*peers.connections(), *(worker.process.sentinel for worker in running)],
             TICK_SECONDS)
        peers.step()
        _heed(peers)
        if stop and not told_to_stop:
            told_to_stop = True
            for worker in running:
                worker.process.terminate()
        for worker in [worker for worker in running if not worker.process.is_alive()]:
            running.remove(worker)
            report = _report(worker, len(workers))
            if report.stop_signal:
                raise Stopped(stop.signal_number or report.stop_signal)
            if report.follows:
                if broken is None:
                    # Whoever is gone, or has failed, is found out and told within this time.
                    broken, patience = report, time.monotonic() + settings.silence + GRACE_SECONDS
            elif report.exit_status:
                raise WorkerFailed(report.sentence, report.exit_status)
            elif not running and broken is None:
                peers.done()
        if broken is not None and time.monotonic() > patience:
            raise WorkerFailed(broken.sentence, broken.exit_status)


def _start(cluster: Cluster, settings: ClusterSettings, peers: Leader | Follower, layout: Layout,
           processes: int, work: Work) -> Iterator[_Worker]:
    """Fork one process after the other, for each place of this host."""
    before = sum(layout.processes[host] for host in cluster.hosts[:cluster.rank])
    size = sum(layout.processes.values())
    interface = interfaces.choose(cluster.interface, layout.local_address)
    log.info("host %s%s is number %d of %d, with processes %d to %d of %d; %s", cluster.current,
             f" of group {cluster.group}" if cluster.group else "", cluster.rank + 1,
             len(cluster.hosts), before + 1, before + processes, size,
             f"interface {interface}" if interface else "no interface is known")
    # Forked, not spawned: nothing heavy is imported yet, and no thread has started.
    context = multiprocessing.get_context("fork")
    for local in range(processes):
        rank = before + local
        listener = peers.meeting.fileno() if rank == 0 and isinstance(peers, Leader) else None
        place = Place(rank, size, local, cluster.rank, Meeting(
            layout.address, layout.port, listener, interface, settings.timeout))
        here, there = context.Pipe(duplex=False)
        process = context.Process(target=_run, args=(work, place, peers, there, os.getpid()),
                                  daemon=True)
        with stops_wait():
            process.start()
        there.close()
        yield _Worker(place, process, here)


def _run(work: Work, place: Place, peers: Leader | Follower, pipe: Connection,
         parent: int) -> None:
    """In the new process: do the work, and say how it ended."""
    _die_with(parent)
    if place.meeting and place.meeting.listener is not None and isinstance(peers, Leader):
        peers.meeting.detach()  # it belongs to the work
    peers.forget()
    stop = StopRequest()
    stop.listen()
    let_stops_come()
    if place.local_rank:  # one voice for each host; what goes wrong is said by all
        sys.stdout = Path(os.devnull).open("w")  # noqa: SIM115 - for as long as it lives
        logging.root.setLevel(logging.WARNING)
    try:
        work(place, stop)
        report = _Report(0)
    except Stopped as stopped:
        report = _Report(stopped.exit_status, stop_signal=stopped.signal_number)
    except (Exception, KeyboardInterrupt) as error:
        sentence, status = command.blame(error)
        # Short enough for the pipe, which nobody reads before this process has ended.
        report = _Report(status, sentence[:LONGEST_SENTENCE], isinstance(error, LostPeerError))
    pipe.send_bytes(json.dumps(asdict(report)).encode())
    sys.exit(report.exit_status)


def _report(worker: _Worker, count: int) -> _Report:
    """What an ended process has said, or what can be said of it."""
    if worker.pipe.poll():
        with contextlib.suppress(EOFError):
            return _Report(**json.loads(worker.pipe.recv_bytes()))
    status = worker.process.exitcode or 0
    number = max(0, -status)
    name = signal.Signals(number).name if number in set(signal.Signals) else f"signal {number}"
    how = f"was ended by {name}" if number else f"ended without a word, with exit status {status}"
    why = ("most likely the memory ran out: take an instance with more"
           if number == signal.SIGKILL else "the log may say more")
    sentence = (f"PlatformError: process {worker.place.local_rank + 1} of {count} on this host "
                f"{how}; {why}")
    log.error("%s", sentence)
    # The libraries end a process in this way when another one does not answer any more.
    return _Report(PlatformError.exit_status, sentence, number == signal.SIGABRT)


def _die_with(parent: int) -> None:
    """Have the system end this process when its parent is gone, however it went."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(1)
