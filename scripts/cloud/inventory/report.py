"""The inventory for people and for programs."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from itertools import groupby
from typing import Any

from cloud import prices
from cloud.inventory.items import Cost, Item

_HEADS = ("what", "name", "state", "since", "costs in USD", "ends by itself")
_MANY = ("log stream", "finished")
"""Kinds of which there are many, at no cost; a line tells how many."""


def table(items: Sequence[Item]) -> str:
    """A line for each, under a head; times are in UTC."""
    rows = [_HEADS]
    for kind, group in groupby(items, key=lambda item: item.kind):
        members = list(group)
        rows += [(kind, f"{len(members)} of them", "", "", "", "")] if kind.startswith(_MANY) else [
            (kind, item.name, item.state, _time(item.since), _money(item.cost), _time(item.ends))
            for item in members]
    widths = [max(len(row[column]) for row in rows) for column in range(len(_HEADS))]
    return "\n".join("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True))
                     .rstrip() for row in rows)


def total(items: Sequence[Item]) -> str:
    """What all of it costs, for the line `costs` at the end of a script."""
    hour, month = sums(items)
    unknown = [item.name for item in items if item.cost.hour is None]
    if not hour and not unknown:
        return prices.per_month(month) if month else "nothing while nobody uses it"
    return (f"about {hour:.3g} USD an hour; "
            f"{prices.per_month(hour * prices.HOURS_A_MONTH + month)} if all stays as it is"
            + (f"; besides, what {', '.join(unknown)} costs, see "
               "https://aws.amazon.com/sagemaker/pricing/" if unknown else ""))


def sums(items: Sequence[Item]) -> tuple[float, float]:
    """US dollars an hour and, besides, a month, without what has no known price."""
    return (sum(item.cost.hour or 0.0 for item in items), sum(item.cost.month for item in items))


def warnings(items: Sequence[Item], now: datetime | None = None) -> list[str]:
    """What is likely to cost more than somebody meant."""
    said = []
    for item in items:
        if item.kind != "endpoint" or item.state == "Deleting":
            continue
        region = item.arn.split(":")[3]
        remedy = (f"`python scripts/teardown.py --region {region} --endpoint {item.name}` ends it "
                  "now")
        if item.ends is None:
            said.append(f"the endpoint {item.name} stays until somebody deletes it; {remedy}")
        elif item.ends < (now or datetime.now(UTC)):
            said.append(f"the endpoint {item.name} should have ended at {_time(item.ends)} UTC; "
                        f"{remedy}")
    return said


def as_json(item: Item) -> dict[str, Any]:
    """One item for a program; times in ISO 8601."""
    return {"kind": item.kind, "name": item.name, "arn": item.arn, "state": item.state,
            "since": item.since.isoformat() if item.since else None,
            "ends": item.ends.isoformat() if item.ends else None,
            "usd_per_hour": item.cost.hour, "usd_per_month": item.cost.month,
            "because_of": item.cost.why}


def _time(when: datetime | None) -> str:
    return when.astimezone(UTC).strftime("%Y-%m-%d %H:%M") if when else ""


def _money(cost: Cost) -> str:
    parts = ["price not known here" if cost.hour is None else
             f"{cost.hour:.3g} an hour" if cost.hour else "",
             f"{cost.month:.2f} a month" if cost.month >= 0.005 else ""]
    said = ", ".join(filter(None, parts))
    return f"{said} ({cost.why})" if said and cost.why else said or cost.why
