"""A process that asks for `/ping` again and again, each time on a new connection, as a probe does.

It is a process of its own because callers that keep a processor busy would make its clock lie. It
ends with its standard input and prints the seconds of each answer, and `null` for none.
"""

from __future__ import annotations

import http.client
import json
import select
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

EVERY = 0.1
"""Seconds from an answer to the next question."""


@contextmanager
def pinged(port: int) -> Iterator[list[float | None]]:
    """Ask the server on `port` meanwhile; the list is filled at the end."""
    found: list[float | None] = []
    with subprocess.Popen([sys.executable, str(Path(__file__)), str(port)], stdin=subprocess.PIPE,
                          stdout=subprocess.PIPE) as process:
        try:
            yield found
        finally:
            said, _ = process.communicate()
            found.extend(json.loads(said))


def main() -> None:
    port = int(sys.argv[1])
    found: list[float | None] = []
    while True:
        found.append(_ping(port))
        if select.select([sys.stdin], [], [], EVERY)[0]:
            break
    print(json.dumps(found))


def _ping(port: int) -> float | None:
    begun = time.perf_counter()
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    try:
        connection.request("GET", "/ping")
        good = connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        good = False
    finally:
        connection.close()
    return time.perf_counter() - begun if good else None


if __name__ == "__main__":
    main()
