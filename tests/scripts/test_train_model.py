"""A training job is asked for, followed, and told about; what `train` would refuse ends here."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from cloud.account import Account
from cloud.errors import ScriptError
from cloud.logs import TRAINING, Follower

import pytest
from botocore.stub import Stubber

from accounts import ACCOUNT, BUCKET, PROJECT, REGION, Script
from train_model import follow, outcome

OURS = ["--image", f"{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com/x:gpu",
        "--role", f"arn:aws:iam::{ACCOUNT}:role/{PROJECT}-training"]


def _job(account: Account) -> dict[str, Any]:
    sagemaker = account.client("sagemaker")
    names = [row["TrainingJobName"] for row in
             sagemaker.list_training_jobs()["TrainingJobSummaries"]]
    assert len(names) == 1
    found: dict[str, Any] = sagemaker.describe_training_job(TrainingJobName=names[0])
    return found


def test_a_job_is_followed_to_its_model(account: Account, script: Script) -> None:
    done = script("train_model", *OURS)
    job = _job(account)
    assert (done.status, done.err) == (0, "")
    assert f"made    {job['ModelArtifacts']['S3ModelArtifacts']}\n" in done.out
    assert job["ResourceConfig"]["InstanceType"] == "ml.g4dn.xlarge"
    assert job["InputDataConfig"][0]["DataSource"]["S3DataSource"]["S3Uri"] == (
        f"s3://{BUCKET}/data/raw/train")


def test_a_price_that_is_not_known_is_not_said_to_be_nothing(
        account: Account, script: Script) -> None:
    done = script("train_model", *OURS, "--instance", "ml.g6.xlarge")
    assert "costs   the job, the hourly price of ml.g6.xlarge, see https://" in done.out


def test_a_job_is_tagged_isolated_and_measured(account: Account, script: Script) -> None:
    script("train_model", *OURS, "--no-follow")
    job = _job(account)
    assert account.client("sagemaker").list_tags(
        ResourceArn=job["TrainingJobArn"])["Tags"] == account.tags
    assert job["EnableNetworkIsolation"]


def test_its_metrics_are_those_that_train_prints(no_account: None, script: Script) -> None:
    shown = script("train_model", "--dry-run").out
    assert '"Regex": "validation:accuracy=([0-9.eE+-]+);"' in shown


def test_each_job_on_spot_has_checkpoints_of_its_own(account: Account, script: Script) -> None:
    done = script("train_model", *OURS, "--no-follow", "--spot")
    job = _job(account)
    name = done.out.partition("checkpoints: ")[2].splitlines()[0]
    assert name.startswith(f"{PROJECT}-2")
    assert job["CheckpointConfig"]["S3Uri"] == f"s3://{BUCKET}/checkpoints/{name}"
    assert job["StoppingCondition"]["MaxWaitTimeInSeconds"] == 7200


def test_a_job_goes_on_from_named_checkpoints(account: Account, script: Script) -> None:
    script("train_model", *OURS, "--no-follow", "--spot", "--checkpoints", "earlier")
    assert _job(account)["CheckpointConfig"]["S3Uri"] == f"s3://{BUCKET}/checkpoints/earlier"


def _say(account: Account, stream: str, *lines: str) -> None:
    logs = account.client("logs")
    if not logs.describe_log_groups()["logGroups"]:
        logs.create_log_group(logGroupName=TRAINING)
    logs.create_log_stream(logGroupName=TRAINING, logStreamName=stream)
    logs.put_log_events(logGroupName=TRAINING, logStreamName=stream, logEvents=[
        {"timestamp": int(time.time() * 1000), "message": line} for line in lines])


def test_the_log_of_the_job_is_shown_and_no_other(account: Account, script: Script,
                                                  capsys: pytest.CaptureFixture[str]) -> None:
    script("train_model", *OURS, "--no-follow")
    name = _job(account)["TrainingJobName"]
    _say(account, f"{name}/algo-1-170", "epoch=1;", "epoch=2;")
    _say(account, f"{name}1/algo-1-170", "another job")
    trained = follow(account, name)
    assert capsys.readouterr().out.endswith("epoch=1;\nepoch=2;\n")
    assert trained.model.endswith(f"/training/{name}/output/model.tar.gz")
    assert trained.metrics and isinstance(trained.billable_seconds, int)


def test_lines_of_several_hosts_have_their_hosts(account: Account) -> None:
    _say(account, "j/algo-1-170", "one")
    follower = Follower(account, TRAINING, "j")
    assert list(follower.lines()) == ["one"]
    _say(account, "j/algo-2-170", "two")
    assert list(follower.lines()) == ["algo-2  two"]


def test_a_job_that_failed_says_why(account: Account) -> None:
    with Stubber(account.client("sagemaker")) as answers:  # moto's jobs all end well
        answers.add_response("describe_training_job", {
            "TrainingJobName": "j", "TrainingJobArn": account.arn("sagemaker", "training-job/j"),
            "TrainingJobStatus": "Failed", "SecondaryStatus": "Failed",
            "FailureReason": "AlgorithmError: no reviews", "CreationTime": datetime.now(UTC),
            "AlgorithmSpecification": {"TrainingInputMode": "File"}, "StoppingCondition": {},
            "ModelArtifacts": {"S3ModelArtifacts": "s3://b/none"}})
        with pytest.raises(ScriptError, match="j failed: AlgorithmError: no reviews"):
            outcome(account, "j")


@pytest.mark.parametrize(("instance", "tag"), [
    ("ml.g5.xlarge", "gpu"), ("ml.p4d.24xlarge", "gpu"), ("ml.m5.large", "cpu"),
    ("ml.c6i.large", "cpu"), ("ml.", "cpu")])
def test_the_image_is_for_the_kind_of_instance(
        no_account: None, script: Script, instance: str, tag: str) -> None:
    done = script("train_model", "--dry-run", "--instance", instance)
    assert done.sent == ["sagemaker CreateTrainingJob"]
    assert f"/{PROJECT}:{tag}\"" in done.out


@pytest.mark.parametrize(("words", "said"), [
    (["--hyperparameters", "hiden_dim=3"], "did you mean 'hidden_dim'"),
    (["--hyperparameters", "epochs=0", "seed=x"], "seed"),
    (["--hyperparameters", "epochs"], "'epochs' is not of the form NAME=VALUE"),
    (["--spot", "--keep-alive-minutes", "5"], "leave out --spot or --keep-alive-minutes"),
    (["--spot", "--max-minutes", "300"], "cannot be less than --max-minutes"),
    (["--subnets", "subnet-1"], "needs both --subnets and --security-groups"),
    (["--local"], "--local takes a folder with --train"),
    (["--name", "mine"], f"--name mine: begin it with {PROJECT}"),
    (["--count", "0"], "--count has to be 1 or more"),
    (["--max-minutes", "0"], "--max-minutes has to be 1 or more"),
])
def test_what_cannot_be_trained_is_refused_before_it_costs(
        no_account: None, script: Script, words: list[str], said: str) -> None:
    done = script("train_model", "--dry-run", *words)
    assert (done.status, done.sent) == (1, [])
    assert said in done.err


def test_the_roles_are_asked_for(account: Account, script: Script) -> None:
    done = script("train_model", "--image", "i")
    assert done.status == 1 and "create_roles.py" in done.err


def test_a_folder_that_is_not_there_is_named(no_account: None, script: Script,
                                             tmp_path: Path) -> None:
    done = script("train_model", "--local", "--train", tmp_path / "none")
    assert done.status == 1 and "there is no folder" in done.err
