"""Train with SageMaker, on a GPU unless told otherwise, and follow the log to the end.

With --local, the SageMaker SDK runs the same image in a container on this machine, without an
account: --train is then a folder, and the model is put into --local-folder.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from cloud import prices
from cloud.account import Account
from cloud.errors import ScriptError, is_missing
from cloud.journey import stamp
from cloud.logs import TRAINING, Follower
from cloud.training.algorithm import pairs
from cloud.training.joboptions import add_job_options, job_of
from cloud.training.local import train_locally
from cloud.training.trainer import Job, channels, make_trainer
from cloud.verb import Verb, account_of, end, run

from botocore.exceptions import ClientError


@dataclass(frozen=True)
class Trained:
    """A finished job."""

    name: str
    model: str
    """S3 URI of its `model.tar.gz`."""
    metrics: dict[str, float]
    """The last value of each: as the model was last measured."""
    billable_seconds: int
    """Of one instance."""


def start(account: Account, job: Job, name: str | None = None) -> str:
    """Ask for the job and return its name, at once.

    Raises:
        ScriptError: the roles would not let anybody start, see or stop a job of that name.
    """
    if name and not name.startswith(account.project):
        raise ScriptError(f"--name {name}: begin it with {account.project}")
    if job.spot and not job.checkpoints:
        job = replace(job, checkpoints=f"{name or account.project}-{stamp()}")
    if job.checkpoints:
        print(f"checkpoints: {job.checkpoints}", flush=True)
    trainer = make_trainer(account, job, name or account.project)
    try:
        trainer.train(channels(job), wait=False, logs=False)
    except ClientError as error:
        # The SDK reads back what it has created, which a dry run did not.
        if not (account.dry_run and error.operation_name == "DescribeTrainingJob"
                and is_missing(error)):
            raise
        return f"{name or account.project}-..."
    return str(trainer._latest_training_job.training_job_name)


def follow(account: Account, name: str, every_s: float = 10.0) -> Trained:
    """Show the log of a job until it has ended.

    The SDK's own following looks into the account of the environment, whatever session it has.

    Raises:
        ScriptError: it failed, with the container's own words where it had any.
    """
    sagemaker = account.client("sagemaker")
    follower = Follower(account, TRAINING, name)
    shown = ""
    try:
        while True:
            job = sagemaker.describe_training_job(TrainingJobName=name)
            ended = job["TrainingJobStatus"] in ("Completed", "Failed", "Stopped")
            if job["SecondaryStatus"] != shown:
                shown = job["SecondaryStatus"]
                print(f"{name}: {shown}", flush=True)
            for line in follower.lines():
                print(line, flush=True)
            if ended:
                return outcome(account, name)
            time.sleep(every_s)
    except KeyboardInterrupt:
        raise ScriptError(
            f"no longer followed; {name} goes on, and costs. Stop it with\n  aws sagemaker "
            f"stop-training-job --training-job-name {name} --region {account.region}") from None


def outcome(account: Account, name: str) -> Trained:
    """What an ended job has left. Raises ScriptError: it failed."""
    job = account.client("sagemaker").describe_training_job(TrainingJobName=name)
    if job["TrainingJobStatus"] == "Failed":
        raise ScriptError(f"{name} failed: {job.get('FailureReason', 'no reason given')}")
    return Trained(name, job["ModelArtifacts"]["S3ModelArtifacts"],
                   {row["MetricName"]: row["Value"] for row in job.get("FinalMetricDataList", [])},
                   int(job.get("BillableTimeInSeconds", 0)))


def _act(options: argparse.Namespace) -> None:
    if options.local:
        _act_here(options)
        return
    account = account_of(options)
    job = job_of(options, account)
    name = start(account, job, options.name)
    what = f"training job {name} on {job.count} x {job.instance}"
    price = prices.per_hour(job.instance, job.count)
    price += " at most, as it is on spot" if job.spot else ""
    if account.dry_run or not options.follow:
        end([what], f"{price}, for {job.max_minutes} minutes at most",
            f"aws sagemaker stop-training-job --training-job-name {name} --region {account.region}")
        return
    print(f"{what}, at {price}", flush=True)
    trained = follow(account, name)
    for metric, value in sorted(trained.metrics.items()):
        print(f"{metric} {value:.5g}")
    end([trained.model], f"the job, {prices.per_hour(job.instance, job.count)}, for "
        f"{trained.billable_seconds} billed seconds; the model, next to nothing",
        f"python scripts/teardown.py {account.place}")


def _act_here(options: argparse.Namespace) -> None:
    if options.dry_run or not options.train:
        raise ScriptError("--local takes a folder with --train, and no --dry-run: it sends nothing")
    archive = train_locally(
        options.image or "sentiment:cpu", Path(options.train),
        Path(options.validation) if options.validation else None, pairs(options.hyperparameters),
        options.local_folder)
    end([str(archive)], "nothing", f"rm -r {options.local_folder}")


def command() -> Verb:
    """The command line."""
    verb = Verb("train_model", __doc__,
                "--spot --hyperparameters architecture=lstm hidden_dim=200")
    verb.add_argument("--name", help="begins the job's name (the project's)")
    verb.add_argument("--follow", action=argparse.BooleanOptionalAction, default=True,
                      help="show the log and wait for the end (on)")
    verb.add_argument("--local", action=argparse.BooleanOptionalAction, default=False,
                      help="in a container on this machine, with --train FOLDER")
    verb.add_argument("--local-folder", type=Path, default=Path("local"), metavar="FOLDER",
                      help="for the model that --local makes (%(default)s)")
    add_job_options(verb, single=True)
    return verb


def main(arguments: Sequence[str] | None = None) -> int:
    """Train; returns the exit status."""
    return run(command(), _act, arguments)


if __name__ == "__main__":
    sys.exit(main())
