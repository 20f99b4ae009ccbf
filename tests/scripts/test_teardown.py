"""Everything of ours goes, nothing else does, and the script has looked again before it says so."""

from __future__ import annotations

import io

from cloud.account import Account
from cloud.inventory import index
from cloud.inventory.kinds import take

import pytest
from moto.cloudformation.responses import CloudFormationResponse
from moto.core.exceptions import AccessDeniedError, JsonRESTError
from moto.ecr.responses import ECRResponse
from moto.logs.responses import LogsResponse
from moto.sagemaker.responses import SageMakerResponse

import moto_gaps
import zoo
from accounts import ACCOUNT, BUCKET, PROJECT, REGION, Finished, Script

_NO = JsonRESTError("AccessDeniedException", "you may not")


@pytest.fixture(autouse=True)
def _moto_can_stop_jobs(monkeypatch: pytest.MonkeyPatch) -> None:
    moto_gaps.close(monkeypatch)


def _answers(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(text))


def _removed(done: Finished) -> list[str]:
    return [line.removeprefix("remove ") for line in done.out.splitlines()
            if line.startswith("remove ") and "python" not in line]


def _refuse(monkeypatch: pytest.MonkeyPatch, response: type, *operations: str,
            error: Exception = _NO) -> None:
    """Let AWS deny us these operations of a service."""
    def refuse(self: object) -> None:
        raise error
    for operation in operations:
        monkeypatch.setattr(response, operation, refuse)


def test_one_of_each_and_nothing_is_left(account: Account, script: Script) -> None:
    empty = zoo.census(REGION)
    zoo.build(account)
    done = script("teardown", "--yes")
    assert (done.status, done.err) == (0, "")
    after = zoo.census(REGION)
    # SageMaker has no way to delete the entry of a transform job, and the groups are everybody's.
    assert after.pop("TransformJobSummaries") == [f"{PROJECT}-{zoo.STAMP}"]
    assert after.pop("logGroups") == [f"/aws/sagemaker/{job}Jobs" for job in (
        "Processing", "Training", "Transform")]
    assert after == {key: value for key, value in empty.items() if key in after}
    assert f"looked again: nothing of ours is left in {REGION}, account {ACCOUNT}\n" in done.out


def test_nothing_of_others_is_touched(account: Account, script: Script) -> None:
    zoo.build(Account(f"{PROJECT}-2"))
    zoo.endpoint(zoo.Stranger([]), f"{PROJECT}-mine")
    before = zoo.census(REGION)
    zoo.build(account)
    assert script("teardown", "--yes").status == 0
    after = zoo.census(REGION)
    after["TransformJobSummaries"].remove(f"{PROJECT}-{zoo.STAMP}")
    assert after == before


@pytest.mark.parametrize("options", [[], ["--endpoint", PROJECT]])
def test_what_has_our_very_name_is_not_touched_without_our_tag(
        aws: str, script: Script, options: list[str]) -> None:
    zoo.build(zoo.Stranger([]))
    before = zoo.census(REGION)
    done = script("teardown", "--yes", *options)
    assert (done.status, _removed(done)) == (0, [])
    assert zoo.census(REGION) == before


def test_a_bucket_of_somebodys_own_is_not_touched(account: Account, script: Script) -> None:
    account.client("s3").create_bucket(Bucket="my-own", CreateBucketConfiguration={
        "LocationConstraint": REGION})
    done = script("teardown", "--yes", "--bucket", "my-own")
    assert "nothing of ours in" in done.out
    assert zoo.census(REGION)["Buckets"] == ["my-own"]


def test_running_jobs_are_stopped_and_then_forgotten(account: Account, script: Script) -> None:
    name = f"{PROJECT}-{zoo.STAMP}"
    zoo.tuning_job(account, name)
    zoo.training_job(account, name)
    zoo.transform_job(account, name)
    zoo.processing_job(account, name)
    for word in ("HyperParameterTuningJob", "TrainingJob", "TransformJob", "ProcessingJob"):
        moto_gaps.start(word, name)
    done = script("teardown", "--yes")
    assert done.status == 0
    assert [line for line in done.out.splitlines() if line.endswith(": Stopped")] == [
        f"{kind} job {name}: Stopped" for kind in (
            "tuning", "training", "transform", "processing")]
    assert "AWS keeps finished transform jobs in its lists, at no cost: 1" in done.out


