"""What an earlier script made and a later one needs: roles, the image, the trained model."""

from __future__ import annotations

from datetime import UTC, datetime

from cloud.account import Account
from cloud.errors import ScriptError, found

PREFIXES = {"data": "data", "training": "training", "checkpoints": "checkpoints", "batch": "batch",
            "processing": "processing", "models": "models", "async": "async", "capture": "capture",
            "page": "page"}
"""Where things lie in the bucket; the roles may use these and nothing else."""


def stamp() -> str:
    """The time in UTC as part of a name: `20261120-101500`."""
    return datetime.now(UTC).strftime("%Y%m%d-%H%M%S")


def role(account: Account, kind: str, given: str | None = None) -> str:
    """ARN of the `Training`, `Processing`, `Serving`, `Batch` or `Scheduler` role.

    `given` goes first.

    Raises:
        ScriptError: the roles have not been made.
    """
    if given:
        return given
    arn = account.stack_outputs(f"{account.project}-roles").get(f"{kind}RoleArn")
    if arn:
        return arn
    if account.dry_run:
        return f"arn:{account.partition}:iam::{account.id}:role/{account.project}-{kind.lower()}"
    raise ScriptError(f"there is no {kind.lower()} role yet; run `python scripts/create_roles.py` "
                      "or name one with --role")


def image(account: Account, tag: str, given: str | None = None) -> str:
    """URI of the image that `tag` (`cpu` or `gpu`) means now, with its digest; `given` goes first.

    With the digest, what runs later is what was named, whatever is pushed in between.

    Raises:
        ScriptError: no such image has been pushed.
    """
    if given:
        return given
    ecr, repository = account.client("ecr"), account.project
    pushed = found(lambda: ecr.describe_images(repositoryName=repository,
                                               imageIds=[{"imageTag": tag}]))
    if pushed and pushed.get("imageDetails"):
        return f"{account.registry}/{repository}@{pushed['imageDetails'][0]['imageDigest']}"
    if account.dry_run:
        return f"{account.registry}/{repository}:{tag}"
    raise ScriptError(f"{repository}:{tag} is not in ECR; run `python scripts/push_image.py {tag}` "
                      "or name an image with --image")


def model(account: Account, given: str | None = None) -> str:
    """S3 URI of a `model.tar.gz`: `given` as a URI or as a training job's name, else the newest.

    Raises:
        ScriptError: no job of the project has completed, or the one named has not.
    """
    if given and given.startswith("s3://"):
        return given
    sagemaker = account.client("sagemaker")
    name = given or _newest_job(account)
    job = found(lambda: sagemaker.describe_training_job(TrainingJobName=name)) if name else None
    if job and job["TrainingJobStatus"] in ("Completed", "Stopped"):
        return str(job["ModelArtifacts"]["S3ModelArtifacts"])
    if account.dry_run:
        where = f"{PREFIXES['training']}/{name or 'JOB'}/output/model.tar.gz"
        return account.s3_uri(where)
    raise ScriptError(f"the training job {name} has no model (yet)" if name else
                      "no training job has completed; run `python scripts/train_model.py` "
                      "or name a model with --model s3://.../model.tar.gz")


def _newest_job(account: Account) -> str | None:
    sagemaker = account.client("sagemaker")
    pages = sagemaker.get_paginator("list_training_jobs").paginate(
        NameContains=account.project, StatusEquals="Completed", SortBy="CreationTime",
        SortOrder="Descending")
    jobs = [job for page in pages for job in page.get("TrainingJobSummaries", [])]
    for job in sorted(jobs, key=lambda job: job["CreationTime"], reverse=True):
        # The name alone is no proof: another project's may begin alike.
        if account.owns(sagemaker.list_tags(ResourceArn=job["TrainingJobArn"])["Tags"]):
            return str(job["TrainingJobName"])
    return None
