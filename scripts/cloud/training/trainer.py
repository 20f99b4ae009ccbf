"""A training job as the SageMaker SDK (v3) wants it described: custom image, no script mode.

The SDK takes seconds to import, so it is imported when it is needed. It is told to send no usage
data, and not to check the role: its check asks for rights on networks that a job outside a VPC
never uses (requirement K4), and our roles are tested against what they are for.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from cloud import journey
from cloud.account import TAG, Account
from cloud.errors import ScriptError
from cloud.training.algorithm import check, describe

NO_USAGE_DATA = {"SchemaVersion": "1.0",
                  "SageMaker": {"PythonSDK": {"Modules": {"TelemetryOptOut": True}}}}


@dataclass(frozen=True, kw_only=True)
class Job:
    """What to train, on what, and how.

    Raises:
        ScriptError: hyperparameters that `train` would refuse, or settings that exclude each other.
    """

    train: str
    """S3 URI of the reviews to train on."""
    validation: str | None = None
    hyperparameters: Mapping[str, str] = field(default_factory=dict)
    environment: Mapping[str, str] = field(default_factory=dict)
    image: str | None = None
    """URI; else the newest of ours, for GPU or CPU as the instance has it."""
    role: str | None = None
    instance: str = "ml.g4dn.xlarge"
    count: int = 1
    volume_gb: int = 30
    input_mode: str = "File"
    max_minutes: int = 60
    spot: bool = False
    max_wait_minutes: int = 120
    """From the request to the end, with all waiting for spot capacity."""
    checkpoints: str | None = None
    """Name of a folder of checkpoints, to go on from and to write to."""
    keep_alive_minutes: int = 0
    """How long the instances wait for the next job; they cost the same meanwhile."""
    isolated: bool = True
    encrypted_traffic: bool = False
    subnets: tuple[str, ...] = ()
    security_groups: tuple[str, ...] = ()
    kms_key: str | None = None

    def __post_init__(self) -> None:
        check(self.hyperparameters)
        for name in ("count", "volume_gb", "max_minutes"):
            if getattr(self, name) < 1:
                raise ScriptError(f"--{name.replace('_', '-')} has to be 1 or more")
        if self.spot and self.keep_alive_minutes:
            raise ScriptError("instances are not kept alive on spot; leave out --spot or "
                              "--keep-alive-minutes")
        if self.spot and self.max_wait_minutes < self.max_minutes:
            raise ScriptError("--max-wait-minutes counts from the request to the end, so it cannot "
                              "be less than --max-minutes")
        if bool(self.subnets) != bool(self.security_groups):
            raise ScriptError("a VPC needs both --subnets and --security-groups")

    @property
    def image_tag(self) -> str:
        """Instances of the families g and p have GPUs."""
        return "gpu" if self.instance.startswith(("ml.g", "ml.p")) else "cpu"


def session(account: Account) -> Any:
    """The SDK's session, on ours, so that a dry run sees its requests."""
    from sagemaker.core.helper.session_helper import Session

    os.environ.setdefault("SAGEMAKER_VALIDATE_ROLE", "false")
    return Session(account.session, default_bucket=account.bucket, sagemaker_config=NO_USAGE_DATA)


def make_trainer(account: Account, job: Job, name: str) -> Any:
    """The SDK's `ModelTrainer` for a job; `name` begins the job's own.

    Raises:
        ScriptError: the roles or the image have not been made.
    """
    from sagemaker.core.shapes import Tag
    from sagemaker.core.training.configs import (
        CheckpointConfig,
        Compute,
        MetricDefinition,
        Networking,
        OutputDataConfig,
        StoppingCondition,
    )
    from sagemaker.train.model_trainer import ModelTrainer

    checkpoints = f"{journey.PREFIXES['checkpoints']}/{job.checkpoints}"
    return ModelTrainer(
        sagemaker_session=session(account), base_job_name=name,
        training_image=journey.image(account, job.image_tag, job.image),
        role=journey.role(account, "Training", job.role),
        training_input_mode=job.input_mode, hyperparameters=dict(job.hyperparameters),
        environment=dict(job.environment), tags=[Tag(key=TAG, value=account.project)],
        compute=Compute(
            instance_type=job.instance, instance_count=job.count, volume_size_in_gb=job.volume_gb,
            volume_kms_key_id=job.kms_key,
            enable_managed_spot_training=job.spot or None,
            keep_alive_period_in_seconds=job.keep_alive_minutes * 60 or None),
        stopping_condition=StoppingCondition(
            max_runtime_in_seconds=job.max_minutes * 60,
            max_wait_time_in_seconds=job.max_wait_minutes * 60 if job.spot else None),
        networking=Networking(
            enable_network_isolation=job.isolated,
            enable_inter_container_traffic_encryption=job.encrypted_traffic or None,
            subnets=list(job.subnets) or None,
            security_group_ids=list(job.security_groups) or None),
        output_data_config=OutputDataConfig(
            s3_output_path=account.s3_uri(journey.PREFIXES["training"]), kms_key_id=job.kms_key),
        checkpoint_config=CheckpointConfig(
            s3_uri=account.s3_uri(checkpoints)) if job.checkpoints else None,
    ).with_metric_definitions([MetricDefinition(name=row["Name"], regex=row["Regex"])
                               for row in describe()["metric_definitions"]])


def channels(job: Job) -> list[Any]:
    """The job's channels for `train` and `tune` of the SDK."""
    from sagemaker.core.shapes import Channel, DataSource, S3DataSource

    found = {"train": job.train, "validation": job.validation}
    return [Channel(channel_name=name, input_mode=job.input_mode, data_source=DataSource(
                s3_data_source=S3DataSource(s3_data_type="S3Prefix", s3_uri=uri,
                                            s3_data_distribution_type="FullyReplicated")))
            for name, uri in found.items() if uri]
