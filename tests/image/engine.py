"""A Docker engine as the tests see it: one image with verbs, and containers that end with the test.

Every container carries a label of this run, so that nothing else on the machine is ever touched.
"""

from __future__ import annotations

import json
import secrets
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, Self, TypeVar

PORT = 8080
PATIENCE = 120.0
"""Seconds for anything at all: a container starts in a few, but machines can be busy."""

SOMEBODY = "12345"
"""A user that no image knows."""
HARDENED = ("--read-only", "--tmpfs", "/tmp", "--user", SOMEBODY, "--cap-drop", "ALL",
            "--network", "none", "--shm-size", "64m")
"""The least that any of the platform's modes leaves to a container (N1-N3, S25)."""
ONE_PROCESSOR = ("--cpus", "1")
"""For small models: threads that wait for each other are slow on a machine that others use too."""

T = TypeVar("T")


class Finished(NamedTuple):
    """What a program has left behind."""

    status: int
    out: str
    err: str


class Answer(NamedTuple):
    """An HTTP answer, whatever its status."""

    status: int
    body: bytes
    content_type: str


class Engine:
    """The Docker client, started as a program, as people do."""

    def __init__(self, client: str) -> None:
        self.client = client
        self.label = f"sentiment-test={secrets.token_hex(8)}"

    def __call__(self, *words: str, timeout: float = PATIENCE) -> Finished:
        """Run `docker WORDS` and wait for its end."""
        done = subprocess.run([self.client, *words], capture_output=True, text=True,
                              stdin=subprocess.DEVNULL, timeout=timeout)
        return Finished(done.returncode, done.stdout, done.stderr)

    def problem(self) -> str | None:
        """Why there is no engine to test with, if there is none."""
        try:
            done = self("version", "--format", "{{.Server.Version}}", timeout=30)
        except (OSError, subprocess.TimeoutExpired) as error:
            return str(error)
        said = done.err.strip() or f"exit status {done.status}"
        return None if done.status == 0 else f"{self.client} version: {said}"

    def must(self, *words: str, timeout: float = PATIENCE) -> str:
        """The output of `docker WORDS`, which has to succeed."""
        done = self(*words, timeout=timeout)
        assert done.status == 0, f"docker {' '.join(words)}: {done.err or done.out}"
        return done.out.strip()

    def inspect(self, image: str) -> dict[str, Any]:
        found: list[dict[str, Any]] = json.loads(self.must("image", "inspect", image))
        return found[0]

    def remove_containers(self) -> None:
        """Remove every container of this run, also one whose client was cut off."""
        names = self.must("ps", "--all", "--quiet", "--filter", f"label={self.label}").split()
        if names:
            self("rm", "--force", *names)


@dataclass(frozen=True)
class Container:
    """A running or ended container; as a context manager it is removed at the end."""

    engine: Engine
    name: str

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.engine("rm", "--force", self.name)

    def logs(self) -> str:
        done = self.engine("logs", self.name)
        return done.out + done.err

    def address(self, port: int = PORT) -> str:
        """Where the published `port` can be reached from here."""
        lines = self.engine.must("port", self.name, f"{port}/tcp").splitlines()
        return f"http://{lines[0]}"

    def is_running(self) -> bool:
        return self.engine.must("inspect", "--format", "{{.State.Running}}", self.name) == "true"

    def status(self) -> int:
        """The exit status, once the container has ended."""
        return int(self.engine.must("wait", self.name))

    def stop(self, seconds: int) -> int:
        """SIGTERM, SIGKILL after `seconds`, as the platform does; returns the exit status."""
        self.engine.must("stop", "--time", str(seconds), self.name, timeout=seconds + PATIENCE)
        return self.status()

    def signal(self, name: str) -> None:
        self.engine.must("kill", "--signal", name, self.name)

    def kill(self) -> int:
        """SIGKILL, and the exit status."""
        self.signal("KILL")
        return self.status()

    def ping(self, port: int = PORT) -> Answer:
        return request(f"{self.address(port)}/ping")

    def invocations(self, body: bytes, content_type: str) -> Answer:
        return request(f"{self.address()}/invocations", body, {"Content-Type": content_type})

    def execute(self, *words: str) -> Finished:
        """Run a program inside, as the container's user."""
        return self.engine("exec", self.name, *words)

    def wait_for_log(self, text: str) -> str:
        """The log, once it holds `text`."""
        wait_for(lambda: text in self.logs(), f"{text!r} in the log", self)
        return self.logs()

    def wait_until_ready(self, port: int = PORT) -> Self:
        """Poll /ping as the platform does, and give up early when the process has ended."""
        wait_for(lambda: self.ping(port).status == 200, "a healthy /ping", self)
        return self


@dataclass(frozen=True)
class Image:
    """The image under test. Its verbs are those of the platform; `options` are docker's."""

    engine: Engine
    tag: str

    def run(self, *words: str, options: Sequence[str] = ()) -> Finished:
        """Run to the end."""
        return self.engine("run", "--rm", "--label", self.engine.label, *options, self.tag, *words)

    def start(self, *words: str, options: Sequence[str] = ()) -> Container:
        """Run in the background."""
        name = self.engine.must("run", "--detach", "--label", self.engine.label, *options,
                                self.tag, *words)
        return Container(self.engine, name)

    def train(self, tree: Path, *words: str, options: Sequence[str] = ()) -> Finished:
        """`docker run IMAGE train` with `tree` as /opt/ml."""
        return self.run("train", *words, options=[*ONE_PROCESSOR, *mount(tree, "/opt/ml"),
                                                  *options])

    def serve(self, model: Path, *, options: Sequence[str] = (),
              port: int = PORT) -> Container:
        """`docker run IMAGE serve` with `model` mounted read-only; the port is published."""
        return self.start("serve", options=[*mount(model, "/opt/ml/model", "ro"),
                                            "--publish", f"127.0.0.1::{port}", *options])


def mount(source: Path, target: str, mode: str = "rw") -> list[str]:
    return ["--volume", f"{source}:{target}:{mode}"]


def environment(values: Mapping[str, str]) -> list[str]:
    return [word for name, value in values.items() for word in ("--env", f"{name}={value}")]


def request(url: str, body: bytes | None = None, headers: Mapping[str, str] | None = None,
            method: str | None = None) -> Answer:
    """GET, or POST where there is a body, unless it is said. Status 0: no answer."""
    call = urllib.request.Request(url, body, dict(headers or {}), method=method)
    try:
        with urllib.request.urlopen(call, timeout=PATIENCE) as reply:
            return Answer(reply.status, reply.read(), reply.headers["Content-Type"])
    except urllib.error.HTTPError as error:
        with error:
            return Answer(error.code, error.read(), error.headers["Content-Type"])
    except OSError as error:  # the port is published before the server listens
        return Answer(0, str(error).encode(), "")


def wait_for(look: Callable[[], T], what: str, container: Container) -> T:
    """The first truthy value of `look`; fails with the log if the container ends or time is up."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        running = container.is_running()
        if found := look():
            return found
        assert running, f"the container ended before there was {what}:\n{container.logs()}"
        time.sleep(0.05)
    raise AssertionError(f"no {what} within {PATIENCE:.0f} seconds:\n{container.logs()}")
