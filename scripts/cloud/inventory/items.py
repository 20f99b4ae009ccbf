"""One thing of ours, and how such things are found: by a name that begins like ours and our tag.

The name alone proves nothing, as another project's may begin alike. The tag alone might have been
set by somebody else's tool, and what a script of ours makes never has another name.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any, NamedTuple

from cloud import prices
from cloud.account import Account
from cloud.errors import found

_AT_ONCE = 8
"""Requests for tags at the same time; AWS throttles more."""



class _Asking(NamedTuple):
    """How a service is asked for the tags of an ARN."""

    operation: str
    parameter: str
    member: str = "Tags"


_TAGS = {"sagemaker": _Asking("list_tags", "ResourceArn"),
         "cloudwatch": _Asking("list_tags_for_resource", "ResourceARN"),
         "ecr": _Asking("list_tags_for_resource", "resourceArn", "tags"),
         "scheduler": _Asking("list_tags_for_resource", "ResourceArn"),
         "sns": _Asking("list_tags_for_resource", "ResourceArn")}

STACK_TAG = "aws:cloudformation:stack-name"
"""CloudFormation's own tag: what has it comes and goes with its stack."""


@dataclass(frozen=True)
class Cost:
    """US dollars at list prices; `hour` is None where the price is not known here."""

    hour: float | None = 0.0
    month: float = 0.0
    why: str = ""

    def __add__(self, other: Cost) -> Cost:
        hour = None if self.hour is None or other.hour is None else self.hour + other.hour
        return Cost(hour, self.month + other.month, ", ".join(filter(None, (self.why, other.why))))


@dataclass(frozen=True)
class Item:
    """One thing of ours."""

    kind: str
    name: str
    arn: str
    remove: Callable[[], object] | None
    """Sends what removes it; None where AWS keeps it for ever, at no cost."""
    gone: Callable[[], object] | None = None
    """Waits until it is gone, for what takes its time."""
    state: str = ""
    since: datetime | None = None
    cost: Cost = Cost()
    owner: str = ""
    """The endpoint or job that it belongs to."""
    ends: datetime | None = None
    """When it will end without anybody doing something."""


def instances(kind: str, count: int) -> Cost:
    """What SageMaker's instances cost while they stand, used or not."""
    price = prices.PER_HOUR.get(kind)
    why = f"{count} x {kind}"
    return Cost(0.0 if count == 0 else None if price is None else price * count, why=why)


def pages(account: Account, service: str, operation: str, key: str,
          **parameters: object) -> list[Any]:
    """All entries of a list that comes in pages; none where there is nothing to list."""
    pager = account.client(service).get_paginator(operation)
    return found(lambda: [entry for page in pager.paginate(**parameters)
                          for entry in page.get(key, [])]) or []


def tagged(account: Account, entries: Iterable[dict[str, Any]], name: str,
           arn: str) -> list[dict[str, Any]]:
    """Those `entries` that are ours and of no stack, by their members `name` and `arn`."""
    alike = [entry for entry in entries if entry[name].startswith(account.project)]
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        tags = list(pool.map(partial(_tags, account), [entry[arn] for entry in alike]))
    return [entry for entry, its in zip(alike, tags, strict=True)
            if account.owns(its) and STACK_TAG not in [tag["Key"] for tag in its]]


def _tags(account: Account, arn: str) -> list[dict[str, str]]:
    service = arn.split(":")[2]
    asking = _TAGS[service]
    ask = getattr(account.client(service), asking.operation)
    answer = found(lambda: ask(**{asking.parameter: arn}))
    return list(answer[asking.member]) if answer else []
