"""The requests that describe an endpoint: its model, its variants, its configuration.

Nothing is sent from here; what these functions give is what CreateModel and CreateEndpointConfig
take.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from cloud.account import Account
from cloud.errors import ScriptError
from cloud.journey import PREFIXES

REAL_TIME, SERVERLESS, ASYNC, MULTI_MODEL = KINDS = (
    "real-time", "serverless", "async", "multi-model")
STANDING = (REAL_TIME, MULTI_MODEL)
"""Kinds that answer while the caller waits, from instances that are always there."""
MAIN, CHALLENGER = VARIANTS = ("main", "challenger")
"""One name for whatever serves now: alarms, dashboard and scaling go by the variant's name."""

MEMORY_MB = (1024, 2048, 3072, 4096, 5120, 6144)
DIGEST = "digest"
"""Key of the tag of a configuration that tells whether a deployment would change anything."""

# One process holds one copy of the model, which is what little memory allows; and a queue waits
# an hour for an answer where a caller waits a minute.
_ENVIRONMENT = {REAL_TIME: {}, MULTI_MODEL: {},
                SERVERLESS: {"SAGEMAKER_MODEL_SERVER_WORKERS": "1"},
                ASYNC: {"SAGEMAKER_MODEL_SERVER_TIMEOUT_SECONDS": "3600"}}


@dataclass(frozen=True, kw_only=True)
class Hosting:
    """What an endpoint runs on, and how much of it.

    Raises:
        ScriptError: the platform cannot do that.
    """

    kind: str = REAL_TIME
    instance: str = "ml.m5.large"
    count: int = 1
    least: int | None = None
    """Instances that scaling keeps; None is `count`, and 0 for an asynchronous endpoint."""
    most: int | None = None
    """Instances that scaling may start; None is `count`."""
    target: float | None = None
    """What scaling aims at for each instance: invocations a minute, or requests in the queue."""
    startup_s: int = 480
    memory_mb: int = 2048
    concurrency: int = 5
    provisioned: int | None = None

    def __post_init__(self) -> None:
        if problem := self._problem():
            raise ScriptError(problem)

    def _problem(self) -> str:
        least, most = self.range
        if self.count < 1:
            return f"--count {self.count}: an endpoint begins with at least one instance"
        if not least <= self.count <= most:
            return f"--count {self.count} is not between --min-count and --max-count"
        if self.kind in STANDING and least == 0:
            return (f"--min-count 0: a {self.kind} endpoint on instances cannot scale in to zero; "
                    "--kind async can, and --kind serverless costs nothing while idle")
        if self.scales and self.instance.startswith("ml.t"):
            return (f"{self.instance} is burstable, and SageMaker does not scale those; take "
                    "ml.m5.large, or leave the number of instances fixed")
        if (self.provisioned or 0) > self.concurrency:
            return f"--provisioned {self.provisioned} is more than --concurrency"
        return ""

    @property
    def range(self) -> tuple[int, int]:
        """Least and most instances."""
        least = self.least if self.least is not None else 0 if self.kind == ASYNC else self.count
        return least, self.count if self.most is None else self.most

    @property
    def scales(self) -> bool:
        """Whether the number of instances may change."""
        return self.kind != SERVERLESS and self.range != (self.count, self.count)


@dataclass(frozen=True, kw_only=True)
class Container:
    """What runs there: image, model archive in S3, role, environment."""

    image: str
    data: str
    """S3 URI of the archive; of the prefix of many, for a multi-model endpoint."""
    role: str
    isolation: bool = True
    environment: Mapping[str, str] = field(default_factory=dict)

    def model(self, name: str, kind: str) -> dict[str, Any]:
        """CreateModel, without tags."""
        return {
            "ModelName": name,
            "ExecutionRoleArn": self.role,
            "EnableNetworkIsolation": self.isolation and kind != SERVERLESS,
            "PrimaryContainer": {"Image": self.image, "ModelDataUrl": self.data,
                                 **({"Mode": "MultiModel"} if kind == MULTI_MODEL else {}),
                                 "Environment": {**_ENVIRONMENT[kind], **self.environment}}}


def variant(hosting: Hosting, model: str) -> dict[str, Any]:
    """The variant that serves `model`, with all of the traffic."""
    named = {"VariantName": MAIN, "ModelName": model, "InitialVariantWeight": 1.0}
    if hosting.kind == SERVERLESS:
        provisioned = {} if hosting.provisioned is None else {
            "ProvisionedConcurrency": hosting.provisioned}
        return {**named, "ServerlessConfig": {
            "MemorySizeInMB": hosting.memory_mb, "MaxConcurrency": hosting.concurrency,
            **provisioned}}
    return {**named, "InstanceType": hosting.instance, "InitialInstanceCount": hosting.count,
            "ContainerStartupHealthCheckTimeoutInSeconds": hosting.startup_s}


def asynchronous(account: Account, max_concurrent: int, success_topic: str | None = None,
                 error_topic: str | None = None) -> dict[str, Any]:
    """Where answers and failures of an asynchronous endpoint go, and who is told."""
    topics = {name: topic for name, topic in
              (("SuccessTopic", success_topic), ("ErrorTopic", error_topic)) if topic}
    place = PREFIXES["async"]
    return {"AsyncInferenceConfig": {
        "ClientConfig": {"MaxConcurrentInvocationsPerInstance": max_concurrent},
        "OutputConfig": {"S3OutputPath": account.s3_uri(f"{place}/output"),
                         "S3FailurePath": account.s3_uri(f"{place}/failure"),
                         **({"NotificationConfig": topics} if topics else {})}}}


def capture(account: Account, endpoint: str, percent: int) -> dict[str, Any]:
    """Keep this share of requests and answers in S3, legible where they are text."""
    return {"DataCaptureConfig": {
        "EnableCapture": True,
        "InitialSamplingPercentage": percent,
        "DestinationS3Uri": account.s3_uri(f"{PREFIXES['capture']}/{endpoint}"),
        "CaptureOptions": [{"CaptureMode": "Input"}, {"CaptureMode": "Output"}],
        "CaptureContentTypeHeader": {
            "CsvContentTypes": ["text/csv", "text/plain"],
            "JsonContentTypes": ["application/json", "application/jsonlines"]}}}


def digest(model: Mapping[str, Any], variants: Sequence[Mapping[str, Any]],
           more: Mapping[str, Any]) -> str:
    """The same for requests that differ in nothing but the names that carry the time."""
    nameless = [{**each, "ModelName": ""} for each in (model, *variants)]
    content = json.dumps([nameless, more], sort_keys=True)
    return hashlib.sha256(content.encode()).hexdigest()[:32]


def kind_of(config: Mapping[str, Any], model: Mapping[str, Any] | None = None) -> str:
    """The kind of endpoint that a described configuration makes, with this described model."""
    if model and model.get("PrimaryContainer", {}).get("Mode") == "MultiModel":
        return MULTI_MODEL
    if config.get("AsyncInferenceConfig"):
        return ASYNC
    return SERVERLESS if config["ProductionVariants"][0].get("ServerlessConfig") else REAL_TIME
