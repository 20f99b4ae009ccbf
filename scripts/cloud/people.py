"""The policies for people, and those who have them."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

from cloud.account import Account
from cloud.errors import ScriptError, found

POLICIES = ("JobsPolicyArn", "HostingPolicyArn", "PagePolicyArn", "KeyPolicyArn")
"""Outputs of the roles' stack; the last one is there only where a key was named."""

_KINDS = {"user": "UserName", "group": "GroupName", "role": "RoleName"}


def person(whom: str) -> tuple[str, str]:
    """Kind and name of `user/NAME`, `group/NAME` or `role/NAME`; an ARN will do as well.

    Raises:
        ScriptError: it is none of these.
    """
    kind, _, path = whom.rpartition(":")[2].partition("/")
    name = path.rpartition("/")[2]
    if kind not in _KINDS or not name:
        raise ScriptError(f"--attach-to {whom}: write user/NAME, group/NAME or role/NAME")
    return kind, name


def attach(account: Account, outputs: Mapping[str, str], kind: str, name: str) -> None:
    """Give a `person` all policies for people; those it has stay."""
    for output in POLICIES:
        if output in outputs:
            _operation(account, "attach", kind)(
                PolicyArn=outputs[output], **{_KINDS[kind]: name})
    print(f"the {kind} {name} has the policies", flush=True)


def detach_all(account: Account, outputs: Mapping[str, str]) -> None:
    """Take the policies from everybody, without which their stack cannot be deleted.

    What they are to the project's own roles is the stack's business.
    """
    pager = account.client("iam").get_paginator("list_entities_for_policy")
    for output in POLICIES:
        if output not in outputs:
            continue
        # All, before any goes; none where somebody has deleted the policy.
        listed: list[Any] | None = found(partial(list, pager.paginate(PolicyArn=outputs[output])))
        for page in listed or []:
            for kind, key in _KINDS.items():
                for name in (each[key] for each in page[f"Policy{kind.title()}s"]):
                    if kind != "role" or not name.startswith(f"{account.project}-"):
                        _operation(account, "detach", kind)(
                            PolicyArn=outputs[output], **{key: name})
                        print(f"took {outputs[output].rpartition('/')[2]} from {kind} {name}",
                              flush=True)


def _operation(account: Account, verb: str, kind: str) -> Any:
    return getattr(account.client("iam"), f"{verb}_{kind}_policy")
