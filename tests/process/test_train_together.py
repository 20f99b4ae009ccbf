"""The processes of one host, each of which does a few words of Python instead of training."""

from __future__ import annotations

import signal
import sys
import textwrap
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from contract.cluster.hosts import Cluster, ClusterSettings
from contract.cluster.peers import Follower
from executables import CONTAINER, Program, free_port, running, until

HOSTS = ("127.0.0.1", "127.0.0.2")

PROGRAM = """
import os, signal, sys, time
sys.path.insert(0, {container!r})
from contract import command
from contract.cluster import workers
from contract.cluster.hosts import Cluster, ClusterSettings
from contract.errors import LostPeerError, UserError
from contract.running.stopping import Stopped, StopRequest

command.log_to_stdout(os.environ)
{before}

def work(place, stop):
{work}

stop = StopRequest()
stop.listen()
try:
    workers.train_together(Cluster({hosts}, "127.0.0.1", "lo"),
                           ClusterSettings(port={port}, silence=5), {processes}, work, stop)
    print("ended well", flush=True)
except BaseException as error:
    print("ended with", type(error).__name__, str(error)[:2000], flush=True)
"""


@contextmanager
def together(output: Path, work: str, *, before: str = "", processes: int = 2,
             hosts: tuple[str, ...] = HOSTS[:1], port: int = 7700) -> Iterator[Program]:
    """The first host of a job, whose processes do `work`."""
    text = PROGRAM.format(container=str(CONTAINER), before=textwrap.dedent(before), hosts=hosts,
                          port=port, processes=processes,
                          work=textwrap.indent(textwrap.dedent(work), "    "))
    with running(sys.executable, "-c", text, output=output / "log") as program:
        yield program


def test_who_follows_a_loss_leaves_the_word_to_the_host_that_has_failed(tmp_path: Path) -> None:
    """Both processes notice that the exchange broke off, before the other host says why."""
    port = free_port()
    with together(tmp_path, """raise LostPeerError("the exchange broke off")""", hosts=HOSTS,
                  port=port) as program:
        other = Follower(Cluster(HOSTS, HOSTS[1], "lo"), ClusterSettings(port=port), 1)

        def both_have_noticed() -> bool:
            other.step()
            return program.log.count("the exchange broke off") == 2

        until(both_have_noticed, "they do not notice")
        time.sleep(1)
        other.failed("UserError: bad data")
        program.wait()
        other.close()
    assert "ended with LostPeerError host 127.0.0.2 failed: UserError: bad data" in program.log


def test_a_very_long_failure_is_cut_and_holds_nobody_up(tmp_path: Path) -> None:
    with together(tmp_path, """raise UserError("\N{LATIN SMALL LETTER A WITH ACUTE}" * 100_000)"""
                  ) as program:
        program.wait()
    assert "ended with WorkerFailed UserError: \xe1\xe1" in program.log


def test_a_stop_is_heard_by_a_process_that_has_only_just_begun(tmp_path: Path) -> None:
    before = """
        listen = StopRequest.listen
        def late(self):
            if os.getppid() == parent:
                print("a process has begun", flush=True)
                time.sleep(1)
            listen(self)
        parent = os.getpid()
        StopRequest.listen = late
    """
    work = """
        while not stop:
            time.sleep(0.01)
        raise Stopped(stop.signal_number)
    """
    with together(tmp_path, work, before=before, processes=1) as program:
        program.wait_for("a process has begun")
        program.send(signal.SIGTERM)
        program.wait()
    assert "ended with Stopped stopped by SIGTERM" in program.log


def test_processes_are_ended_where_one_more_cannot_be_started(tmp_path: Path) -> None:
    before = """
        fork, left = os.fork, [1]
        def scarce():
            if not left:
                raise BlockingIOError(11, "no more processes")
            left.pop()
            child = fork()
            if child:
                print("started", child, flush=True)
            return child
        os.fork = scarce
    """
    with together(tmp_path, "time.sleep(600)", before=before) as program:
        program.wait()
    assert "ended with BlockingIOError" in program.log
    child = int(program.log.split("started ")[1].split()[0])
    assert not Path(f"/proc/{child}").exists()


@pytest.mark.parametrize("status", [0, 7])
def test_a_process_that_ends_without_a_word_is_a_failure(status: int, tmp_path: Path) -> None:
    with together(tmp_path, f"os._exit({status})", processes=1) as program:
        program.wait()
    assert ("ended with WorkerFailed PlatformError: process 1 of 1 on this host ended without a "
            f"word, with exit status {status}; the log may say more") in program.log
