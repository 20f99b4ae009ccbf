"""The Resource Groups Tagging API: AWS's own index of what carries a tag, some minutes late.

It says that something is there for a while after it has gone, and it may not know yet what has just
been made. So it is a second witness, and the services have the last word.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

from cloud.account import TAG, Account
from cloud.errors import found
from cloud.inventory.items import STACK_TAG

from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

_PATIENCE = Config(connect_timeout=5, retries={"mode": "standard", "total_max_attempts": 3})


class Entry(NamedTuple):
    """Something with our tag, and the stack that it belongs to."""

    arn: str
    stack: str


def entries(account: Account) -> list[Entry]:
    """What the index knows in the account's Region."""
    return _ask(account, account.client("resourcegroupstaggingapi"))


def regions(account: Account) -> tuple[list[str], list[str]]:
    """Regions in which something has our tag, and those that gave no answer.

    A Region that the account has not enabled gives none.
    """
    names = sorted({*account.session.get_available_regions("sagemaker", account.partition),
                    account.region})
    # Clients are made one by one, as a session is not for many threads; a client is.
    clients = [account.session.client("resourcegroupstaggingapi", region_name=name,
                                      config=_PATIENCE) for name in names]
    with ThreadPoolExecutor(len(names)) as pool:
        known = list(pool.map(lambda client: _known(account, client), clients))
    return ([name for name, answer in zip(names, known, strict=True) if answer],
            [name for name, answer in zip(names, known, strict=True) if answer is None])


def _known(account: Account, client: Any) -> Sequence[Entry] | None:
    try:
        return _ask(account, client)
    except (BotoCoreError, ClientError):
        return None


def _ask(account: Account, client: Any) -> list[Entry]:
    pager = client.get_paginator("get_resources")
    listed = found(lambda: [mapping for page in pager.paginate(
        TagFilters=[{"Key": TAG, "Values": [account.project]}])
        for mapping in page["ResourceTagMappingList"]])
    return [Entry(mapping["ResourceARN"], next((tag["Value"] for tag in mapping["Tags"]
                                                if tag["Key"] == STACK_TAG), ""))
            for mapping in listed or []]
