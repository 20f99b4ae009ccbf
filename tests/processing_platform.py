"""What AWS does with a processing job, done with the real `process`: moto keeps jobs, runs none.

Sources: requirements P1-P3. Each instance gets the inputs as the request says, its own or all, and
a process of its own; what it leaves in its outputs goes to S3, and what it said into the log.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cloud.account import Account
from cloud.processing.job import LOG_GROUP
from cloud.storage import objects, split

import pytest
from moto.core.responses import ActionResult
from moto.sagemaker.models import FakeProcessingJob
from moto.sagemaker.responses import SageMakerResponse

import moto_gaps
from accounts import PROJECT
from contract.paths import PLATFORM_ROOT, Paths
from executables import CONTAINER, running
from processing_jobs import lay_out, write_config

_MEMBERS = ("ProcessingJobName", "AppSpecification", "Environment", "ProcessingInputs",
            "ProcessingOutputConfig", "ProcessingResources", "RoleArn", "NetworkConfig",
            "StoppingCondition")


@dataclass
class Platform:
    """What AWS does with a job, and what a test makes it do otherwise."""

    folder: Path
    """For the trees of all instances."""
    status: str = ""
    """A status that a job stays in; it runs where this is empty."""
    requests: list[dict[str, Any]] = field(default_factory=list)

    def run(self, job: Any, request: dict[str, Any]) -> None:
        self.requests.append(request)
        if self.status:
            job.processing_job_status = self.status
            return
        count = request["ProcessingResources"]["ClusterConfig"]["InstanceCount"]
        hosts = [f"algo-{number}" for number in range(1, count + 1)]
        with ThreadPoolExecutor(count) as pool:
            ended = list(pool.map(lambda rank: self._instance(request, hosts, rank), range(count)))
        for host, (_, _, log) in zip(hosts, ended, strict=True):
            say(request["ProcessingJobName"], host, *filter(str.strip, log.splitlines()))
        job.exit_message = ended[0][1]
        if any(status for status, _, _ in ended):
            job.processing_job_status = "Failed"
            job.failure_reason = "AlgorithmError: See job logs for more information"

    def _instance(self, request: dict[str, Any], hosts: list[str],
                  rank: int) -> tuple[int, str, str]:
        """Run one; returns its exit status, its message and its log."""
        host = hosts[rank]
        root = self.folder / request["ProcessingJobName"] / host
        outputs = request["ProcessingOutputConfig"]["Outputs"]
        lay_out(root, {}, [each["OutputName"] for each in outputs],
                hosts=[host, *(other for other in hosts if other != host)])
        write_config(root, request)
        for each in request["ProcessingInputs"]:
            _bring(root, each["S3Input"], rank, len(hosts))
        words = request["AppSpecification"]["ContainerArguments"]
        with running(sys.executable, CONTAINER / words[0], *words[1:], "--root", root,
                     output=root / "log", environment=request["Environment"]) as started:
            status = started.wait()
        for each in outputs:
            _take(root, each["S3Output"])
        return status, Paths(root).message.read_text(), started.log


def _place(root: Path, local_path: str) -> Path:
    return root / Path(local_path).relative_to(PLATFORM_ROOT)


def _bring(root: Path, stated: dict[str, Any], rank: int, hosts: int) -> None:
    place = _place(root, stated["LocalPath"])
    place.mkdir(parents=True, exist_ok=True)
    account, base = Account(PROJECT), stated["S3Uri"].rpartition("/")[0] + "/"
    for number, each in enumerate(objects(account, stated["S3Uri"])):
        if stated["S3DataDistributionType"] == "ShardedByS3Key" and number % hosts != rank:
            continue
        path = place / each.uri.removeprefix(base)
        path.parent.mkdir(parents=True, exist_ok=True)
        bucket, key = split(each.uri)
        path.write_bytes(account.client("s3").get_object(Bucket=bucket, Key=key)["Body"].read())


def _take(root: Path, stated: dict[str, Any]) -> None:
    place, (bucket, key) = _place(root, stated["LocalPath"]), split(stated["S3Uri"])
    for path in _files(place):
        Account(PROJECT).client("s3").put_object(
            Bucket=bucket, Key=f"{key}/{path.relative_to(place).as_posix()}",
            Body=path.read_bytes())


def _files(place: Path) -> Iterator[Path]:
    return (path for path in sorted(place.rglob("*")) if path.is_file())


def say(job: str, host: str, *lines: str) -> None:
    """Put lines into the log of an instance of a job."""
    logs, stream = Account(PROJECT).client("logs"), f"{job}/{host}-170"
    if not logs.describe_log_groups(logGroupNamePrefix=LOG_GROUP)["logGroups"]:
        logs.create_log_group(logGroupName=LOG_GROUP)
    logs.create_log_stream(logGroupName=LOG_GROUP, logStreamName=stream)
    logs.put_log_events(logGroupName=LOG_GROUP, logStreamName=stream, logEvents=[
        {"timestamp": int(time.time() * 1000), "message": line} for line in lines])


def run_jobs(monkeypatch: pytest.MonkeyPatch, platform: Platform) -> None:
    """Let moto hand its processing jobs to `platform`."""
    moto_gaps.close(monkeypatch)
    create = SageMakerResponse.create_processing_job

    def create_and_run(self: SageMakerResponse) -> ActionResult:
        answer = create(self)
        request = {name: self._get_param(name) for name in _MEMBERS}
        job: FakeProcessingJob = self.sagemaker_backend.processing_jobs[
            request["ProcessingJobName"]]
        platform.run(job, request)
        return answer

    monkeypatch.setattr(SageMakerResponse, "create_processing_job", create_and_run)
