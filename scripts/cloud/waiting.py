"""Wait for something that AWS does in its own time, and say how it goes."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from typing import Any

from cloud.account import Account
from cloud.errors import ScriptError


def wait(account: Account, what: str, describe: Callable[[], dict[str, Any]], status_key: str, *,
         done: Collection[str], failed: Collection[str], limit_s: float,
         every_s: float = 10.0) -> dict[str, Any]:
    """Poll `describe` until its `status_key` is one of `done`; each change of status is a line.

    A dry run waits for nothing and gives `{}`.

    Raises:
        ScriptError: the status is one of `failed` (with AWS's reason), or not one of `done` within
            `limit_s` seconds; AWS goes on in that case, and so may the user.
    """
    if account.dry_run:
        return {}
    begun = time.monotonic()
    shown = ""
    while True:
        answer = describe()
        status = str(answer[status_key])
        if status != shown:
            print(f"{what}: {status}", flush=True)
            shown = status
        if status in done:
            return answer
        if status in failed:
            reason = (answer.get("FailureReason") or answer.get("StackStatusReason")
                      or "no reason given")
            raise ScriptError(f"{what} ended as {status}: {reason}")
        if time.monotonic() - begun > limit_s:
            raise ScriptError(f"{what} is still {status} after {limit_s / 60:.0f} minutes; "
                          "scripts/status.py tells how it goes on")
        time.sleep(every_s)


@contextmanager
def stopped_by_interrupt(job: str, stop: Callable[[], object]) -> Iterator[None]:
    """Ctrl-C while a job is waited for also ends the job itself."""
    try:
        yield
    except KeyboardInterrupt:
        stop()
        print(f"\nasked AWS to stop {job}: it costs nothing more in a minute or two", flush=True)
        raise
