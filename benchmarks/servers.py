"""A server for a benchmark: a process or a container on one core, and what it uses."""

from __future__ import annotations

import http.client
import json
import os
import random
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

START_SECONDS = 120
_TICKS = os.sysconf("SC_CLK_TCK")


class Place(NamedTuple):
    """Where a server is to run."""

    port: int
    core: int
    """The only one that its processes may use."""
    tree: Path
    """An empty folder of its own."""


@dataclass(frozen=True)
class Launch:
    """How to start a server."""

    command: list[str]
    environment: Mapping[str, str] = field(default_factory=dict)
    """Beside what is set already."""
    container: str = ""
    """The name of the container that the command runs, if it runs one."""


@dataclass(frozen=True)
class Server:
    """A running server."""

    port: int
    pid: int
    """Of its first process; the others are its children."""
    log: Path
    start: float
    """Seconds from the command to the first healthy ping."""
    process: subprocess.Popen[bytes] | None = field(default=None, repr=False)
    """What was started; its exit status is the server's."""

    def cpu_seconds(self) -> float:
        """Used so far by all of its processes."""
        total = 0
        for pid in processes(self.pid):
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            total += int(fields[11]) + int(fields[12])  # user and system time, in ticks
        return total / _TICKS

    def memory(self, kind: str = "Pss") -> int:
        """Resident bytes of all of its processes, shared pages counted once.

        With `Pss_Anon` only what they wrote themselves: other programs that use the same libraries
        make no difference to it.
        """
        total = 0
        for pid in processes(self.pid):
            lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
            total += sum(int(line.split()[1]) for line in lines if line.startswith(f"{kind}:"))
        return total * 1024

    def requests(self, skip: int = 0) -> list[dict[str, Any]]:
        """The request lines of its log, the first `skip` left out."""
        lines = (line for line in self.log.read_text().splitlines() if line.startswith("{"))
        entries = (json.loads(line) for line in lines)
        return [entry for entry in entries if entry["message"] == "request"][skip:]


def processes(pid: int) -> list[int]:
    """A process and all of its descendants."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [pid, *(below for child in children for below in processes(int(child)))]


@contextmanager
def serving(launch: Callable[[Place], Launch], core: int) -> Iterator[Server]:
    """The server on `core`, ready to answer; stopped at the end.

    Raises:
        RuntimeError: it ended, or was not ready in time.
    """
    with tempfile.TemporaryDirectory(prefix="benchmark-serving-") as scratch:
        port, log = _free_port(), Path(scratch, "log")
        (tree := Path(scratch, "tree")).mkdir()
        how = launch(Place(port, core, tree))
        begun = time.perf_counter()
        process = _start(how.command, core, {**os.environ, **how.environment}, log)
        try:
            _wait_until_ready(process, port, log)
            start = time.perf_counter() - begun
            pid = _container_pid(how.container) if how.container else process.pid
            yield Server(port, pid, log, start, process)
        finally:
            _stop(process)
            if how.container:  # whatever became of the client
                subprocess.run(["docker", "rm", "--force", how.container], capture_output=True,
                               check=False)


def _start(command: list[str], core: int, environment: dict[str, str],
           log: Path) -> subprocess.Popen[bytes]:
    """A child on `core`: it inherits the place of the process that starts it."""
    ours = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {core})
    try:
        with log.open("wb") as stream:
            return subprocess.Popen(command, env=environment, stdout=stream,
                                    stderr=subprocess.STDOUT)
    finally:
        os.sched_setaffinity(0, ours)


def _wait_until_ready(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while process.poll() is None and time.monotonic() < deadline:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
        try:
            connection.request("GET", "/ping")
            if connection.getresponse().status == 200:
                return
        except (OSError, http.client.HTTPException):
            time.sleep(0.02)
        finally:
            connection.close()
    raise RuntimeError(f"the server is not ready; its log:\n{log.read_text(errors='replace')}")


def _container_pid(name: str) -> int:
    answer = subprocess.run(["docker", "inspect", "--format={{.State.Pid}}", name],
                            capture_output=True, text=True, check=True)
    return int(answer.stdout)


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(timeout=30)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _free_port() -> int:
    """Below the ports that clients get, or one of them may take it before the server does."""
    for port in random.sample(range(20_000, 32_000), 100):
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port
    raise RuntimeError("no port is free")
