"""What AWS does with a batch transform job, done with a real `serve`: moto keeps jobs, runs none.

How the platform does it is in `batching`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cloud.account import Account

import pytest
from moto.core.responses import ActionResult
from moto.sagemaker.models import FakeTransformJob, SageMakerModelBackend
from moto.sagemaker.responses import SageMakerResponse

from accounts import BUCKET, PROJECT
from batching import Job, Transform
from executables import Server

LARGEST = 2000
"""Bytes of a request, far below what the job allows, so that small files make several."""


@dataclass
class Platform:
    """What AWS does with a job, and what a test makes it do otherwise."""

    server: Server
    status: str = "Completed"
    drop: str = ""
    """Name of a file whose last answer is lost."""
    bodies: list[bytes] = field(default_factory=list)
    stopped: list[str] = field(default_factory=list)

    def run(self, job: FakeTransformJob) -> None:
        job.transform_job_status = self.status
        if self.status != "Completed":
            job.failure_reason = "AlgorithmError: see the log"
            return
        s3 = Account(PROJECT).client("s3")
        prefix = str(job.transform_input["DataSource"]["S3DataSource"]["S3Uri"])  # type: ignore
        prefix = prefix.removeprefix(f"s3://{BUCKET}/")
        output = job.transform_output["S3OutputPath"].removeprefix(f"s3://{BUCKET}/")
        objects = {}
        for entry in s3.list_objects_v2(Bucket=BUCKET, Prefix=prefix)["Contents"]:
            name = entry["Key"].removeprefix(prefix) or Path(prefix).name
            objects[name] = s3.get_object(Bucket=BUCKET, Key=entry["Key"])["Body"].read()
        transform = Transform(Job(
            content_type=str(job.transform_input["ContentType"]), strategy=job.batch_strategy,
            accept=job.transform_output["Accept"], split=str(job.transform_input["SplitType"]),
            assemble=job.transform_output["AssembleWith"], largest=LARGEST),
            f"127.0.0.1:{self.server.port}")
        for name, result in transform.run(objects).items():
            if name == f"{self.drop}.out":
                result = b"".join(result.rstrip().splitlines(keepends=True)[:-1])
            s3.put_object(Bucket=BUCKET, Key=f"{output}{name}", Body=result)
        self.bodies += transform.bodies


def run_jobs(monkeypatch: pytest.MonkeyPatch, platform: Platform) -> None:
    """Let moto hand its jobs to `platform`, and teach it StopTransformJob, which it lacks."""
    create = SageMakerModelBackend.create_transform_job

    def create_and_run(self: SageMakerModelBackend, **request: Any) -> FakeTransformJob:
        job = create(self, **request)
        platform.run(job)
        return job

    def stop_transform_job(self: Any) -> ActionResult:
        platform.stopped.append(self._get_param("TransformJobName"))
        return ActionResult({})

    monkeypatch.setattr(SageMakerModelBackend, "create_transform_job", create_and_run)
    monkeypatch.setattr(SageMakerResponse, "stop_transform_job", stop_transform_job, raising=False)
