"""What all the scripts together have made, teardown takes away."""

from __future__ import annotations

from pathlib import Path

from cloud.account import Account
from cloud.hosting.variants import Container
from cloud.scoring import batch

import pytest

import hosting
import moto_gaps
import zoo
from accounts import BUCKET, PROJECT, REGION, Script
from stack_standin import Stacks

pytestmark = pytest.mark.filterwarnings("ignore:Tried to parse AWS:UserWarning:moto")
IMAGE = ("--image", hosting.IMAGE)


@pytest.fixture
def journey(account: Account, bucket: str, stack_server: Stacks, script: Script, tmp_path: Path,
            monkeypatch: pytest.MonkeyPatch) -> None:
    """Every script has run that makes something, and SageMaker has written its logs."""
    hosting.let_time_pass(monkeypatch)
    hosting.add_update_endpoint(monkeypatch)
    moto_gaps.close(monkeypatch)
    (tmp_path / "reviews.csv").write_text("1,Superb\n0,Dull\n")
    (tmp_path / "first.tar.gz").write_bytes(b"any")
    account.client("iam").create_user(UserName="ann")
    zoo.repository(account)  # what push_image.py makes first; its images need Docker
    for words in (("create_roles", "--attach-to", "user/ann"),
                  ("upload_data", tmp_path / "reviews.csv"),
                  ("process_reviews", "prepare", *IMAGE, "--reviews", f"s3://{BUCKET}/data/"),
                  ("train_model", *IMAGE, "--no-follow"), ("tune_model", *IMAGE, "--no-follow"),
                  ("deploy_endpoint", *IMAGE, "--model", hosting.data(1), "--max-count", 2,
                   "--for", "2h", "--capture", 10, "--email", "me@example.com"),
                  ("split_traffic", *IMAGE, "--model", hosting.data(2), "--share", 10),
                  ("deploy_endpoint", *IMAGE, "--model", hosting.data(1), "--kind", "async",
                   "--endpoint", f"{PROJECT}-queue"),
                  ("host_models", "--endpoint", f"{PROJECT}-many", "--add",
                   tmp_path / "first.tar.gz"),
                  ("deploy_endpoint", *IMAGE, "--kind", "multi-model",
                   "--endpoint", f"{PROJECT}-many"),
                  ("deploy_page", "--no-check")):
        done = script(*words)
        assert (done.status, done.err) == (0, ""), done
    # What transform_batch.py sends; its results need the real container.
    batch.start(account, f"{PROJECT}-batch", f"s3://{BUCKET}/batch/input/", Container(
        image=hosting.IMAGE, data=hosting.data(1), role=zoo.ROLE), instance="ml.m5.xlarge")
    for name in (PROJECT, f"{PROJECT}-queue", f"{PROJECT}-many"):
        zoo.log(account, f"/aws/sagemaker/Endpoints/{name}", "main/i-1")
    for job in account.client("sagemaker").list_training_jobs()["TrainingJobSummaries"]:
        zoo.log(account, "/aws/sagemaker/TrainingJobs", f"{job['TrainingJobName']}/algo-1-1")
    for job in account.client("sagemaker").list_processing_jobs()["ProcessingJobSummaries"]:
        zoo.log(account, "/aws/sagemaker/ProcessingJobs", f"{job['ProcessingJobName']}/algo-1-1")


def test_it_leaves_nothing(journey: None, account: Account, script: Script) -> None:
    made = zoo.census(REGION)
    assert all(made.values())
    done = script("teardown", "--yes")
    assert (done.status, done.err) == (0, "")
    left = {key: names for key, names in zoo.census(REGION).items() if names}
    assert left == {
        "ScheduleGroups": ["default"], "TransformJobSummaries": [f"{PROJECT}-batch"],
        "logGroups": [f"/aws/sagemaker/{job}Jobs" for job in ("Processing", "Training")]}
    assert "left alone" not in done.out
    assert account.client("iam").list_attached_user_policies(
        UserName="ann")["AttachedPolicies"] == []
