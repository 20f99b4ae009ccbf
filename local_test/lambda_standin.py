"""Runs a Lambda function on this machine, for trying and testing only.

As in Lambda, a process loads the handler by its name, has the environment that the function is
given and no other, serves one event at a time, and is ended when the function's time is up. While
all are busy, another one starts.
"""

from __future__ import annotations

import importlib
import json
import subprocess
import sys
import threading
import time
import traceback
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, Self

PAYLOAD_LIMIT = 6 * 1024 * 1024
"""Bytes of an event, and of a reply."""
PROCESSES = 8
"""At most; further events wait. Lambda's own limit is the account's."""


class FunctionError(Exception):
    """There is no reply that can be handed on."""


class EventTooLargeError(Exception):
    """Lambda does not take this much."""


@dataclass(frozen=True)
class Context:
    """What the handler is told beside the event."""

    aws_request_id: str
    deadline: float
    """In seconds since 1970."""

    def get_remaining_time_in_millis(self) -> int:
        return max(0, int((self.deadline - time.time()) * 1000))


class Function:
    """A handler, `module.function`, from a folder. To be closed, which ends its processes."""

    def __init__(self, folder: Path, handler: str, environment: Mapping[str, str], *,
                 timeout: float) -> None:
        self.folder = folder
        self.handler = handler
        self.environment = dict(environment)
        self.timeout = timeout
        """Seconds for one event."""
        self._places = threading.BoundedSemaphore(PROCESSES)
        self._lock = threading.Lock()
        self._idle: list[_Process] = []
        self._busy: set[_Process] = set()
        self._closed = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __call__(self, event: object) -> Any:
        """The handler's reply, as it is after a journey as JSON.

        Raises:
            EventTooLargeError: the handler was not called.
            FunctionError: it raised (its trace is on standard error), ended, took too long, or said
                too much.
        """
        body = json.dumps(event, ensure_ascii=False).encode()
        if len(body) > PAYLOAD_LIMIT:
            raise EventTooLargeError(f"the event has {len(body)} bytes")
        with self._places:
            process = self._take()
            try:
                reply = process.ask(body, self.timeout)
            finally:
                self._give_back(process)
        if len(reply) > PAYLOAD_LIMIT:
            raise FunctionError(f"the reply has {len(reply)} bytes")
        return json.loads(reply)

    def close(self) -> None:
        """End all processes; whoever waits for a reply gets a FunctionError."""
        with self._lock:
            self._closed = True
            for process in (*self._idle, *self._busy):
                process.end()

    def _take(self) -> _Process:
        with self._lock:
            if self._closed:
                raise FunctionError("the function was closed")
            process = self._idle.pop() if self._idle else _Process(self)
            self._busy.add(process)
            return process

    def _give_back(self, process: _Process) -> None:
        with self._lock:
            self._busy.remove(process)
            if process.is_alive():
                self._idle.append(process)


class _Process:
    """One process with the handler loaded, or being loaded."""

    def __init__(self, function: Function) -> None:
        self._connection, theirs = Pipe()
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, Path(__file__), str(theirs.fileno()), function.folder,
                 function.handler], env=function.environment, stdin=subprocess.DEVNULL,
                pass_fds=[theirs.fileno()],
                start_new_session=True)  # Ctrl-C is for us; it ends when our end of the pipe does

    def is_alive(self) -> bool:
        return self._process.poll() is None

    def ask(self, event: bytes, seconds: float) -> bytes:
        """The reply as JSON. Raises FunctionError: there is none."""
        message = {"aws_request_id": str(uuid.uuid4()), "deadline": time.time() + seconds}
        clock = threading.Timer(seconds, self._process.kill)
        clock.start()
        try:
            self._connection.send_bytes(json.dumps(message).encode())
            self._connection.send_bytes(event)
            reply = self._connection.recv_bytes()
        except (EOFError, OSError):
            self.end()
            what = f"the function ended, or was ended after {seconds:g} seconds"
            raise FunctionError(what) from None
        finally:
            clock.cancel()
        if not reply:
            raise FunctionError("the function raised an error")
        return reply

    def end(self) -> None:
        self._process.kill()
        self._process.wait()


def _serve(connection: Connection, folder: str, name: str) -> None:
    """The life of one process: until the other end of the pipe is closed."""
    sys.path[0] = folder  # in place of this file's own
    module, _, attribute = name.rpartition(".")
    handler = getattr(importlib.import_module(module), attribute)
    try:
        while True:
            context = Context(**json.loads(connection.recv_bytes()))
            event = json.loads(connection.recv_bytes())
            connection.send_bytes(_reply(handler, event, context))
    except (EOFError, OSError):
        pass


def _reply(handler: Any, event: Any, context: Context) -> bytes:
    """As JSON; empty for an error."""
    try:
        return json.dumps(handler(event, context)).encode()
    except Exception:
        traceback.print_exc()
        return b""


if __name__ == "__main__":
    _serve(Connection(int(sys.argv[1])), sys.argv[2], sys.argv[3])
