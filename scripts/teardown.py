"""Remove everything of ours in a Region, or one endpoint with all that belongs to it.

First it lists what it will remove and asks. Ours is what carries the tag `project` with the
project's name, and what belongs to such a thing; nothing else is touched, whatever its name. What
fails is told at the end, and the rest is removed all the same. Then it looks again.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Collection, Iterator, Sequence
from itertools import groupby

from cloud.account import Account
from cloud.errors import AWS_ERRORS, ScriptError, explain, is_missing
from cloud.inventory import index, report
from cloud.inventory.items import Item
from cloud.inventory.kinds import ENDPOINTS, Inventory, take
from cloud.verb import Verb, account_of, run

from botocore.exceptions import ClientError

KEEP = {"data": "bucket", "image": "image repository", "page": "page stack",
        "roles": "roles stack"}
"""What `--keep` may name, and the kind that this is."""

_ROUNDS = 2
"""A job that is stopped leaves an entry and a log behind, which the second round removes."""

_KNOWN_BY = ("schedule", "endpoint config", "finished")
"""What ends an endpoint, or tells the next time that what has its name is ours."""


def chosen(inventory: Inventory, endpoint: str | None = None,
           keep: Collection[str] = ()) -> list[Item]:
    """What is to be removed, in order."""
    kept = [KEEP[name] for name in keep]
    return [item for item in inventory.items if item.remove and item.kind not in kept
            and (endpoint is None or item.owner == endpoint)]


def teardown(account: Account, *, endpoint: str | None = None, keep: Collection[str] = (),
             before: Inventory | None = None) -> tuple[Inventory, list[str]]:
    """Remove everything of ours; gives what is there afterwards, and what failed, a line each.

    A dry run prints the requests and gives `before`.

    Args:
        account: whose things, by its project's name.
        endpoint: remove only what belongs to this one.
        keep: names of `KEEP`.
        before: what is there, if somebody has just looked.
    """
    before = before or take(account)
    after, failures = before, list[str]()
    for _ in range(_ROUNDS):
        items = chosen(after, endpoint, keep)
        if failures or not items:
            break
        is_blind = any(line.startswith(ENDPOINTS) for line in after.unseen)
        failures = list(_remove(account, items, is_blind))
        if account.dry_run:
            return before, failures
        after = take(account, before.owners)
    return after, failures


def _remove(account: Account, items: Sequence[Item], is_blind: bool) -> Iterator[str]:
    """Remove them kind by kind; each failure is a line. Blind is who may not see endpoints."""
    failed: list[Item] = []
    for kind, group in groupby(items, key=lambda item: item.kind):
        waiting = []
        for item in group:
            if _is_needed(item, failed, is_blind):
                yield f"{kind} {item.name}: left until the rest of it is gone"
                continue
            print(f"remove {kind} {item.name}", flush=True)
            failure = _try(account, item, item.remove)
            if failure is None:
                waiting.append(item)
            else:
                failed.append(item)
                yield failure
        for item in waiting:
            failure = _try(account, item, item.gone)
            if failure is not None:
                failed.append(item)
                yield failure


def _is_needed(item: Item, failed: Sequence[Item], is_blind: bool) -> bool:
    if item.kind in ("schedule group", "roles stack"):
        return is_blind or any(other.kind == "endpoint" for other in failed)
    if item.kind == "schedule" and is_blind:
        return True
    return item.kind.startswith(_KNOWN_BY) and item.owner in [
        other.owner for other in failed if other.owner]


def _try(account: Account, item: Item, step: Callable[[], object] | None) -> str | None:
    try:
        if step:
            step()
    except (ScriptError, *AWS_ERRORS) as error:
        if isinstance(error, ClientError) and is_missing(error):
            return None
        why = str(error) if isinstance(error, ScriptError) else explain(error, account.project)
        return f"{item.kind} {item.name}: {why}"
    return None


def witness(account: Account, before: Inventory, after: Inventory) -> list[str]:
    """What AWS's index of tags says, held against what the services say; a line each."""
    there = {item.arn for item in after.items}
    removed = {item.arn for item in before.items} - there
    stacks = {item.name for item in before.items if item.arn in removed}
    entries = [entry for entry in index.entries(account) if entry.arn not in there]
    late = [entry for entry in entries if entry.arn in removed or entry.stack in stacks]
    lines = [f"the index of tags still has {len(late)} that are gone; it is some minutes late"
             ] if late else []
    return lines + [f"has our tag, and is nothing that the scripts make; left alone: {entry.arn}"
                    for entry in entries if entry not in late]


def _confirm(name: str) -> None:
    try:
        typed = input(f"\nType {name} to remove all of this: ")
    except EOFError:
        typed = ""
    if typed.strip() != name:
        raise ScriptError("not confirmed, nothing was removed; type the name, or give --yes")


def _act(options: argparse.Namespace) -> None:
    account = account_of(options)
    before = take(account)
    items = chosen(before, options.endpoint, options.keep)
    whose = f"of the endpoint {options.endpoint}" if options.endpoint else "of ours"
    where = f"in {account.region}, account {account.id}"
    if items:
        print(f"{whose} {where}, to be removed:\n\n{report.table(items)}\n")
        if not (options.yes or account.dry_run):
            _confirm(options.endpoint or account.project)
    after, failures = teardown(account, endpoint=options.endpoint, keep=options.keep,
                               before=before)
    if account.dry_run and items:
        return
    left = chosen(after, options.endpoint, options.keep)
    failures += [f"not seen: {line}" for line in after.unseen]
    print(f"\nlooked again: {len(left)} left {where}:\n\n{report.table(left)}" if left else
          f"\nlooked again: nothing {whose} is left {where}" if items else
          f"nothing {whose} {where}")
    if not options.endpoint:
        _tell_what_stays(account, before, after, left)
    if left or failures:
        raise ScriptError("not everything could be removed. Mend this and run it again:\n  "
                          + "\n  ".join(failures or ["what is listed above is still there"]))


def _tell_what_stays(account: Account, before: Inventory, after: Inventory,
                     left: Sequence[Item]) -> None:
    kept = [item for item in after.items if item.remove and item not in left]
    listed = [item for item in after.items if not item.remove]
    if listed:
        print(f"AWS keeps finished transform jobs in its lists, at no cost: {len(listed)}")
    for line in witness(account, before, after):
        print(line)
    if kept:
        print(f"\nkept:\n\n{report.table(kept)}\n\n{'costs':8}{report.total(kept)}\n"
              f"{'remove':8}python scripts/teardown.py {account.place}")


def command() -> Verb:
    """The command line."""
    verb = Verb("teardown", __doc__, "--keep data image roles")
    verb.add_argument("--endpoint", metavar="NAME",
                      help="only this endpoint, with its configs, models, scaling, alarms, "
                           "dashboard, schedule and log")
    verb.add_argument("--keep", nargs="+", choices=KEEP, default=[],
                      help="do not remove these")
    verb.add_argument("--yes", action="store_true", help="do not ask")
    return verb


def main(arguments: Sequence[str] | None = None) -> int:
    """Remove; returns the exit status."""
    return run(command(), _act, arguments)


if __name__ == "__main__":
    sys.exit(main())
