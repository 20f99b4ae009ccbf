"""Search for hyperparameters with many training jobs, and say which did best.

The ranges are NAME=LOWEST:HIGHEST for numbers and NAME=A,B,C for choices; whether a number is tried
on a logarithmic scale is as docs/hyperparameters.md says.
"""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from cloud import prices
from cloud.account import Account
from cloud.errors import ScriptError, is_missing
from cloud.training.algorithm import check, describe, pairs
from cloud.training.joboptions import add_job_options, job_of
from cloud.training.trainer import Job, channels, make_trainer
from cloud.verb import Verb, account_of, end, run
from cloud.waiting import wait

from botocore.exceptions import ClientError

RANGES = {"learning_rate": "0.003:0.03", "weight_decay": "0.00003:0.0003"}
"""What is searched where nothing is named."""


@dataclass(frozen=True)
class Search:
    """How the ranges are searched."""

    jobs: int = 10
    parallel: int = 2
    strategy: str = "Bayesian"
    early_stopping: bool = True
    objective: str = "validation:accuracy"
    seed: int = 1


def start(account: Account, job: Job, ranges: Mapping[str, str], search: Search) -> str:
    """Ask for the tuning job and return its name, at once.

    Its jobs keep no checkpoints: they would all be in one folder. On spot, one that is interrupted
    begins anew.

    Raises:
        ScriptError: a range that `train` would refuse, or an objective that it does not print.
    """
    from sagemaker.train.tuner import HyperparameterTuner

    if search.objective not in describe()["objectives"]:
        raise ScriptError(f"{search.objective} is no objective; train prints "
                          f"{', '.join(describe()['objectives'])}")
    if search.strategy == "Grid":
        _check_grid(ranges, search.jobs)
    # Hyperband stops jobs itself, and SageMaker takes it with nothing else that does.
    stops_early = search.early_stopping and search.strategy != "Hyperband"
    name = _name(account)
    trainer = make_trainer(account, job, name)
    tuner = HyperparameterTuner(
        trainer, search.objective, _ranges(ranges), describe()["metric_definitions"],
        strategy=search.strategy, max_jobs=search.jobs, max_parallel_jobs=search.parallel,
        early_stopping_type="Auto" if stops_early else "Off", random_seed=search.seed)
    _mend(account, job)
    try:
        tuner.tune(channels(job), name, wait=False)
    except ClientError as error:
        # The SDK reads back what it has created, which a dry run did not.
        if not (account.dry_run and error.operation_name == "DescribeHyperParameterTuningJob"
                and is_missing(error)):
            raise
    return name


def follow(account: Account, name: str) -> list[dict[str, Any]]:
    """Wait for the end; returns the jobs with their values, the best first."""
    sagemaker = account.client("sagemaker")
    try:
        wait(account, f"tuning job {name}",
             lambda: _counted(sagemaker.describe_hyper_parameter_tuning_job(
                 HyperParameterTuningJobName=name)),
             "Shown", done=("Completed", "Stopped"), failed=("Failed",), limit_s=30 * 86_400,
             every_s=30)
    except KeyboardInterrupt:
        raise ScriptError(
            f"no longer followed; {name} goes on, and costs. Stop it with\n  aws sagemaker "
            f"stop-hyper-parameter-tuning-job --hyper-parameter-tuning-job-name {name} "
            f"--region {account.region}") from None
    return list(sagemaker.list_training_jobs_for_hyper_parameter_tuning_job(
        HyperParameterTuningJobName=name, SortBy="FinalObjectiveMetricValue",
        SortOrder="Descending", MaxResults=100).get("TrainingJobSummaries", []))


def _counted(answer: dict[str, Any]) -> dict[str, Any]:
    """With the state while it runs as words that change with every finished job."""
    state = answer["HyperParameterTuningJobStatus"]
    counts = answer.get("TrainingJobStatusCounters", {})
    ended = sum(counts.get(kind, 0) for kind in ("Completed", "Stopped", "NonRetryableError"))
    running = f"{ended} jobs ended, {counts.get('InProgress', 0)} running"
    return {**answer, "Shown": running if state == "InProgress" else state}


def _name(account: Account) -> str:
    """At most 32 characters; the training jobs' names begin with it, and it with the project's.

    That leaves a long project's name only the last digits of the time.
    """
    time = f"{datetime.now(UTC):%y%m%d%H%M%S}"
    return f"{account.project}-{time[len(account.project) - 31:]}"


def _check_grid(ranges: Mapping[str, str], jobs: int) -> None:
    """Raises ScriptError: a grid has other points than choices, or another number of them."""
    spans = sorted(name for name, value in ranges.items() if ":" in value)
    if spans:
        raise ScriptError(f"--strategy Grid tries choices only: write {spans[0]}=A,B,C")
    points = math.prod(len(value.split(",")) for value in ranges.values())
    if jobs != points:
        raise ScriptError(f"--strategy Grid tries all {points} combinations: give --jobs {points}")


