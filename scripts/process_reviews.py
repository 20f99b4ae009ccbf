"""Prepare reviews for training, or put a model to the test, in a processing job with our image.

`prepare` reads --reviews (data/raw in the bucket) and writes splits: train, validation and test.
`evaluate` answers --reviews (data/raw/test) with --model, and says how right the answers are. The
results lie below processing/JOB/ in the bucket; docs/processing.md has the options of each task.

With --count, several instances share the work; --sharded gives each some of the files instead of
all. Ctrl-C stops the job, as it costs until it has ended.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from cloud import journey, prices
from cloud.account import Account
from cloud.errors import ScriptError
from cloud.processing import results
from cloud.processing.job import TASKS, Job, finish, output, start
from cloud.storage import checked, objects
from cloud.training.algorithm import pairs
from cloud.verb import Verb, account_of, end, run

_NAMES = {"prepare": "reviews", "evaluate": "test"}
"""What the container calls the reviews of each task."""
_REVIEWS = {"prepare": "data/raw", "evaluate": "data/raw/test"}
_UPLOAD = "`python scripts/upload_data.py FOLDER` puts reviews there"


def inputs(account: Account, task: str, reviews: str | None = None,
           model: str | None = None) -> dict[str, str]:
    """The inputs of a task by their names; `model` as for an endpoint, where there is one.

    Raises:
        ScriptError: there are no reviews, no model, or a model that is not asked for.
    """
    if model and task != "evaluate":
        raise ScriptError(f"--model {model}: {task} needs none")
    uri = reviews or account.s3_uri(_REVIEWS[task])
    if not uri.startswith("s3://"):
        raise ScriptError(f"--reviews {uri}: write s3://...; {_UPLOAD}")
    found = {_NAMES[task]: checked(account, uri, _UPLOAD)}
    return found | ({"model": journey.model(account, model)} if task == "evaluate" else {})


def process(account: Account, job: Job) -> tuple[str, Mapping[str, Any]]:
    """Run a job to its end; returns its name and its description, `{}` in a dry run.

    Raises:
        ScriptError: something is missing that earlier scripts make, or the job failed.
    """
    name = f"{account.project}-{journey.stamp()}"
    start(account, job, name)
    return name, finish(account, name)


def costs(described: Mapping[str, Any], instance: str, count: int) -> str:
    """What the job has cost; in a dry run, what it would cost by the hour."""
    if not described:
        return f"{prices.per_hour(instance, count)} while the job runs"
    used = described["ProcessingResources"]["ClusterConfig"]
    seconds = (described["ProcessingEndTime"] - described["ProcessingStartTime"]).total_seconds()
    return (f"{prices.per_hour(used['InstanceType'], used['InstanceCount'])} for "
            f"{seconds / 60:.1f} minutes; now only what lies in S3")


def _act(options: argparse.Namespace) -> None:
    account = account_of(options)
    name, described = (options.job, finish(account, options.job)) if options.job else process(
        account, _job(account, options))
    place = output(account, name)
    made = [place]
    if described:
        _tell(account, options.task, described, place)
        if options.download:
            results.download(account, place, objects(account, place), options.download)
            made.append(f"{options.download}/")
    end(made=made, costs=costs(described, options.instance, options.count),
        remove=f"python scripts/teardown.py {account.place}")


def _job(account: Account, options: argparse.Namespace) -> Job:
    return Job(
        task=options.task, inputs=inputs(account, options.task, options.reviews, options.model),
        sharded=frozenset([_NAMES[options.task]] if options.sharded else []),
        options=pairs(options.options), environment=pairs(options.environment),
        image=options.image, role=options.role, instance=options.instance, count=options.count,
        volume_gb=options.volume_gb, max_minutes=options.max_minutes, isolated=options.isolated,
        subnets=tuple(options.subnets), security_groups=tuple(options.security_groups),
        kms_key=options.kms_key)


def _tell(account: Account, task: str, described: Mapping[str, Any], place: str) -> None:
    if message := described.get("ExitMessage"):
        count = described["ProcessingResources"]["ClusterConfig"]["InstanceCount"]
        print(f"\n{'the container' if count == 1 else 'one of the containers'} says: {message}")
    if task == "evaluate":
        print(f"\n{results.table(results.figures(account, place))}")
        return
    print(f"\n{results.summary(place, objects(account, place))}\n\ntrain on it:\n"
          f"  python scripts/train_model.py --train {place}train --validation {place}validation")


def command() -> Verb:
    """The command line."""
    verb = Verb("process_reviews", __doc__, "prepare --options validation_fraction=0.2 seed=7")
    add = verb.add_argument
    add("task", choices=TASKS, metavar="TASK", help=" or ".join(TASKS))
    add("--reviews", metavar="S3_URI", help="(data/raw in the bucket; to evaluate, data/raw/test)")
    add("--model", metavar="JOB", help="to evaluate: a training job, or an s3://... of a "
        "model.tar.gz (the newest training job)")
    add("--options", nargs="*", default=[], metavar="NAME=VALUE", help="see docs/processing.md")
    add("--environment", nargs="*", default=[], metavar="NAME=VALUE",
        help="variables for the container")
    add("--download", type=Path, metavar="FOLDER", help="fetch all results into a new folder")
    add("--job", metavar="NAME",
        help="start none, but wait for this job of before and read its results")
    add("--image", metavar="URI", help="the image (what was pushed as cpu)")
    add("--role", metavar="ARN", help="execution role (that of create_roles.py)")
    add("--instance", default=Job.instance, metavar="TYPE", help="(%(default)s)")
    add("--count", type=int, default=Job.count, metavar="N", help="instances (%(default)s)")
    add("--sharded", action=argparse.BooleanOptionalAction, default=False,
        help="each instance gets some of the reviews' files, and not all")
    add("--volume-gb", type=int, default=Job.volume_gb, metavar="N", help="(%(default)s)")
    add("--max-minutes", type=int, default=Job.max_minutes, metavar="N",
        help="stop the job after this (%(default)s)")
    add("--isolated", action=argparse.BooleanOptionalAction, default=Job.isolated,
        help="no network for the container (on)")
    add("--subnets", nargs="*", default=[], metavar="ID", help="run in a VPC")
    add("--security-groups", nargs="*", default=[], metavar="ID")
    add("--kms-key", metavar="ARN", help="for the volume and the results")
    return verb


def main(arguments: Sequence[str] | None = None) -> int:
    """Process; returns the exit status."""
    return run(command(), _act, arguments)


if __name__ == "__main__":
    sys.exit(main())