def test_the_training_jobs_of_a_tuning_job_are_left_to_it(
        account: Account, script: Script) -> None:
    zoo.training_job(account, f"{PROJECT}-001")
    moto_gaps.start("TrainingJob", f"{PROJECT}-001", tuning_job_arn="arn:aws:sagemaker:tuning")
    assert "sagemaker StopTrainingJob" not in script("teardown", "--dry-run").sent


def test_a_warm_pool_is_let_go(account: Account, script: Script) -> None:
    zoo.training_job(account, f"{PROJECT}-warm")
    moto_gaps.start("TrainingJob", f"{PROJECT}-warm", training_job_status="Completed",
                    warm_pool_status={"Status": "Available"})
    done = script("teardown", "--yes")
    assert f"warm pool {PROJECT}-warm: Terminated" in done.out
    assert zoo.census(REGION)["TrainingJobSummaries"] == []


def test_one_endpoint_goes_with_all_that_is_its_own(account: Account, script: Script) -> None:
    zoo.endpoint(account, PROJECT)
    zoo.schedule(account, PROJECT, "2099-01-01T10:00:00")
    before = zoo.census(REGION)
    zoo.endpoint(account, f"{PROJECT}-b")
    zoo.schedule(account, f"{PROJECT}-b", "2099-01-01T10:00:00")
    done = script("teardown", "--yes", "--endpoint", f"{PROJECT}-b")
    assert done.status == 0
    assert zoo.census(REGION) == before


def test_what_is_to_be_kept_is_kept_and_its_cost_told(account: Account, script: Script) -> None:
    zoo.repository(account)
    zoo.bucket(account)
    zoo.stacks(account)
    done = script("teardown", "--yes", "--keep", "data", "image", "roles")
    assert done.status == 0
    assert {item.kind for item in take(account).items if item.remove} == {
        "bucket", "image repository", "roles stack"}
    assert "kept:" in done.out and "\ncosts   " in done.out


def test_it_asks_for_the_projects_name(
        account: Account, script: Script, monkeypatch: pytest.MonkeyPatch) -> None:
    zoo.bucket(account)
    _answers(monkeypatch, f"{PROJECT}\n")
    assert script("teardown").status == 0
    assert zoo.census(REGION)["Buckets"] == []


@pytest.mark.parametrize("typed", ["", "y\n", f"{PROJECT}-2\n"])
def test_without_that_name_nothing_is_removed(
        account: Account, script: Script, monkeypatch: pytest.MonkeyPatch, typed: str) -> None:
    zoo.bucket(account)
    _answers(monkeypatch, typed)
    done = script("teardown")
    assert done.status == 1 and "nothing was removed" in done.err
    assert zoo.census(REGION)["Buckets"] == [BUCKET]


def test_a_failure_stops_nothing_else_and_is_told_at_the_end(
        account: Account, script: Script, monkeypatch: pytest.MonkeyPatch) -> None:
    zoo.repository(account)
    zoo.bucket(account)
    _refuse(monkeypatch, ECRResponse, "delete_repository")
    done = script("teardown", "--yes")
    assert done.status == 1
    assert f"image repository {PROJECT}: not permitted. DeleteRepository: you may not" in done.err
    assert {item.kind for item in take(account).items if item.remove} == {"image repository"}


def test_an_endpoint_that_stays_keeps_what_will_end_it(
        account: Account, script: Script, monkeypatch: pytest.MonkeyPatch) -> None:
    zoo.endpoint(account, PROJECT)
    zoo.schedule(account, PROJECT, "2099-11-20T12:15:00")
    zoo.stacks(account)
    _refuse(monkeypatch, SageMakerResponse, "delete_endpoint")
    assert script("teardown", "--yes").status == 1
    assert {item.kind for item in take(account).items} >= {
        "endpoint", "endpoint config", "schedule", "schedule group", "roles stack"}


def test_whoever_may_not_see_endpoints_keeps_what_would_end_them(
        account: Account, script: Script, monkeypatch: pytest.MonkeyPatch) -> None:
    zoo.schedule(account, PROJECT, "2099-11-20T12:15:00")
    zoo.stacks(account)
    _refuse(monkeypatch, SageMakerResponse, "list_endpoints")
    assert script("teardown", "--yes").status == 1
    assert {item.kind for item in take(account).items} == {
        "schedule", "schedule group", "roles stack"}


