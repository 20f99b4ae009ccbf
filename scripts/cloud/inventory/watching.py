"""What watches endpoints and ends them: schedules, alarms, dashboards, topics, logs."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import partial
from typing import Any

from cloud import prices
from cloud.account import Account
from cloud.errors import found
from cloud.inventory.items import Cost, Item, pages, tagged
from cloud.waiting import wait

_ONCE = re.compile(r"at\((.+)\)")
_ENDING = re.compile(r"-delete(-again|-alarms|-dashboard)?$")
"""What follows the endpoint's name in that of a schedule."""

_LOGS = "/aws/sagemaker/"
_JOB_LOGS = ("TrainingJobs", "TransformJobs", "ProcessingJobs")


def schedules(account: Account) -> Iterator[Item]:
    """The schedules of our group, and the group. A schedule has no tags; its group has."""
    scheduler, group = account.client("scheduler"), account.project
    described = found(lambda: scheduler.get_schedule_group(Name=group))
    if not described or described["State"] == "DELETING" or not tagged(
            account, [described], "Name", "Arn"):
        return
    for entry in pages(account, "scheduler", "list_schedules", "Schedules", GroupName=group):
        name = entry["Name"]
        schedule = found(partial(scheduler.get_schedule, GroupName=group, Name=name))
        if schedule:
            yield Item("schedule", name, entry["Arn"],
                       partial(scheduler.delete_schedule, GroupName=group, Name=name),
                       state=schedule["State"], since=schedule["CreationDate"],
                       owner=_ENDING.sub("", name),
                       ends=_time(schedule) if schedule["State"] == "ENABLED" else None)
    yield Item("schedule group", group, described["Arn"],
               partial(scheduler.delete_schedule_group, Name=group),
               gone=partial(wait, account, f"schedule group {group}", lambda: found(partial(
                   scheduler.get_schedule_group, Name=group)) or {"State": "gone"}, "State",
                   done=("gone",), failed=(), limit_s=900),
               since=described["CreationDate"])


def _time(schedule: dict[str, Any]) -> datetime | None:
    """When a schedule will act; ours are in UTC."""
    once = _ONCE.fullmatch(schedule["ScheduleExpression"])
    return datetime.fromisoformat(once[1]).replace(tzinfo=UTC) if once else None


def alarms(account: Account) -> Iterator[Item]:
    """Alarms that stand alone; those of the page go with its stack."""
    listed = pages(account, "cloudwatch", "describe_alarms", "MetricAlarms",
                   AlarmNamePrefix=account.project)
    for alarm in tagged(account, listed, "AlarmName", "AlarmArn"):
        yield _alarm(account, alarm, _watched(alarm))


def _alarm(account: Account, alarm: dict[str, Any], owner: str) -> Item:
    name = alarm["AlarmName"]
    return Item("alarm", name, alarm["AlarmArn"],
                partial(account.client("cloudwatch").delete_alarms, AlarmNames=[name]),
                state=alarm["StateValue"], owner=owner, cost=Cost(month=prices.ALARM_MONTH),
                since=alarm.get("AlarmConfigurationUpdatedTimestamp"))


def _watched(alarm: dict[str, Any]) -> str:
    """The endpoint whose metric an alarm looks at."""
    dimensions = [*alarm.get("Dimensions", []), *(
        dimension for query in alarm.get("Metrics", [])
        for dimension in query.get("MetricStat", {}).get("Metric", {}).get("Dimensions", []))]
    return next((str(each["Value"]) for each in dimensions if each["Name"] == "EndpointName"), "")


def scaling_alarms(account: Account, owners: set[str]) -> Iterator[Item]:
    """Alarms that target tracking has made for the endpoints `owners`; they go with its policy."""
    for alarm in pages(account, "cloudwatch", "describe_alarms", "MetricAlarms",
                       AlarmNamePrefix=f"TargetTracking-endpoint/{account.project}"):
        owner = alarm["AlarmName"].split("/")[1]
        if owner in owners:
            yield _alarm(account, alarm, owner)


def dashboards(account: Account, owners: set[str]) -> Iterator[Item]:
    """Dashboards with the names of the endpoints `owners`."""
    for entry in pages(account, "cloudwatch", "list_dashboards", "DashboardEntries",
                       DashboardNamePrefix=account.project):
        name = entry["DashboardName"]
        if name in owners:
            yield Item("dashboard", name, entry["DashboardArn"],
                       partial(account.client("cloudwatch").delete_dashboards,
                               DashboardNames=[name]),
                       since=entry["LastModified"], owner=name,
                       cost=Cost(month=prices.DASHBOARD_MONTH))


def topics(account: Account) -> Iterator[Item]:
    """Topics that alarms tell, and that write to somebody."""
    entries = [{**entry, "Name": entry["TopicArn"].rpartition(":")[2]}
               for entry in pages(account, "sns", "list_topics", "Topics")]
    for entry in tagged(account, entries, "Name", "TopicArn"):
        yield Item("topic", entry["Name"], entry["TopicArn"],
                   partial(account.client("sns").delete_topic, TopicArn=entry["TopicArn"]),
                   owner=entry["Name"].removesuffix("-alarms"))


def logs(account: Account, owners: set[str]) -> Iterator[Item]:
    """What SageMaker keeps of the output of our endpoints and jobs, without anybody's tags."""
    client = account.client("logs")
    for group in pages(account, "logs", "describe_log_groups", "logGroups",
                       logGroupNamePrefix=f"{_LOGS}Endpoints/{account.project}"):
        name, owner = group["logGroupName"], group["logGroupName"].rpartition("/")[2]
        if owner in owners:
            yield Item("log group", name, group["arn"].removesuffix(":*"),
                       partial(client.delete_log_group, logGroupName=name), owner=owner,
                       since=_epoch(group["creationTime"]), cost=_stored(group["storedBytes"]))
    for kind in _JOB_LOGS:
        group = f"{_LOGS}{kind}"
        for stream in pages(account, "logs", "describe_log_streams", "logStreams",
                            logGroupName=group, logStreamNamePrefix=account.project):
            name, owner = stream["logStreamName"], stream["logStreamName"].partition("/")[0]
            if owner in owners:
                yield Item("log stream", f"{group}/{name}", stream["arn"],
                           partial(client.delete_log_stream, logGroupName=group,
                                   logStreamName=name),
                           since=_epoch(stream["creationTime"]), owner=owner)


def _epoch(milliseconds: int) -> datetime:
    return datetime.fromtimestamp(milliseconds / 1000, UTC)


def _stored(size: int) -> Cost:
    return Cost(month=size / 1e9 * prices.LOGS_GB_MONTH, why=f"{size / 1e9:.2f} GB")
