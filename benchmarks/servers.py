"""The real server for a benchmark: a process or a container on one core, and what it uses."""

from __future__ import annotations

import http.client
import json
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
START_SECONDS = 120
_TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Server:
    """A running server."""

    port: int
    pid: int
    """Of its first process; the others are its children."""
    log: Path

    def cpu_seconds(self) -> float:
        """Used so far by all of its processes."""
        total = 0
        for pid in processes(self.pid):
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            total += int(fields[11]) + int(fields[12])  # user and system time, in ticks
        return total / _TICKS

    def memory(self) -> int:
        """Resident bytes of all of its processes, shared pages counted once."""
        total = 0
        for pid in processes(self.pid):
            lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
            total += sum(int(line.split()[1]) for line in lines if line.startswith("Pss:"))
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
def serving(model: Path, image: str | None, core: int,
            settings: dict[str, str]) -> Iterator[Server]:
    """The server with one worker on `core`, ready to answer; stopped at the end.

    Raises:
        RuntimeError: it ended, or was not ready in time.
    """
    port = _free_port()
    environment = {"SAGEMAKER_BIND_TO_PORT": str(port), "SAGEMAKER_MODEL_SERVER_WORKERS": "1",
                   **settings}
    with tempfile.TemporaryDirectory(prefix="benchmark-serving-") as scratch:
        tree, log = Path(scratch), Path(scratch, "log")
        name = f"benchmark-{port}"
        if image:
            variables = [f"--env={key}={value}" for key, value in environment.items()]
            command = ["docker", "run", "--rm", "--name", name, f"--cpuset-cpus={core}",
                       f"--publish=127.0.0.1:{port}:{port}", *variables,
                       f"--volume={model}:/opt/ml/model:ro", image, "serve"]
        else:
            (tree / "model").symlink_to(model)
            command = [sys.executable, str(ROOT / "container" / "serve"), "--root", scratch]
        process = _start(command, core, {**os.environ, **environment}, log)
        try:
            _wait_until_ready(process, port, log)
            yield Server(port, _container_pid(name) if image else process.pid, log)
        finally:
            _stop(process)
            if image:  # whatever became of the client
                subprocess.run(["docker", "rm", "--force", name], capture_output=True, check=False)


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
            time.sleep(0.1)
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
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
