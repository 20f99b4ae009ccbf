"""Endpoints that delete themselves: one-time EventBridge schedules that call AWS in our place.

The schedules are made before there is anything that costs. They take what would be left with the
endpoint, its alarms and its dashboard, and when they have run they are gone themselves.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

from cloud.account import Account
from cloud.errors import ScriptError, found

_UNITS = {"m": "minutes", "h": "hours", "d": "days"}
_LEAST, _MOST = timedelta(minutes=15), timedelta(days=365)
# SageMaker does not delete an endpoint that is being made or changed at that moment.
_AGAIN = timedelta(hours=1)
ENDING = ("delete", "delete-again")
"""What follows the endpoint's name in those of the schedules that delete the endpoint itself."""

_WHATS = (*ENDING, "delete-alarms", "delete-dashboard")
_AT = "at(%Y-%m-%dT%H:%M:%S)"


def duration(text: str) -> timedelta:
    """`30m`, `2h` or `1d`.

    Raises:
        ScriptError: it is none of these, or too short for an endpoint to be made, or over a year.
    """
    match = re.fullmatch(r"([0-9]{1,6})([mhd])", text)
    length = timedelta(**{_UNITS[match[2]]: int(match[1])}) if match else timedelta()
    if not _LEAST <= length <= _MOST:
        raise ScriptError(f"--for {text}: write 30m, 2h or 1d; at least 15m, at most 365d")
    return length


def spoken(when: datetime) -> str:
    """`2026-11-20 14:30 CET (13:30 UTC)`"""
    local = when.astimezone()
    utc = f" ({when.astimezone(UTC):%H:%M} UTC)" if local.utcoffset() else ""
    return f"{local:%Y-%m-%d %H:%M %Z}{utc}"


def requests(account: Account, endpoint: str, when: datetime, role: str,
             alarms: Sequence[str]) -> list[dict[str, Any]]:
    """CreateSchedule for the endpoint, once more for the endpoint, its alarms, its dashboard."""
    ends = {"EndpointName": endpoint}
    calls = ((when, "sagemaker:deleteEndpoint", ends),
             (when + _AGAIN, "sagemaker:deleteEndpoint", ends),
             (when, "cloudwatch:deleteAlarms", {"AlarmNames": list(alarms)}),
             (when, "cloudwatch:deleteDashboards", {"DashboardNames": [endpoint]}))
    return [{
        "Name": f"{endpoint}-{what}",
        "GroupName": account.project,
        "Description": f"{endpoint} was deployed until {when.astimezone(UTC):%Y-%m-%d %H:%M} UTC.",
        "ScheduleExpression": at.astimezone(UTC).strftime(_AT),
        "ScheduleExpressionTimezone": "UTC",
        "FlexibleTimeWindow": {"Mode": "OFF"},
        "ActionAfterCompletion": "DELETE",
        "Target": {"Arn": f"arn:{account.partition}:scheduler:::aws-sdk:{call}",
                   "RoleArn": role, "Input": json.dumps(parameters),
                   # By default a call may be tried again for a day, and end a later endpoint.
                   "RetryPolicy": {"MaximumEventAgeInSeconds": int(_AGAIN.total_seconds())}},
    } for what, (at, call, parameters) in zip(_WHATS, calls, strict=True)]


def put(account: Account, endpoint: str, when: datetime, role: str, alarms: Sequence[str]) -> None:
    """Make the schedules, or set those that are there to another time.

    Raises:
        ClientError: the time could not be set; nothing that costs has been made by this.
    """
    scheduler = account.client("scheduler")
    # A schedule carries no tags; its group does.
    if found(lambda: scheduler.get_schedule_group(Name=account.project)) is None:
        scheduler.create_schedule_group(Name=account.project, Tags=account.tags)
    for request in requests(account, endpoint, when, role, alarms):
        try:
            scheduler.create_schedule(**request)
        except scheduler.exceptions.ConflictException:
            scheduler.update_schedule(**request)
    print(f"the endpoint {endpoint} deletes itself at {spoken(when)}", flush=True)


def end_of(account: Account, endpoint: str) -> datetime | None:
    """When the endpoint will be deleted; None where no such time has been set."""
    for what in ENDING:
        schedule = found(partial(account.client("scheduler").get_schedule,
                                 GroupName=account.project, Name=f"{endpoint}-{what}"))
        if schedule and schedule["State"] == "ENABLED":
            return datetime.strptime(schedule["ScheduleExpression"], _AT).replace(tzinfo=UTC)
    return None


def remove(account: Account, endpoint: str) -> None:
    """Delete the schedules that are there, and say so."""
    scheduler, group = account.client("scheduler"), account.project
    listed = found(lambda: scheduler.list_schedules(GroupName=group, NamePrefix=f"{endpoint}-"))
    names = {each["Name"] for each in (listed or {}).get("Schedules", [])}
    for name in sorted(names & {f"{endpoint}-{what}" for what in _WHATS}):
        scheduler.delete_schedule(GroupName=group, Name=name)
        print(f"removed the schedule {name}", flush=True)
