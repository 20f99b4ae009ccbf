"""CloudFormation stacks, made and brought up to date through change sets."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

from cloud.account import Account
from cloud.errors import ScriptError, found
from cloud.journey import stamp
from cloud.storage import ensure_bucket
from cloud.waiting import wait

from botocore.exceptions import WaiterError

BODY_BYTES = 51_200
"""The largest template that a request holds; a larger one goes through the bucket."""

_EVERY_S = 3.0
_CHANGES_LIMIT_S, _STACK_LIMIT_S = 600, 3600

_STANDS = ("CREATE_COMPLETE", "UPDATE_COMPLETE")
_TAKEN_BACK = "UPDATE_ROLLBACK_COMPLETE"
_HALF = {"UPDATE_FAILED": "rollback-stack", "UPDATE_ROLLBACK_FAILED": "continue-update-rollback"}
"""States that a change can be stuck in, and what takes it back."""
_GONE = "DELETE_COMPLETE"
_DEAD = ("CREATE_FAILED", "ROLLBACK_COMPLETE", "ROLLBACK_FAILED", "DELETE_FAILED")
_FELL = (_TAKEN_BACK, _GONE, *_HALF, *_DEAD)

# With a transform in the template, CloudFormation says it in other words.
_NO_CHANGES = ("didn't contain changes", "No updates are to be performed")
_CONSEQUENCE = "cancelled"
"""In the reason of what failed only because something else did."""


def find(account: Account, name: str) -> dict[str, Any] | None:
    """DescribeStacks of a stack that can be changed; None where there is none.

    One that is being changed is waited for.

    Raises:
        ScriptError: it is not the project's, or cannot be changed.
    """
    cloudformation = account.client("cloudformation")
    there = found(lambda: cloudformation.describe_stacks(StackName=name))
    stack: dict[str, Any] = there["Stacks"][0] if there else {"StackStatus": _GONE}
    status = stack["StackStatus"]
    if status in (_GONE, "REVIEW_IN_PROGRESS"):  # the latter is a change set and nothing else
        return None
    if not account.owns(stack.get("Tags", [])):
        raise ScriptError(f"there is a stack {name} without the tag of the project "
                          f"{account.project}; it is left alone. Delete it, or take another "
                          "--project")
    if status.endswith("_IN_PROGRESS") and not account.dry_run:
        _follow(account, name, stack["StackId"], _newest_event(account, name))
        return find(account, name)
    if status in (*_HALF, *_DEAD):
        raise ScriptError(f"the stack {name} is {status}: {stack.get('StackStatusReason', '')}\n"
                          f"{_remedy(account, name, status)}")
    return stack


def deploy(account: Account, name: str, template: str, parameters: Mapping[str, str | None],
           capabilities: Sequence[str]) -> dict[str, str]:
    """Make a stack or bring it up to date; returns its outputs.

    A parameter that is None stays as it is in the stack; at first it has the template's default.
    A stack that could not be made is deleted again, one that could not be changed is as before.
    A dry run returns the outputs that there are.

    Raises:
        ScriptError: it failed; with the reasons of each resource that did.
    """
    cloudformation = account.client("cloudformation")
    present = find(account, name)
    kind = {"ChangeSetType": "UPDATE"} if present else {
        "ChangeSetType": "CREATE", "OnStackFailure": "DELETE"}
    changes = cloudformation.create_change_set(
        StackName=name, ChangeSetName=f"{name}-{stamp()}", **kind,
        **_template(account, name, template), Parameters=_parameters(parameters, present),
        Capabilities=capabilities, Tags=account.tags)
    if _is_needed(account, name, changes, new=present is None):
        print(f"{'changing' if present else 'making'} the stack {name}", flush=True)
        newest = None if account.dry_run else _newest_event(account, name)
        cloudformation.execute_change_set(StackName=name, ChangeSetName=changes["Id"])
        _follow(account, name, changes["StackId"], newest)
    else:
        print(f"the stack {name} is up to date", flush=True)
    return account.stack_outputs(name)


def delete(account: Account, name: str) -> None:
    """Delete a stack, if it is there, and wait until it is gone.

    Raises:
        ScriptError: it is not; with the reasons of each resource that stays.
    """
    cloudformation = account.client("cloudformation")
    there = found(lambda: cloudformation.describe_stacks(StackName=name))
    if there is None:
        return
    newest = None if account.dry_run else _newest_event(account, name)
    cloudformation.delete_stack(StackName=name)
    _follow(account, name, there["Stacks"][0]["StackId"], newest, done=(_GONE,),
            failed=("DELETE_FAILED",))


def _template(account: Account, name: str, template: str) -> dict[str, str]:
    content = template.encode()
    if len(content) <= BODY_BYTES:
        return {"TemplateBody": template}
    ensure_bucket(account)
    key = f"templates/{name}-{hashlib.sha256(content).hexdigest()[:16]}.yaml"
    account.client("s3").put_object(Bucket=account.bucket, Key=key, Body=content)
    return {"TemplateURL": f"https://{account.bucket}.s3.{account.domain}/{key}"}


def _parameters(wanted: Mapping[str, str | None], present: Mapping[str, Any] | None
                ) -> list[dict[str, Any]]:
    known = {each["ParameterKey"] for each in (present or {}).get("Parameters", [])}
    given = [{"ParameterKey": name, "ParameterValue": value}
             for name, value in wanted.items() if value is not None]
    return given + [{"ParameterKey": name, "UsePreviousValue": True}
                    for name, value in wanted.items() if value is None and name in known]


def _is_needed(account: Account, name: str, changes: Mapping[str, str], *, new: bool) -> bool:
    """Wait for a change set; whether it has anything to change. One that has not is deleted.

    Raises:
        ScriptError: CloudFormation does not take it.
    """
    if account.dry_run:
        return True
    cloudformation = account.client("cloudformation")
    try:
        cloudformation.get_waiter("change_set_create_complete").wait(
            StackName=name, ChangeSetName=changes["Id"],
            WaiterConfig={"Delay": _EVERY_S, "MaxAttempts": int(_CHANGES_LIMIT_S / _EVERY_S)})
        return True
    except WaiterError as error:
        reason = error.last_response.get("StatusReason") or str(error)
    if new:  # there is nothing of it but its name
        cloudformation.delete_stack(StackName=changes["StackId"])
    else:
        cloudformation.delete_change_set(StackName=name, ChangeSetName=changes["Id"])
    if any(words in reason for words in _NO_CHANGES):
        return False
    raise ScriptError(f"CloudFormation does not take the template of the stack {name}: {reason}")


def _follow(account: Account, name: str, stack_id: str, newest: str | None,
            done: Sequence[str] = _STANDS, failed: Sequence[str] = _FELL) -> None:
    """Wait for the end of what a stack is in, with a line for each step after the event `newest`.

    Raises:
        ScriptError: it failed.
    """
    cloudformation = account.client("cloudformation")
    told: set[tuple[str, str]] = set()
    failures: list[str] = []
    status = ""

    def describe() -> dict[str, Any]:
        nonlocal newest, status
        stack = cloudformation.describe_stacks(StackName=stack_id)["Stacks"][0]
        for event in _events_after(account, stack_id, newest):
            newest = event["EventId"]
            step = event["LogicalResourceId"], event["ResourceStatus"]
            if event["PhysicalResourceId"] == stack_id or step in told:
                continue
            told.add(step)
            print(f"  {': '.join(step)}", flush=True)
            reason = event.get("ResourceStatusReason", "")
            if step[1].endswith("_FAILED") and _CONSEQUENCE not in reason:
                failures.append(f"  {step[0]} ({event['ResourceType']}): {reason}")
        status = stack["StackStatus"]
        return dict(stack)

    try:
        wait(account, f"stack {name}", describe, "StackStatus", done=done, failed=failed,
             limit_s=_STACK_LIMIT_S, every_s=_EVERY_S)
    except ScriptError as error:
        raise ScriptError("\n".join([str(error), *failures, _remedy(account, name, status)])
                          ) from None


def _newest_event(account: Account, name: str) -> str:
    events = account.client("cloudformation").describe_stack_events(StackName=name)["StackEvents"]
    return str(events[0]["EventId"])


def _events_after(account: Account, stack_id: str, newest: str | None) -> list[dict[str, Any]]:
    """In the order in which they happened; AWS tells the last one first."""
    events: list[dict[str, Any]] = []
    pager = account.client("cloudformation").get_paginator("describe_stack_events")
    for page in pager.paginate(StackName=stack_id):
        for event in page["StackEvents"]:
            if event["EventId"] == newest:
                return events[::-1]
            events.append(event)
    return events[::-1]


def _remedy(account: Account, name: str, status: str) -> str:
    """What to do about a stack that is in this state."""
    aws = f"aws cloudformation --region {account.region}"
    if status == _GONE:
        return "Nothing of it is left. Mend the cause and run this again"
    if status == _TAKEN_BACK:
        return "It is as it was before. Mend the cause and run this again"
    if status in _HALF:
        return (f"It is half changed. Mend the cause, take the change back with `{aws} "
                f"{_HALF[status]} --stack-name {name}`, and run this again")
    if status in _DEAD:
        return (f"It can only be deleted: `{aws} delete-stack --stack-name {name}`. Then run this "
                f"again. Until then `{aws} describe-stack-events --stack-name {name}` has the "
                "reasons")
    return "CloudFormation goes on with it; run this again to see how it ends"
