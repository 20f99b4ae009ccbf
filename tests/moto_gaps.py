"""What moto lacks: jobs that run, stopping them, deleting their entries, warm pools, what a
processing job runs on; and a stack whose roles have managed policies cannot be deleted there.

The requests still come over HTTP, validated by botocore. Only what a job does afterwards is ours,
as the API reference has it.
"""

from __future__ import annotations

from typing import Any

import pytest
from moto.core.responses import ActionResult, EmptyResult
from moto.iam.models import IAMBackend
from moto.sagemaker.models import SageMakerModelBackend, sagemaker_backends
from moto.sagemaker.responses import SageMakerResponse

from accounts import ACCOUNT, REGION

_JOBS = {"ProcessingJob": "processing_job", "TrainingJob": "training_job",
         "TransformJob": "transform_job",
         "HyperParameterTuningJob": "hyper_parameter_tuning_job"}


def backend() -> SageMakerModelBackend:
    """The state behind moto's SageMaker."""
    return sagemaker_backends[ACCOUNT][REGION]


def start(word: str, name: str, **more: Any) -> None:
    """Let a job run that moto has ended at once, with more members of its description."""
    job = getattr(backend(), f"{_JOBS[word]}s")[name]
    for member, value in {f"{_JOBS[word]}_status": "InProgress", **more}.items():
        setattr(job, member, value)


def close(monkeypatch: pytest.MonkeyPatch) -> None:
    """Add the operations for the time of a test."""
    for word, snake in _JOBS.items():
        monkeypatch.setattr(SageMakerResponse, f"stop_{snake}", _stop(word), raising=False)
    monkeypatch.setattr(IAMBackend, "delete_role", delete_role)
    for name in (create_processing_job, delete_processing_job, delete_training_job,
                 update_training_job, list_training_jobs,
                 list_training_jobs_for_hyper_parameter_tuning_job):
        monkeypatch.setattr(SageMakerResponse, name.__name__, name, raising=False)


_delete_role = IAMBackend.delete_role


def delete_role(self: IAMBackend, role_name: str) -> None:
    """DeleteRole as CloudFormation does it, which first takes the policies from the role."""
    for arn in list(self.get_role(role_name).managed_policies):
        self.detach_role_policy(arn, role_name)
    _delete_role(self, role_name)


def _stop(word: str) -> Any:
    def stop(self: SageMakerResponse) -> EmptyResult:
        job = getattr(self.sagemaker_backend, f"{_JOBS[word]}s")[self._get_param(f"{word}Name")]
        setattr(job, f"{_JOBS[word]}_status", "Stopped")
        return EmptyResult()
    return stop


_create_processing_job = SageMakerResponse.create_processing_job


def create_processing_job(self: SageMakerResponse) -> ActionResult:
    """CreateProcessingJob, which remembers what it is to run on, too."""
    answer = _create_processing_job(self)
    job: Any = self.sagemaker_backend.processing_jobs[self._get_param("ProcessingJobName")]
    job.processing_resources = self._get_param("ProcessingResources")
    job.environment = self._get_param("Environment")
    job.processing_start_time = job.creation_time
    return answer


def delete_processing_job(self: SageMakerResponse) -> EmptyResult:
    """DeleteProcessingJob."""
    del self.sagemaker_backend.processing_jobs[self._get_param("ProcessingJobName")]
    return EmptyResult()


def delete_training_job(self: SageMakerResponse) -> EmptyResult:
    """DeleteTrainingJob."""
    del self.sagemaker_backend.training_jobs[self._get_param("TrainingJobName")]
    return EmptyResult()


def update_training_job(self: SageMakerResponse) -> ActionResult:
    """UpdateTrainingJob, as far as it ends a warm pool."""
    job = self.sagemaker_backend.training_jobs[self._get_param("TrainingJobName")]
    if self._get_param("ResourceConfig") == {"KeepAlivePeriodInSeconds": 0}:
        job.warm_pool_status = {"Status": "Terminated"}  # type: ignore[attr-defined]
    return ActionResult({"TrainingJobArn": job.arn})


_list_training_jobs = SageMakerResponse.list_training_jobs


def list_training_jobs(self: SageMakerResponse) -> ActionResult:
    """ListTrainingJobs, with the state of warm pools."""
    answer = _list_training_jobs(self)
    result: Any = answer.result
    for summary in result["TrainingJobSummaries"]:
        job = self.sagemaker_backend.training_jobs[summary["TrainingJobName"]]
        summary["WarmPoolStatus"] = getattr(job, "warm_pool_status", None)
    return answer


def list_training_jobs_for_hyper_parameter_tuning_job(self: SageMakerResponse) -> ActionResult:
    """ListTrainingJobsForHyperParameterTuningJob: two jobs, the better one first."""
    name = self._get_param("HyperParameterTuningJobName")
    return ActionResult({"TrainingJobSummaries": [
        {"TrainingJobName": f"{name}-{number:03d}-a", "TrainingJobStatus": "Completed",
         "TunedHyperParameters": {"hidden_dim": str(64 * number)},
         "FinalHyperParameterTuningJobObjectiveMetric": {
             "MetricName": "validation:accuracy", "Value": 0.8 + number / 100}}
        for number in (2, 1)]})
