"""Alarms and a dashboard for an endpoint.

CloudWatch has ModelLatency in microseconds, and CPUUtilization as the sum over processors.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from cloud import prices
from cloud.account import Account
from cloud.errors import found
from cloud.hosting.scaling import wake_alarm
from cloud.hosting.variants import ASYNC, MULTI_MODEL, REAL_TIME, SERVERLESS, VARIANTS

_INVOCATIONS, _INSTANCES = "AWS/SageMaker", "/aws/sagemaker/Endpoints"
_QUEUE_WAIT_S = 900


def _names(endpoint: str, variant: str) -> list[str]:
    return [f"{endpoint}-{variant}-errors", f"{endpoint}-{variant}-latency"]


def alarm_names(endpoint: str) -> list[str]:
    """All alarms that an endpoint of any kind may have, whatever it has now."""
    return [name for variant in VARIANTS for name in _names(endpoint, variant)] + [
        f"{endpoint}-queue", wake_alarm(endpoint)]


def alarms(endpoint: str, kind: str, variant: str, latency_ms: int) -> list[dict[str, Any]]:
    """PutMetricAlarm for a variant: answers of 500 and above; slow answers, or a slow queue."""
    errors, latency = _names(endpoint, variant)
    dimensions = [{"Name": "EndpointName", "Value": endpoint},
                  {"Name": "VariantName", "Value": variant}]
    often = {"Namespace": _INVOCATIONS, "Period": 60, "EvaluationPeriods": 5,
             "TreatMissingData": "notBreaching",
             "ComparisonOperator": "GreaterThanOrEqualToThreshold"}
    made: list[dict[str, Any]] = [{
        **often, "AlarmName": errors, "DatapointsToAlarm": 2, "Dimensions": dimensions,
        "AlarmDescription": f"{endpoint} ({variant}) answered 500 or above in 2 of 5 minutes.",
        "MetricName": "Invocation5XXErrors", "Statistic": "Sum", "Threshold": 1.0}]
    if kind == ASYNC:
        return [*made, {
            **often, "AlarmName": f"{endpoint}-queue", "DatapointsToAlarm": 5,
            "Dimensions": dimensions[:1],
            "AlarmDescription": f"A request has waited for {endpoint} for {_QUEUE_WAIT_S} s.",
            "MetricName": "ApproximateAgeOfOldestRequest", "Statistic": "Maximum",
            "Threshold": float(_QUEUE_WAIT_S)}]
    return [*made, {
        **often, "AlarmName": latency, "DatapointsToAlarm": 3, "Dimensions": dimensions,
        "AlarmDescription": f"1 in 100 answers of {endpoint} ({variant}) took {latency_ms} ms or "
                            "more in 3 of 5 minutes.",
        "MetricName": "ModelLatency", "ExtendedStatistic": "p99",
        # A percentile of a few requests says nothing.
        "EvaluateLowSampleCountPercentile": "ignore", "Threshold": latency_ms * 1000.0}]


def put_alarms(account: Account, endpoint: str, kind: str, variant: str, latency_ms: int,
               tell: Sequence[str]) -> list[str]:
    """Make the alarms of a variant, or bring them up to date; returns their names."""
    made = alarms(endpoint, kind, variant, latency_ms)
    for alarm in made:
        account.client("cloudwatch").put_metric_alarm(
            **alarm, AlarmActions=list(tell), OKActions=list(tell), Tags=account.tags)
    return [alarm["AlarmName"] for alarm in made]


def remove_alarms(account: Account, endpoint: str, variant: str) -> None:
    """Delete the alarms of a variant."""
    account.client("cloudwatch").delete_alarms(AlarmNames=_names(endpoint, variant))


def described(account: Account, endpoint: str, variant: str) -> list[dict[str, Any]]:
    """The alarms of a variant as they are now."""
    answer = found(lambda: account.client("cloudwatch").describe_alarms(
        AlarmNames=_names(endpoint, variant)))
    return list(answer["MetricAlarms"]) if answer else []


def latency_ms(account: Account, endpoint: str, variant: str) -> int | None:
    """How slow an answer of the variant may be now; None where no alarm says."""
    return next((round(alarm["Threshold"] / 1000)
                 for alarm in described(account, endpoint, variant)
                 if alarm.get("MetricName") == "ModelLatency"), None)


def listeners(account: Account, endpoint: str, variant: str, topic: str | None = None,
              email: str | None = None) -> list[str]:
    """The SNS topics that alarms tell: `topic`, and one that is made to write to `email`.

    With neither, those that the alarms tell now.
    """
    told = [topic] if topic else []
    if email:
        sns = account.client("sns")
        made = sns.create_topic(Name=f"{endpoint}-alarms", Tags=account.tags)["TopicArn"]
        sns.subscribe(TopicArn=made, Protocol="email", Endpoint=email)
        print(f"alarms write to {email} as soon as the link in the mail that comes now is "
              "followed", flush=True)
        told.append(made)
    if told:
        return told
    return sorted({action for alarm in described(account, endpoint, variant)
                   for action in alarm.get("AlarmActions", [])})


def put_dashboard(account: Account, endpoint: str, kind: str, variants: Sequence[str]) -> None:
    """Make the dashboard, or bring it up to date."""
    account.client("cloudwatch").put_dashboard(
        DashboardName=endpoint, Tags=account.tags,
        DashboardBody=json.dumps(dashboard(endpoint, account.region, kind, variants)))


def cost(kind: str) -> str:
    """What alarms and dashboard cost, whether the endpoint is used or not."""
    count = 3 if kind == ASYNC else 2
    amount = count * prices.ALARM_MONTH + prices.DASHBOARD_MONTH
    return f"{prices.per_month(amount)} for alarms and dashboard, where the free ones are used up"


def dashboard(endpoint: str, region: str, kind: str, variants: Sequence[str]) -> dict[str, Any]:
    """The body of a dashboard, two graphs a row."""
    def lines(namespace: str, name: str, stat: str, label: str = "") -> list[list[Any]]:
        return [[namespace, name, "EndpointName", endpoint, "VariantName", variant,
                 {"stat": stat, "label": f"{variant} {label or name}"}] for variant in variants]

    def queue(name: str) -> list[Any]:
        return [_INVOCATIONS, name, "EndpointName", endpoint, {"stat": "Maximum"}]

    errors = [*lines(_INVOCATIONS, "Invocation4XXErrors", "Sum", "4xx"),
              *lines(_INVOCATIONS, "Invocation5XXErrors", "Sum", "5xx")]
    latency = [line for stat in ("p50", "p90", "p99")
               for line in lines(_INVOCATIONS, "ModelLatency", stat, stat)]
    memory = lines(_INSTANCES, "MemoryUtilization", "Average", "memory")
    processors = lines(_INSTANCES, "CPUUtilization", "Average", "CPU, 100 for each")
    # Every instance reports once a minute.
    instances = lines(_INSTANCES, "CPUUtilization", "SampleCount", "instances")
    setup = [*lines(_INVOCATIONS, "ModelSetupTime", "p50", "p50"),
             *lines(_INVOCATIONS, "ModelSetupTime", "p99", "p99")]
    invocations = lines(_INVOCATIONS, "Invocations", "Sum", "requests")
    queued = [*lines(_INVOCATIONS, "InvocationsProcessed", "Sum", "answered"),
              *lines(_INVOCATIONS, "InvocationFailures", "Sum", "failed")]
    fetching = [*lines(_INVOCATIONS, "ModelLoadingWaitTime", "p50", "p50"),
                *lines(_INVOCATIONS, "ModelLoadingWaitTime", "p99", "p99")]
    standing = [("Requests a minute", invocations), ("Errors a minute", errors),
                ("Latency in the model, microseconds", latency),
                ("Utilisation, percent", processors + memory), ("Instances", instances)]
    graphs = {
        REAL_TIME: standing,
        MULTI_MODEL: [
            *standing, ("Requests whose model was loaded, share",
                        lines(_INVOCATIONS, "ModelCacheHit", "Average", "loaded")),
            ("Waiting for a model, microseconds", fetching),
            ("Models loaded on an instance",
             lines(_INSTANCES, "LoadedModelCount", "Maximum", "models"))],
        SERVERLESS: [("Requests a minute", invocations), ("Errors a minute", errors),
                     ("Latency in the model, microseconds", latency),
                     ("Cold starts, microseconds", setup), ("Utilisation, percent", memory)],
        ASYNC: [("Requests a minute", queued), ("Errors a minute", errors),
                ("Queue", [queue("ApproximateBacklogSize")]),
                ("Oldest request, seconds", [queue("ApproximateAgeOfOldestRequest")]),
                ("Latency in the model, microseconds", latency),
                ("Utilisation, percent", processors + memory), ("Instances", instances)],
    }[kind]
    return {"widgets": [{
        "type": "metric", "x": 12 * (place % 2), "y": 6 * (place // 2), "width": 12, "height": 6,
        "properties": {"title": title, "region": region, "view": "timeSeries", "stacked": False,
                       "period": 60, "metrics": metrics, "yAxis": {"left": {"min": 0}}},
    } for place, (title, metrics) in enumerate(graphs)]}
