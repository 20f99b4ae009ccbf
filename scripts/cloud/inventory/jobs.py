"""Jobs: those that run cost by the hour, and so does a warm pool that one has left."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from functools import partial
from typing import Any, NamedTuple

from cloud.account import Account
from cloud.inventory.items import Cost, Item, instances, pages, tagged
from cloud.waiting import wait


class _Kind(NamedTuple):
    """A kind of job: its name, the API's word for it, and the operations."""

    name: str
    word: str
    list: str
    describe: str
    stop: str
    delete: str | None
    """Deletes the entry that is left of a job when it has ended."""


_KINDS = (
    # First of all: as long as a tuning job runs, it starts training jobs.
    _Kind("tuning job", "HyperParameterTuningJob", "list_hyper_parameter_tuning_jobs",
          "describe_hyper_parameter_tuning_job", "stop_hyper_parameter_tuning_job",
          "delete_hyper_parameter_tuning_job"),
    _Kind("training job", "TrainingJob", "list_training_jobs", "describe_training_job",
          "stop_training_job", "delete_training_job"),
    _Kind("transform job", "TransformJob", "list_transform_jobs", "describe_transform_job",
          "stop_transform_job", None),
    _Kind("processing job", "ProcessingJob", "list_processing_jobs", "describe_processing_job",
          "stop_processing_job", "delete_processing_job"),
)

_RUNNING = ("InProgress", "Stopping")
_ENDED = ("Completed", "Failed", "Stopped", "Deleting", "DeleteFailed")


def find(account: Account) -> Iterator[Item]:
    """Jobs, whether they run or not, and warm pools."""
    for kind in _KINDS:
        entries = pages(account, "sagemaker", kind.list, f"{kind.word}Summaries",
                        NameContains=account.project)
        for entry in tagged(account, entries, f"{kind.word}Name", f"{kind.word}Arn"):
            state = entry[f"{kind.word}Status"]
            if state in _RUNNING:
                yield _running(account, kind, entry)
            elif state != "Deleting":
                yield _finished(account, kind, entry)
            if entry.get("WarmPoolStatus", {}).get("Status") == "Available":
                yield _warm_pool(account, entry)


def _call(account: Account, operation: str, kind: _Kind, name: str) -> Callable[[], dict[str, Any]]:
    return partial(getattr(account.client("sagemaker"), operation), **{f"{kind.word}Name": name})


def _running(account: Account, kind: _Kind, entry: dict[str, Any]) -> Item:
    name, state = entry[f"{kind.word}Name"], entry[f"{kind.word}Status"]
    describe = _call(account, kind.describe, kind, name)
    described = describe()
    # A tuning job stops its training jobs itself, and one that is stopping cannot be told again.
    stops = state == "InProgress" and "TuningJobArn" not in described
    return Item(kind.name, name, entry[f"{kind.word}Arn"],
                _call(account, kind.stop, kind, name) if stops else _nothing,
                gone=partial(wait, account, f"{kind.name} {name}", describe, f"{kind.word}Status",
                             done=_ENDED, failed=(), limit_s=1800),
                state=state, since=entry["CreationTime"], cost=_cost(described), owner=name)


def _nothing() -> None:
    """What is stopping already needs no request."""


def _cost(job: dict[str, Any]) -> Cost:
    """Of a job's instances; a tuning job has none of its own."""
    resources = (job.get("ResourceConfig") or job.get("TransformResources")
                 or job.get("ProcessingResources", {}).get("ClusterConfig") or {})
    groups = resources.get("InstanceGroups") or [resources]
    cost = Cost()
    for group in groups:
        if "InstanceType" in group:
            cost += instances(group["InstanceType"], group["InstanceCount"])
    return Cost(cost.hour, why=f"{cost.why}, less on spot"
                ) if job.get("EnableManagedSpotTraining") else cost


def _finished(account: Account, kind: _Kind, entry: dict[str, Any]) -> Item:
    name = entry[f"{kind.word}Name"]
    return Item(f"finished {kind.name}", name, entry[f"{kind.word}Arn"],
                _call(account, kind.delete, kind, name) if kind.delete else None,
                state=entry[f"{kind.word}Status"], since=entry["CreationTime"], owner=name)


def _warm_pool(account: Account, entry: dict[str, Any]) -> Item:
    name, sagemaker = entry["TrainingJobName"], account.client("sagemaker")
    job = sagemaker.describe_training_job(TrainingJobName=name)
    kept = timedelta(seconds=job["ResourceConfig"].get("KeepAlivePeriodInSeconds", 0))

    def status() -> dict[str, Any]:
        job = sagemaker.describe_training_job(TrainingJobName=name)
        return dict(job.get("WarmPoolStatus", {"Status": "Terminated"}))

    return Item("warm pool", name, "", partial(
                    sagemaker.update_training_job, TrainingJobName=name,
                    ResourceConfig={"KeepAlivePeriodInSeconds": 0}),
                gone=partial(wait, account, f"warm pool {name}", status, "Status",
                             done=("Terminated", "Reused", "InUse"), failed=(), limit_s=1800),
                state="Available", since=job.get("TrainingEndTime"), owner=name,
                cost=_cost(job), ends=job["TrainingEndTime"] + kept)