def test_whoever_is_no_administrator_is_told_what_to_do_about_the_roles(
        account: Account, script: Script, monkeypatch: pytest.MonkeyPatch) -> None:
    zoo.stacks(account)
    _refuse(monkeypatch, CloudFormationResponse, "delete_stack", error=AccessDeniedError(
        "arn:aws:iam::123456789012:user/me", "cloudformation:DeleteStack"))
    done = script("teardown", "--yes", "--keep", "page")
    assert done.status == 1
    assert "Only an administrator may remove roles" in done.err and "--keep roles" in done.err


def test_a_log_that_could_not_be_deleted_is_known_the_next_time(
        account: Account, script: Script, monkeypatch: pytest.MonkeyPatch) -> None:
    zoo.endpoint(account, PROJECT)
    zoo.training_job(account, f"{PROJECT}-1")
    with monkeypatch.context() as patched:
        _refuse(patched, LogsResponse, "delete_log_group", "delete_log_stream")
        assert script("teardown", "--yes").status == 1
    assert script("teardown", "--yes").status == 0
    assert zoo.census(REGION)["logStreams"] == []


def test_what_may_not_be_looked_at_is_no_proof(
        account: Account, script: Script, monkeypatch: pytest.MonkeyPatch) -> None:
    zoo.bucket(account)
    _refuse(monkeypatch, ECRResponse, "describe_repositories")
    done = script("teardown", "--yes")
    assert done.status == 1 and "not seen: images: not permitted. DescribeRepo" in done.err
    assert account.client("s3").list_buckets()["Buckets"] == []


def test_the_index_of_tags_may_be_late_and_is_no_reason_to_worry(
        account: Account, script: Script, monkeypatch: pytest.MonkeyPatch) -> None:
    zoo.endpoint(account, PROJECT)
    zoo.stacks(account)
    # Not the endpoint config, whose ARN is not one in moto.
    known = [entry for entry in index.entries(account) if entry.arn.startswith("arn:")]
    monkeypatch.setattr(index, "entries", lambda account: known)
    done = script("teardown", "--yes")
    assert done.status == 0
    assert "that are gone; it is some minutes late" in done.out and "left alone" not in done.out


def test_something_else_with_our_tag_is_named_and_left_alone(
        account: Account, script: Script) -> None:
    secrets = account.client("secretsmanager")
    arn = secrets.create_secret(Name="mine", SecretString="x", Tags=account.tags)["ARN"]
    done = script("teardown", "--yes")
    assert done.status == 0 and f"left alone: {arn}" in done.out
    assert secrets.describe_secret(SecretId=arn)["Name"] == "mine"


def test_twice_does_no_harm(account: Account, script: Script) -> None:
    zoo.endpoint(account, PROJECT)
    script("teardown", "--yes")
    done = script("teardown", "--yes")
    assert (done.status, _removed(done)) == (0, [])
    assert f"nothing of ours in {REGION}" in done.out


def test_a_dry_run_shows_every_request_in_order_and_sends_none(
        account: Account, script: Script) -> None:
    zoo.build(account)
    before = zoo.census(REGION)
    done = script("teardown", "--dry-run")
    assert done.status == 0 and zoo.census(REGION) == before
    assert done.sent == [
        "application-autoscaling DeleteScalingPolicy",
        "application-autoscaling DeregisterScalableTarget", "sagemaker DeleteEndpoint",
        "sagemaker DeleteModel", "scheduler DeleteSchedule", "scheduler DeleteScheduleGroup",
        "cloudwatch DeleteAlarms", "cloudwatch DeleteAlarms", "cloudwatch DeleteDashboards",
        "sns DeleteTopic", "s3 DeleteObjects", "cloudformation DeleteStack", "logs DeleteLogGroup",
        *["logs DeleteLogStream"] * 3, "ecr DeleteRepository", "s3 DeleteObjects",
        "s3 AbortMultipartUpload", "s3 DeleteBucket", "sagemaker DeleteEndpointConfig",
        "sagemaker DeleteHyperParameterTuningJob", "sagemaker DeleteTrainingJob",
        "sagemaker DeleteProcessingJob", "cloudformation DeleteStack"]


def test_without_an_account_there_is_nothing_to_remove(no_account: None, script: Script) -> None:
    done = script("teardown", "--dry-run")
    assert (done.status, done.sent) == (0, [])
    assert "nothing of ours in" in done.out
