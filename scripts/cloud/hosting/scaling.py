"""Instances that come and go with the load.

Real-time variants follow their invocations. Asynchronous ones follow their queue, down to no
instance at all; the first request in the queue of an endpoint without instances starts one.
"""

from __future__ import annotations

from typing import Any

from cloud.account import Account
from cloud.errors import found
from cloud.hosting.variants import ASYNC, Hosting

INVOCATIONS_A_MINUTE, BACKLOG = 6000.0, 5.0
"""Targets for each instance, where none is given. An instance answers five times as many single
reviews; a request may hold many."""

# Slow to give up an instance, quick to take one: a wrong step in costs answers, one out cents.
_COOLDOWN = {"ScaleInCooldown": 300, "ScaleOutCooldown": 60}


def wake_alarm(endpoint: str) -> str:
    """Name of the alarm that starts the first instance."""
    return f"{endpoint}-wake"


def _scalable(endpoint: str, variant: str) -> dict[str, str]:
    return {"ServiceNamespace": "sagemaker",
            "ResourceId": f"endpoint/{endpoint}/variant/{variant}",
            "ScalableDimension": "sagemaker:variant:DesiredInstanceCount"}


def tracking(endpoint: str, hosting: Hosting) -> dict[str, Any]:
    """The target tracking of a variant, as PutScalingPolicy takes it."""
    if hosting.kind == ASYNC:
        return {"TargetValue": hosting.target or BACKLOG, **_COOLDOWN,
                "CustomizedMetricSpecification": {
                    "Namespace": "AWS/SageMaker",
                    "MetricName": "ApproximateBacklogSizePerInstance",
                    "Dimensions": [{"Name": "EndpointName", "Value": endpoint}],
                    "Statistic": "Average"}}
    return {"TargetValue": hosting.target or INVOCATIONS_A_MINUTE, **_COOLDOWN,
            "PredefinedMetricSpecification": {
                "PredefinedMetricType": "SageMakerVariantInvocationsPerInstance"}}


def apply(account: Account, endpoint: str, variant: str, hosting: Hosting) -> None:
    """Let the variant scale as `hosting` says; what was said before is replaced."""
    least, most = hosting.range
    _register(account, endpoint, variant, least, most, tracking(endpoint, hosting))
    if least > 0:
        return
    # Tracking divides by the number of instances: it knows no way out of none.
    policy = account.client("application-autoscaling").put_scaling_policy(
        **_scalable(endpoint, variant), PolicyName=f"{endpoint}-wake", PolicyType="StepScaling",
        StepScalingPolicyConfiguration={
            "AdjustmentType": "ChangeInCapacity", "MetricAggregationType": "Average",
            "Cooldown": 300,
            "StepAdjustments": [{"MetricIntervalLowerBound": 0.0, "ScalingAdjustment": 1}]})
    account.client("cloudwatch").put_metric_alarm(
        AlarmName=wake_alarm(endpoint),
        AlarmDescription=f"Requests wait for {endpoint}, and no instance runs: start one.",
        Namespace="AWS/SageMaker", MetricName="HasBacklogWithoutCapacity",
        Dimensions=[{"Name": "EndpointName", "Value": endpoint}],
        Statistic="Average", Period=60, EvaluationPeriods=2, DatapointsToAlarm=2, Threshold=1.0,
        ComparisonOperator="GreaterThanOrEqualToThreshold", TreatMissingData="missing",
        AlarmActions=[policy["PolicyARN"]], Tags=account.tags)


def is_on(account: Account, endpoint: str, variant: str) -> bool:
    """Whether the variant scales."""
    return _registered(account, endpoint, variant) is not None


def follow(account: Account, endpoint: str, variant: str, example: str) -> None:
    """Let a variant scale as another of the endpoint does, if it does."""
    target = _registered(account, endpoint, example)
    if target is None:
        return
    policies = account.client("application-autoscaling").describe_scaling_policies(
        **_scalable(endpoint, example))["ScalingPolicies"]
    for policy in policies:
        if "TargetTrackingScalingPolicyConfiguration" in policy:
            _register(account, endpoint, variant, target["MinCapacity"], target["MaxCapacity"],
                      policy["TargetTrackingScalingPolicyConfiguration"])


def remove(account: Account, endpoint: str, variant: str) -> None:
    """Stop scaling, if the variant does; the number of instances stays what it is."""
    if is_on(account, endpoint, variant):
        account.client("application-autoscaling").deregister_scalable_target(
            **_scalable(endpoint, variant))
        print(f"{endpoint}: {variant} does not scale any more", flush=True)


def _register(account: Account, endpoint: str, variant: str, least: int, most: int,
              policy: dict[str, Any]) -> None:
    autoscaling, scalable = account.client("application-autoscaling"), _scalable(endpoint, variant)
    # One that is there keeps its tags, and the service refuses a request that has them.
    tags = {} if is_on(account, endpoint, variant) else {
        "Tags": {tag["Key"]: tag["Value"] for tag in account.tags}}
    autoscaling.register_scalable_target(
        **scalable, MinCapacity=least, MaxCapacity=most, **tags)
    autoscaling.put_scaling_policy(
        **scalable, PolicyName=f"{endpoint}-load", PolicyType="TargetTrackingScaling",
        TargetTrackingScalingPolicyConfiguration=policy)
    print(f"{endpoint}: {variant} scales between {least} and {most} instances", flush=True)


def _registered(account: Account, endpoint: str, variant: str) -> dict[str, Any] | None:
    scalable = _scalable(endpoint, variant)
    answer = found(lambda: account.client("application-autoscaling").describe_scalable_targets(
        ServiceNamespace=scalable["ServiceNamespace"], ResourceIds=[scalable["ResourceId"]],
        ScalableDimension=scalable["ScalableDimension"]))
    targets = answer["ScalableTargets"] if answer else []
    return targets[0] if targets else None
