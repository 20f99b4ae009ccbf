"""A processing job with the project's image: its request, and its life with its log.

The container finds inputs by their names and makes a folder for each result in the one output, so
that what a job leaves lies below `processing/JOB/`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from cloud import journey
from cloud.account import Account
from cloud.errors import ScriptError
from cloud.logs import Follower
from cloud.waiting import stopped_by_interrupt, wait

from contract.errors import UserError
from contract.inputs import hyperparameters
from plug import ALGORITHM

TASKS = tuple(ALGORITHM.tasks)
LOG_GROUP = "/aws/sagemaker/ProcessingJobs"
_ROOT = "/opt/ml/processing"
_LONGEST_S = 9 * 24 * 3600
"""That a job may run, by the API."""


@dataclass(frozen=True, kw_only=True)
class Job:
    """What to do, with what, and on what.

    Raises:
        ScriptError: options that `process` would refuse, or settings that exclude each other.
    """

    task: str
    """One of `TASKS`."""
    inputs: Mapping[str, str]
    """S3 URIs by the names that the task knows."""
    sharded: frozenset[str] = frozenset()
    """Inputs whose objects are dealt out to the instances; all others come whole to each."""
    options: Mapping[str, str] = field(default_factory=dict)
    environment: Mapping[str, str] = field(default_factory=dict)
    image: str | None = None
    """URI; else the newest of ours for CPU."""
    role: str | None = None
    instance: str = "ml.m5.xlarge"
    count: int = 1
    volume_gb: int = 30
    max_minutes: int = 60
    isolated: bool = True
    subnets: tuple[str, ...] = ()
    security_groups: tuple[str, ...] = ()
    kms_key: str | None = None

    def __post_init__(self) -> None:
        try:
            hyperparameters.resolve(ALGORITHM.tasks[self.task].options, self.options, "option")
        except UserError as error:
            raise ScriptError(f"{error} (docs/processing.md has them all)") from None
        for name in ("count", "volume_gb", "max_minutes"):
            if getattr(self, name) < 1:
                raise ScriptError(f"--{name.replace('_', '-')} has to be 1 or more")
        if self.sharded and self.count == 1:
            raise ScriptError("--sharded deals files out to several instances; say how many with "
                              "--count, or leave it out")
        if bool(self.subnets) != bool(self.security_groups):
            raise ScriptError("a VPC needs both --subnets and --security-groups")

    @property
    def words(self) -> Iterator[str]:
        """What the container is started with."""
        yield from ("process", self.task)
        for name, value in self.options.items():
            yield from (f"--{name.replace('_', '-')}", value)


def output(account: Account, name: str) -> str:
    """S3 URI below which the job of this name leaves its results."""
    return account.s3_uri(f"{journey.PREFIXES['processing']}/{name}/")


def start(account: Account, job: Job, name: str) -> None:
    """Ask for the job.

    Raises:
        ScriptError: the role or the image has not been made.
    """
    key = {"KmsKeyId": job.kms_key} if job.kms_key else {}
    network: dict[str, Any] = {"EnableNetworkIsolation": job.isolated}
    if job.subnets:
        network["VpcConfig"] = {"Subnets": list(job.subnets),
                                "SecurityGroupIds": list(job.security_groups)}
    account.client("sagemaker").create_processing_job(
        ProcessingJobName=name, Tags=account.tags,
        RoleArn=journey.role(account, "Processing", job.role),
        AppSpecification={"ImageUri": journey.image(account, "cpu", job.image),
                          "ContainerArguments": list(job.words)},
        Environment=dict(job.environment),
        ProcessingInputs=[_input(each, uri, each in job.sharded)
                          for each, uri in job.inputs.items()],
        ProcessingOutputConfig={**key, "Outputs": [{
            "OutputName": "output", "S3Output": {
                "S3Uri": output(account, name).rstrip("/"), "LocalPath": f"{_ROOT}/output",
                "S3UploadMode": "EndOfJob"}}]},
        ProcessingResources={"ClusterConfig": {
            "InstanceType": job.instance, "InstanceCount": job.count,
            "VolumeSizeInGB": job.volume_gb,
            **({"VolumeKmsKeyId": job.kms_key} if job.kms_key else {})}},
        StoppingCondition={"MaxRuntimeInSeconds": job.max_minutes * 60}, NetworkConfig=network)


def _input(name: str, uri: str, sharded: bool) -> dict[str, Any]:
    return {"InputName": name, "S3Input": {
        "S3Uri": uri, "LocalPath": f"{_ROOT}/input/{name}", "S3DataType": "S3Prefix",
        "S3InputMode": "File",
        "S3DataDistributionType": "ShardedByS3Key" if sharded else "FullyReplicated"}}


def finish(account: Account, name: str) -> dict[str, Any]:
    """Show the log to the job's end; returns DescribeProcessingJob, `{}` in a dry run.

    Whoever interrupts the wait stops the job: it costs until it has ended.

    Raises:
        ScriptError: it failed or was stopped, with the container's own words where it had any.
    """
    sagemaker, follower = account.client("sagemaker"), Follower(account, LOG_GROUP, name)

    def describe() -> dict[str, Any]:
        described: dict[str, Any] = sagemaker.describe_processing_job(ProcessingJobName=name)
        for line in follower.lines():
            print(line, flush=True)
        return described

    with stopped_by_interrupt(name, lambda: sagemaker.stop_processing_job(ProcessingJobName=name)):
        described = wait(account, f"processing job {name}", describe, "ProcessingJobStatus",
                         done=("Completed", "Failed", "Stopped"), failed=(), limit_s=_LONGEST_S)
    if described and described["ProcessingJobStatus"] != "Completed":
        said = described.get("ExitMessage") or described.get("FailureReason", "no reason given")
        raise ScriptError(f"{name} ended as {described['ProcessingJobStatus']}: {said}\n"
                          f"Its log is the group {LOG_GROUP}, in the streams {name}/...")
    return described
