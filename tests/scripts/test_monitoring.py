"""Alarms, graphs and scaling look at metrics that the kind of endpoint has, in the right units."""

from __future__ import annotations

import json
from typing import Any

from cloud.account import Account
from cloud.hosting import monitoring, scaling
from cloud.hosting.variants import KINDS, Hosting

import pytest

from accounts import PROJECT, REGION

# What SageMaker documents for each kind; an asynchronous endpoint has no Invocations.
COMMON = {"Invocation4XXErrors", "Invocation5XXErrors", "ModelLatency", "MemoryUtilization"}
INSTANCES = COMMON | {"CPUUtilization"}
PUBLISHED = {
    "real-time": INSTANCES | {"Invocations"},
    "multi-model": INSTANCES | {"Invocations", "ModelCacheHit", "ModelLoadingWaitTime",
                                "LoadedModelCount"},
    "serverless": COMMON | {"Invocations", "ModelSetupTime"},
    "async": INSTANCES | {"InvocationsProcessed", "InvocationFailures", "ApproximateBacklogSize",
                          "ApproximateAgeOfOldestRequest"}}


def _widgets(kind: str, variants: list[str]) -> list[dict[str, Any]]:
    return list(monitoring.dashboard(PROJECT, REGION, kind, variants)["widgets"])


@pytest.mark.parametrize("kind", KINDS)
def test_graphs_and_alarms_have_metrics_to_look_at(kind: str) -> None:
    shown = {metric[1] for widget in _widgets(kind, ["main"])
             for metric in widget["properties"]["metrics"]}
    watched = {alarm["MetricName"] for alarm in monitoring.alarms(PROJECT, kind, "main", 500)}
    assert shown == PUBLISHED[kind]
    assert watched < PUBLISHED[kind]


@pytest.mark.parametrize("kind", KINDS)
def test_graphs_stand_side_by_side(kind: str) -> None:
    places = [(widget["x"], widget["y"]) for widget in _widgets(kind, ["main"])]
    assert len(set(places)) == len(places)
    assert all(x + 12 <= 24 for x, _ in places)


def test_every_line_of_a_graph_names_metric_and_dimensions_in_pairs() -> None:
    for widget in _widgets("real-time", ["main", "challenger"]):
        assert widget["type"] == "metric" and widget["properties"]["region"] == REGION
        for namespace, _, *pairs, rendering in widget["properties"]["metrics"]:
            assert namespace in ("AWS/SageMaker", "/aws/sagemaker/Endpoints")
            assert pairs[:2] == ["EndpointName", PROJECT] and len(pairs) % 2 == 0
            assert set(rendering) == {"stat", "label"}


def test_the_dashboard_arrives(account: Account) -> None:
    monitoring.put_dashboard(account, PROJECT, "serverless", ["main"])
    body = account.client("cloudwatch").get_dashboard(DashboardName=PROJECT)["DashboardBody"]
    assert json.loads(body)["widgets"] == _widgets("serverless", ["main"])


def test_the_alarm_of_latency_counts_in_microseconds(account: Account) -> None:
    monitoring.put_alarms(account, PROJECT, "real-time", "main", 750, [])
    alarm, = account.client("cloudwatch").describe_alarms(
        AlarmNames=[f"{PROJECT}-main-latency"])["MetricAlarms"]
    assert (alarm["MetricName"], alarm["ExtendedStatistic"]) == ("ModelLatency", "p99")
    assert alarm["Threshold"] == 750_000
    assert monitoring.latency_ms(account, PROJECT, "main") == 750


@pytest.mark.parametrize("kind", KINDS)
def test_all_alarms_are_known_to_whoever_deletes_them(account: Account, kind: str) -> None:
    for variant in ("main", "challenger"):
        monitoring.put_alarms(account, PROJECT, kind, variant, 500, [])
    scaling.apply(account, PROJECT, "main", Hosting(kind=kind, most=2))
    made = {alarm["AlarmName"]
            for alarm in account.client("cloudwatch").describe_alarms()["MetricAlarms"]}
    assert made <= set(monitoring.alarm_names(PROJECT))
    tags = account.client("cloudwatch").list_tags_for_resource(
        ResourceARN=account.arn("cloudwatch", f"alarm:{PROJECT}-main-errors"))["Tags"]
    assert tags == account.tags


@pytest.mark.parametrize(("hosting", "metric", "target"), [
    (Hosting(most=2), "SageMakerVariantInvocationsPerInstance", 6000),
    (Hosting(most=2, target=90), "SageMakerVariantInvocationsPerInstance", 90),
    (Hosting(kind="async"), "ApproximateBacklogSizePerInstance", 5),
])
def test_scaling_follows_the_load(account: Account, hosting: Hosting, metric: str,
                                  target: float) -> None:
    scaling.apply(account, PROJECT, "main", hosting)
    policies = account.client("application-autoscaling").describe_scaling_policies(
        ServiceNamespace="sagemaker")["ScalingPolicies"]
    tracking, = (policy["TargetTrackingScalingPolicyConfiguration"] for policy in policies
                 if policy["PolicyType"] == "TargetTrackingScaling")
    assert tracking["TargetValue"] == target
    assert metric in json.dumps(tracking)


def test_the_first_request_of_a_queue_starts_an_instance(account: Account) -> None:
    scaling.apply(account, PROJECT, "main", Hosting(kind="async"))
    alarm, = account.client("cloudwatch").describe_alarms(
        AlarmNames=[scaling.wake_alarm(PROJECT)])["MetricAlarms"]
    policy, = (each for each in account.client("application-autoscaling").describe_scaling_policies(
        ServiceNamespace="sagemaker")["ScalingPolicies"] if each["PolicyType"] == "StepScaling")
    assert alarm["MetricName"] == "HasBacklogWithoutCapacity"
    assert alarm["AlarmActions"] == [policy["PolicyARN"]]
    assert policy["StepScalingPolicyConfiguration"]["StepAdjustments"] == [
        {"MetricIntervalLowerBound": 0.0, "ScalingAdjustment": 1}]


def test_an_endpoint_that_keeps_an_instance_needs_nothing_to_wake_it(account: Account) -> None:
    scaling.apply(account, PROJECT, "main", Hosting(kind="async", least=1, most=2))
    assert account.client("cloudwatch").describe_alarms()["MetricAlarms"] == []
