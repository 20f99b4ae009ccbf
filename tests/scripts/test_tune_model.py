"""A tuning job searches what it is told to, within what `train` takes."""

from __future__ import annotations

from typing import Any

from cloud.account import Account

import pytest

import moto_gaps
from accounts import ACCOUNT, PROJECT, REGION, Script

OURS = ["--image", f"{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com/x:gpu",
        "--role", f"arn:aws:iam::{ACCOUNT}:role/{PROJECT}-training"]


def _job(account: Account) -> dict[str, Any]:
    sagemaker = account.client("sagemaker")
    row, = sagemaker.list_hyper_parameter_tuning_jobs()["HyperParameterTuningJobSummaries"]
    found: dict[str, Any] = sagemaker.describe_hyper_parameter_tuning_job(
        HyperParameterTuningJobName=row["HyperParameterTuningJobName"])
    return found


def test_a_search_is_asked_for_and_followed(
        account: Account, script: Script, monkeypatch: pytest.MonkeyPatch) -> None:
    moto_gaps.close(monkeypatch)
    done = script("tune_model", *OURS, "--jobs", 6, "--parallel", 3)
    job = _job(account)
    assert (done.status, done.err) == (0, "")
    assert job["HyperParameterTuningJobConfig"]["ResourceLimits"] == {
        "MaxNumberOfTrainingJobs": 6, "MaxParallelTrainingJobs": 3}
    name = job["HyperParameterTuningJobName"]
    assert f"0.82000  {name}-002-a  hidden_dim=128\n0.81000" in done.out and len(name) <= 32
    assert job["HyperParameterTuningJobName"].startswith(f"{PROJECT}-")
    assert account.client("sagemaker").list_tags(
        ResourceArn=job["HyperParameterTuningJobArn"])["Tags"] == account.tags


def test_ranges_are_of_the_kind_that_the_container_declares(
        account: Account, script: Script) -> None:
    script("tune_model", *OURS, "--no-follow", "--ranges", "learning_rate=0.001:0.01",
           "hidden_dim=64:128", "batch_size=128,512")
    ranges = _job(account)["HyperParameterTuningJobConfig"]["ParameterRanges"]
    assert ranges["ContinuousParameterRanges"] == [{
        "Name": "learning_rate", "MinValue": "0.001", "MaxValue": "0.01",
        "ScalingType": "Logarithmic"}]
    assert ranges["IntegerParameterRanges"][0]["Name"] == "hidden_dim"
    assert ranges["CategoricalParameterRanges"] == [
        {"Name": "batch_size", "Values": ["128", "512"]}]


def test_its_jobs_are_isolated_and_share_no_checkpoints(account: Account, script: Script) -> None:
    script("tune_model", *OURS, "--no-follow", "--spot", "--environment", "A=b",
           "--kms-key", "arn:aws:kms:eu-central-1:123456789012:key/k")
    definition = _job(account)["TrainingJobDefinition"]
    assert definition["EnableNetworkIsolation"] and definition["EnableManagedSpotTraining"]
    assert "CheckpointConfig" not in definition
    assert definition["Environment"] == {"A": "b"}
    assert definition["ResourceConfig"]["VolumeKmsKeyId"].endswith("key/k")


def test_a_dry_run_without_an_account_shows_the_request(no_account: None, script: Script) -> None:
    done = script("tune_model", "--dry-run")
    assert (done.status, done.sent) == (0, ["sagemaker CreateHyperParameterTuningJob"])
    assert "remove  aws sagemaker stop-hyper-parameter-tuning-job" in done.out


@pytest.mark.parametrize(("strategy", "kind"), [("Bayesian", "Auto"), ("Hyperband", "Off")])
def test_jobs_are_stopped_early_where_the_strategy_leaves_it_to_sagemaker(
        no_account: None, script: Script, strategy: str, kind: str) -> None:
    done = script("tune_model", "--dry-run", "--strategy", strategy)
    assert f'"TrainingJobEarlyStoppingType": "{kind}"' in done.out


def test_the_longest_time_counts_whole_rounds(no_account: None, script: Script) -> None:
    done = script("tune_model", "--dry-run", "--jobs", 10, "--parallel", 3)
    assert "for 240 minutes at most" in done.out


@pytest.mark.parametrize(("words", "said"), [
    (["--ranges", "seed=1:9"], "'seed' is not tuned; these may be: batch_size"),
    (["--ranges", "hiden_dim=1:9"], "'hiden_dim' is not tuned"),
    (["--ranges", "hidden_dim=0:9"], "hidden_dim"),
    (["--ranges", "hidden_dim=128:64"], "must be LOWEST:HIGHEST, or A,B,C"),
    (["--ranges", "learning_rate=0.1:0.2:0.3"], "must be LOWEST:HIGHEST"),
    (["--objective", "accuracy"], "accuracy is no objective; train prints"),
    (["--strategy", "Grid"], "tries choices only: write learning_rate=A,B,C"),
    (["--strategy", "Grid", "--ranges", "hidden_dim=64,128", "batch_size=64,128,256"],
     "tries all 6 combinations: give --jobs 6"),
])
def test_what_cannot_be_searched_is_refused_before_it_costs(
        no_account: None, script: Script, words: list[str], said: str) -> None:
    done = script("tune_model", "--dry-run", *words)
    assert (done.status, done.sent) == (1, [])
    assert said in done.err
