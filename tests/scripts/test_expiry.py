"""Endpoints end by themselves: the schedules do, when they act, what was promised.

moto keeps schedules and does not run them; here they are run by hand.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from cloud.account import Account
from cloud.errors import ScriptError
from cloud.hosting import expiry

import pytest
from botocore import xform_name
from botocore.validate import ParamValidator
from moto.core.exceptions import JsonRESTError
from moto.scheduler.models import EventBridgeSchedulerBackend

from accounts import PROJECT, Finished, Script
from hosting import GIVEN, SCHEDULER, alarms, data, let_time_pass, models, schedules

DELETE = f"{PROJECT}-delete"


@pytest.fixture
def deployed(account: Account, bucket: str, script: Script,
             monkeypatch: pytest.MonkeyPatch) -> Callable[..., Finished]:
    let_time_pass(monkeypatch)
    return lambda *words: script("deploy_endpoint", *GIVEN, "--model", data(1), *words)


def _time(schedule: dict[str, Any]) -> datetime:
    return datetime.fromisoformat(schedule["ScheduleExpression"][3:-1]).replace(tzinfo=UTC)


def _act(account: Account, schedule: dict[str, Any]) -> None:
    """Do what EventBridge does with a universal target."""
    service, operation = schedule["Target"]["Arn"].removeprefix(
        "arn:aws:scheduler:::aws-sdk:").split(":")
    client, name = account.client(service), operation[0].upper() + operation[1:]
    parameters = json.loads(schedule["Target"]["Input"])
    shape = client.meta.service_model.operation_model(name).input_shape
    assert ParamValidator().validate(parameters, shape).has_errors() is False
    getattr(client, xform_name(name))(**parameters)


@pytest.mark.parametrize("kind", ["real-time", "async"])
def test_the_schedules_leave_nothing_that_costs(
        account: Account, deployed: Callable[..., Finished], kind: str) -> None:
    deployed("--for", "2h", "--kind", kind)
    assert len(alarms(account)) >= 2
    for name, schedule in schedules(account).items():
        if not name.endswith("-again"):
            _act(account, schedule)
    assert account.client("sagemaker").list_endpoints()["Endpoints"] == []
    assert alarms(account) == {}
    assert account.client("cloudwatch").list_dashboards()["DashboardEntries"] == []


def test_they_act_once_at_the_time_that_is_told(
        account: Account, deployed: Callable[..., Finished]) -> None:
    before = datetime.now(UTC).replace(microsecond=0)
    done = deployed("--for", "90m")
    schedule = schedules(account)[DELETE]
    assert before <= _time(schedule) - timedelta(minutes=90) <= datetime.now(UTC)
    assert done.out.count(expiry.spoken(_time(schedule))) == 2
    assert (schedule["FlexibleTimeWindow"], schedule["ScheduleExpressionTimezone"]) == (
        {"Mode": "OFF"}, "UTC")
    assert schedule["ActionAfterCompletion"] == "DELETE"
    assert schedule["Target"]["RoleArn"] == SCHEDULER


def test_an_endpoint_that_was_being_changed_is_deleted_an_hour_later(
        account: Account, deployed: Callable[..., Finished]) -> None:
    deployed("--for", "1d")
    there = schedules(account)
    again = there[f"{DELETE}-again"]
    assert _time(again) - _time(there[DELETE]) == timedelta(hours=1)
    assert again["Target"]["Input"] == there[DELETE]["Target"]["Input"]


def test_a_call_that_fails_is_not_tried_into_the_time_of_another_endpoint(
        account: Account, deployed: Callable[..., Finished]) -> None:
    deployed("--for", "1d")
    assert {schedule["Target"]["RetryPolicy"]["MaximumEventAgeInSeconds"]
            for schedule in schedules(account).values()} == {3600}


def test_an_end_that_is_yet_to_be_tried_again_is_told(
        account: Account, deployed: Callable[..., Finished]) -> None:
    deployed("--for", "2h")
    again = _time(schedules(account)[f"{DELETE}-again"])
    account.client("scheduler").delete_schedule(GroupName=PROJECT, Name=DELETE)
    assert expiry.spoken(again) in deployed().out


def test_the_group_of_the_schedules_carries_our_tag(
        account: Account, deployed: Callable[..., Finished]) -> None:
    deployed("--for", "1h")
    scheduler = account.client("scheduler")
    group = scheduler.get_schedule_group(Name=PROJECT)["Arn"]
    assert scheduler.list_tags_for_resource(ResourceArn=group)["Tags"] == account.tags


@pytest.mark.parametrize(("words", "hours"), [
    (["--for", "5h"], 5), ([], 2), (["--for", "never"], None)])
def test_another_run_sets_the_time_keeps_it_or_takes_it_off(
        account: Account, deployed: Callable[..., Finished], words: list[str],
        hours: int | None) -> None:
    deployed("--for", "2h")
    first = _time(schedules(account)[DELETE])
    done = deployed(*words)
    now = schedules(account)
    assert (DELETE in now) is (hours is not None)
    if hours is not None:
        assert abs(_time(now[DELETE]) - first - timedelta(hours=hours - 2)) < timedelta(minutes=5)
        assert expiry.spoken(_time(now[DELETE])) in done.out


def test_the_end_of_an_earlier_endpoint_does_not_end_a_new_one(
        account: Account, deployed: Callable[..., Finished]) -> None:
    deployed("--for", "2h")
    account.client("sagemaker").delete_endpoint(EndpointName=PROJECT)
    assert f"removed the schedule {DELETE}\n" in deployed().out
    assert schedules(account) == {}


def test_nothing_is_made_where_the_end_cannot_be_arranged(
        account: Account, deployed: Callable[..., Finished],
        monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise JsonRESTError("AccessDeniedException", "not authorized to pass the role")

    monkeypatch.setattr(EventBridgeSchedulerBackend, "create_schedule", refuse)
    done = deployed("--for", "2h")
    assert done.status == 1 and "not permitted. CreateSchedule: not authorized" in done.err
    assert account.client("sagemaker").list_endpoints()["Endpoints"] == []
    assert models(account) == []


@pytest.mark.parametrize(("text", "length"), [
    ("30m", timedelta(minutes=30)), ("2h", timedelta(hours=2)), ("1d", timedelta(days=1))])
def test_times_are_read(text: str, length: timedelta) -> None:
    assert expiry.duration(text) == length


@pytest.mark.parametrize("text", ["", "2", "2 h", "-2h", "1w", "14m", "366d", "9999999m",
                                  "\N{ARABIC-INDIC DIGIT TWO}h"])
def test_what_is_no_time_or_no_sensible_one_is_refused(text: str) -> None:
    with pytest.raises(ScriptError, match="write 30m, 2h or 1d; at least 15m"):
        expiry.duration(text)


@pytest.mark.parametrize(("zone", "said"), [
    ("Asia/Tokyo", "2026-11-21 08:30 JST (23:30 UTC)"), ("UTC", "2026-11-20 23:30 UTC")])
def test_a_time_is_told_here_and_in_utc(request: pytest.FixtureRequest,
                                        monkeypatch: pytest.MonkeyPatch, zone: str,
                                        said: str) -> None:
    request.addfinalizer(time.tzset)  # after monkeypatch has put the zone back
    monkeypatch.setenv("TZ", zone)
    time.tzset()
    assert expiry.spoken(datetime(2026, 11, 20, 23, 30, tzinfo=UTC)) == said
