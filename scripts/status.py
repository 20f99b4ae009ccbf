"""List everything of ours in the account: what it is, since when, what it costs now.

It only reads. Ours is what carries the tag `project` with the project's name, and what belongs to
such a thing. Prices are list prices of us-east-1; discounts and free tiers are not in them.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence

from cloud.account import Account
from cloud.inventory import index, report
from cloud.inventory.kinds import Inventory, take
from cloud.verb import Verb, account_of, run


def status(account: Account, *, all_regions: bool = False) -> tuple[dict[str, Inventory],
                                                                    list[str]]:
    """What stands in the account's Region, or in each that has anything; and Regions unseen.

    Other Regions are asked for tags first, which is one request each. That index may be some
    minutes late.
    """
    if not all_regions:
        return {account.region: take(account)}, []
    account.id  # noqa: B018 - refused here if nobody has signed in, and not by each Region
    regions, unseen = index.regions(account)
    found = {region: take(_in_region(account, region))
             for region in sorted({account.region, *regions})}
    return {region: inventory for region, inventory in found.items()
            if inventory.items or inventory.unseen or region == account.region}, unseen


def _in_region(account: Account, region: str) -> Account:
    if region == account.region:
        return account
    return Account(account.project, region, dry_run=account.dry_run is not None)


def show(account: Account, found: dict[str, Inventory], unseen: Sequence[str]) -> None:
    """Print tables, warnings and what all of it costs."""
    for region, inventory in found.items():
        print(f"{account.project} in {region}, account {account.id}:"
              + (f"\n\n{report.table(inventory.items)}\n" if inventory.items
                 else " nothing of ours"))
        for line in [*(f"not seen: {line}" for line in inventory.unseen),
                     *report.warnings(inventory.items)]:
            print(line)
    if unseen:
        print(f"no answer, because not enabled or not permitted: {', '.join(unseen)}")
    items = [item for inventory in found.values() for item in inventory.items]
    if items:
        print(f"{'costs':8}{report.total(items)}")
    for region, inventory in found.items():
        if inventory.items:
            print(f"{'remove':8}python scripts/teardown.py --region {region}")


def _act(options: argparse.Namespace) -> None:
    account = account_of(options)
    found, unseen = status(account, all_regions=options.all_regions)
    if not options.json:
        show(account, found, unseen)
        return
    items = [item for inventory in found.values() for item in inventory.items]
    hour, month = report.sums(items)
    print(json.dumps({
        "project": account.project, "account": account.id,
        "usd_per_hour": hour, "usd_per_month_besides": month, "regions_without_answer": unseen,
        "regions": {region: {"items": [report.as_json(item) for item in inventory.items],
                             "unseen": inventory.unseen} for region, inventory in found.items()},
    }, indent=2))


def command() -> Verb:
    """The command line."""
    verb = Verb("status", __doc__, "--all-regions")
    verb.add_argument("--all-regions", action=argparse.BooleanOptionalAction, default=False,
                      help="look in every Region that has SageMaker")
    verb.add_argument("--json", action=argparse.BooleanOptionalAction, default=False,
                      help="for a program")
    return verb


def main(arguments: Sequence[str] | None = None) -> int:
    """Look; returns the exit status."""
    return run(command(), _act, arguments)


if __name__ == "__main__":
    sys.exit(main())
