"""What the tests of endpoints share: settings, what is there afterwards, and what moto lacks."""

from __future__ import annotations

from itertools import count
from typing import Any

from cloud import journey
from cloud.account import Account
from cloud.errors import found

import pytest
from moto.core.responses import ActionResult
from moto.sagemaker.models import FakeEndpoint
from moto.sagemaker.responses import SageMakerResponse

from accounts import ACCOUNT, BUCKET, PROJECT, REGION

IMAGE = f"{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com/{PROJECT}@sha256:{'0' * 64}"
SERVING, SCHEDULER = (f"arn:aws:iam::{ACCOUNT}:role/{name}" for name in ("serving", "scheduler"))
GIVEN = ("--image", IMAGE, "--role", SERVING, "--scheduler-role", SCHEDULER)


def data(number: int) -> str:
    """S3 URI of a model."""
    return f"s3://{BUCKET}/training/{PROJECT}-{number}/output/model.tar.gz"


def let_time_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    """A second between any two names that carry the time."""
    seconds = count()
    monkeypatch.setattr(journey, "stamp", lambda: f"20261120-{next(seconds):06}")


def add_update_endpoint(monkeypatch: pytest.MonkeyPatch, *,
                        taken_back: bool = False) -> list[dict[str, Any]]:
    """Teach moto UpdateEndpoint, which it lacks; gives the requests as they arrive.

    `taken_back`: as if an alarm had rung, the endpoint serves what it served before.
    """
    requests: list[dict[str, Any]] = []

    def update_endpoint(self: Any) -> Any:
        request = {name: self._get_param(name) for name in (
            "EndpointName", "EndpointConfigName", "RetainAllVariantProperties",
            "ExcludeRetainedVariantProperties", "DeploymentConfig")}
        requests.append(request)
        backend = self.sagemaker_backend
        endpoint = backend.endpoints[request["EndpointName"]]
        config = backend.describe_endpoint_config(request["EndpointConfigName"])
        if not taken_back:
            endpoint.endpoint_config_name = request["EndpointConfigName"]
            endpoint.production_variants = endpoint._process_production_variants(
                config["ProductionVariants"])
        return ActionResult({"EndpointArn": endpoint.arn})

    monkeypatch.setattr(SageMakerResponse, "update_endpoint", update_endpoint, raising=False)
    return requests


def let_endpoints_fail(monkeypatch: pytest.MonkeyPatch, reason: str) -> None:
    """Every endpoint that is made from now on fails."""
    whole = FakeEndpoint.__init__

    def fail(self: Any, *arguments: Any, **named: Any) -> None:
        whole(self, *arguments, **named)
        self.endpoint_status, self.failure_reason = "Failed", reason

    monkeypatch.setattr(FakeEndpoint, "__init__", fail)


def config(account: Account, endpoint: str = PROJECT) -> dict[str, Any]:
    """DescribeEndpointConfig of what the endpoint runs."""
    sagemaker = account.client("sagemaker")
    name = sagemaker.describe_endpoint(EndpointName=endpoint)["EndpointConfigName"]
    return dict(sagemaker.describe_endpoint_config(EndpointConfigName=name))


def serves(account: Account, endpoint: str = PROJECT) -> dict[str, str]:
    """The model archive of each variant."""
    sagemaker = account.client("sagemaker")
    return {each["VariantName"]: sagemaker.describe_model(
        ModelName=each["ModelName"])["PrimaryContainer"]["ModelDataUrl"]
        for each in config(account, endpoint)["ProductionVariants"]}


def models(account: Account) -> list[str]:
    """Model archives of all models there are."""
    sagemaker = account.client("sagemaker")
    return sorted(sagemaker.describe_model(ModelName=each["ModelName"])["PrimaryContainer"][
        "ModelDataUrl"] for each in sagemaker.list_models()["Models"])


def targets(account: Account) -> dict[str, tuple[int, int]]:
    """Least and most instances of each variant that scales, by resource id."""
    return {each["ResourceId"]: (each["MinCapacity"], each["MaxCapacity"])
            for each in account.client("application-autoscaling").describe_scalable_targets(
                ServiceNamespace="sagemaker")["ScalableTargets"]}


def alarms(account: Account) -> dict[str, dict[str, Any]]:
    """All alarms by name."""
    return {each["AlarmName"]: each
            for each in account.client("cloudwatch").describe_alarms()["MetricAlarms"]}


def schedules(account: Account) -> dict[str, dict[str, Any]]:
    """All schedules of the project by name, as GetSchedule gives them."""
    scheduler = account.client("scheduler")
    listed = found(lambda: scheduler.list_schedules(GroupName=account.project)) or {}
    return {each["Name"]: scheduler.get_schedule(GroupName=account.project, Name=each["Name"])
            for each in listed.get("Schedules", [])}