def _ranges(given: Mapping[str, str]) -> dict[str, Any]:
    """The SDK's objects for `LOWEST:HIGHEST` and `A,B,C`. Raises ScriptError: one cannot be."""
    from sagemaker.core.parameter import (
        CategoricalParameter,
        ContinuousParameter,
        IntegerParameter,
    )

    declared = {row["name"]: row for row in describe()["hyperparameters"]}
    found: dict[str, Any] = {}
    for name, value in given.items():
        row = declared.get(name)
        if row is None or not row["tunable"]:
            tunable = ", ".join(key for key, entry in declared.items() if entry["tunable"])
            raise ScriptError(f"{name!r} is not tuned; these may be: {tunable}")
        values = value.split(":")
        if len(values) == 1:
            values = value.split(",")
        for each in values:
            check({name: each})
        if ":" not in value:
            found[name] = CategoricalParameter(values)
        elif row["type"] == "str" or len(values) != 2 or float(values[0]) >= float(values[1]):
            raise ScriptError(f"{name}={value} must be LOWEST:HIGHEST, or A,B,C")
        elif row["type"] == "int":
            found[name] = IntegerParameter(*map(int, values), scaling_type=row["scaling"])
        else:
            found[name] = ContinuousParameter(*map(float, values), scaling_type=row["scaling"])
    return found


def _mend(account: Account, job: Job) -> None:
    """Put back what the SDK (3.27) drops between a trainer and its tuner."""
    def add(params: dict[str, Any], **_: object) -> None:
        params["TrainingJobDefinition"] |= {
            "EnableNetworkIsolation": job.isolated,
            "EnableInterContainerTrafficEncryption": job.encrypted_traffic}
        if job.kms_key:
            params["TrainingJobDefinition"]["ResourceConfig"]["VolumeKmsKeyId"] = job.kms_key

    account.session.events.register(
        "provide-client-params.sagemaker.CreateHyperParameterTuningJob", add)


def _act(options: argparse.Namespace) -> None:
    account = account_of(options)
    job = job_of(options, account)
    search = Search(options.jobs, options.parallel, options.strategy, options.early_stopping,
                    options.objective, options.seed)
    name = start(account, job, pairs(options.ranges) or RANGES, search)
    hourly = prices.per_hour(job.instance, job.count * search.parallel)
    stop = ("aws sagemaker stop-hyper-parameter-tuning-job --hyper-parameter-tuning-job-name "
            f"{name} --region {account.region}")
    rounds = math.ceil(search.jobs / search.parallel)
    if account.dry_run or not options.follow:
        end([f"tuning job {name}, {search.jobs} training jobs"],
            f"{hourly}, for {job.max_minutes * rounds} minutes at most", stop)
        return
    print(f"tuning job {name}: {search.jobs} training jobs, {search.parallel} at a time, at "
          f"{hourly}", flush=True)
    jobs = follow(account, name)
    for row in jobs:
        value = row.get("FinalHyperParameterTuningJobObjectiveMetric", {}).get("Value")
        shown = "no value" if value is None else f"{value:.5f}"
        settings = " ".join(f"{key}={text}" for key, text in
                            sorted(row.get("TunedHyperParameters", {}).items()))
        print(f"{shown}  {row['TrainingJobName']}  {settings}")
    end([f"tuning job {name}"], "nothing more; its models next to nothing",
        f"python scripts/teardown.py {account.place}")
    if jobs:
        print("next    python scripts/deploy_endpoint.py --for 2h --model "
              f"{jobs[0]['TrainingJobName']}")


def command() -> Verb:
    """The command line."""
    verb = Verb("tune_model", __doc__, "--jobs 20 --parallel 4 --spot "
                "--hyperparameters architecture=lstm "
                "--ranges learning_rate=0.0005:0.01 hidden_dim=64:256")
    add = verb.add_argument
    add("--ranges", nargs="*", default=[], metavar="NAME=RANGE",
        help=f"({' '.join(f'{name}={value}' for name, value in RANGES.items())})")
    add("--jobs", type=int, default=Search.jobs, help="training jobs in all (%(default)s)")
    add("--parallel", type=int, default=Search.parallel, help="at a time (%(default)s)")
    add("--strategy", choices=["Bayesian", "Random", "Hyperband", "Grid"],
        default=Search.strategy, help="(%(default)s)")
    add("--early-stopping", action=argparse.BooleanOptionalAction, default=Search.early_stopping,
        help="end jobs that will not become the best (on)")
    add("--objective", default=Search.objective, help="a metric, to be as large as possible "
        "(%(default)s)")
    add("--seed", type=int, default=Search.seed, help="(%(default)s)")
    add("--follow", action=argparse.BooleanOptionalAction, default=True,
        help="wait for the end (on)")
    add_job_options(verb, single=False)
    return verb


def main(arguments: Sequence[str] | None = None) -> int:
    """Tune; returns the exit status."""
    return run(command(), _act, arguments)


if __name__ == "__main__":
    sys.exit(main())
