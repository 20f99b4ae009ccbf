"""A processing job over the real `process`: what it is given, what it leaves, what is said."""

from __future__ import annotations

import io
import json
import signal
import sys
import tarfile
from pathlib import Path
from typing import Any

from cloud import ROOT, journey
from cloud.account import Account

import pytest
from moto.core.exceptions import JsonRESTError
from moto.sagemaker.models import SageMakerModelBackend

import corpus
from accounts import ACCOUNT, BUCKET, PROJECT, Script
from executables import running
from plug import ALGORITHM
from processing_platform import Platform, run_jobs, say
from rating import accuracy

ROLE = f"arn:aws:iam::{ACCOUNT}:role/{PROJECT}-processing"
GIVEN = ("--image", "image:cpu", "--role", ROLE)
MODEL = f"s3://{BUCKET}/training/{PROJECT}-1/output/model.tar.gz"
JOB = f"{PROJECT}-now"
PLACE = f"s3://{BUCKET}/processing/{JOB}/"


@pytest.fixture
def platform(bucket: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Platform:
    """Runs jobs, all of which have the same name."""
    monkeypatch.setattr(journey, "stamp", lambda: "now")
    platform = Platform(tmp_path / "instances")
    run_jobs(monkeypatch, platform)
    return platform


@pytest.fixture
def reviews(account: Account, bucket: str) -> str:
    """The prefix of forty labelled reviews in three files, with a fourth file beside it."""
    for part in range(3):
        _put(account, f"data/mine/part-{part}.jsonl", _lines(part, 3))
    _put(account, "data/mine-not/other.jsonl", _lines(0, 1))
    return f"s3://{BUCKET}/data/mine"


@pytest.fixture
def model(account: Account, bucket: str, small_model: Path) -> None:
    """The archive that a training job has left."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as tar:
        tar.add(small_model, ".")
    _put(account, MODEL.removeprefix(f"s3://{BUCKET}/"), packed.getvalue())


def _lines(part: int, parts: int) -> bytes:
    return b"".join(json.dumps({"label": label, "text": text}).encode() + b"\n"
                    for label, text in list(corpus.reviews(40, 5))[part::parts])


def _put(account: Account, key: str, body: bytes) -> None:
    account.client("s3").put_object(Bucket=BUCKET, Key=key, Body=body)


def _left(account: Account, job: str = JOB) -> set[str]:
    listed = account.client("s3").list_objects_v2(Bucket=BUCKET, Prefix=f"processing/{job}/")
    return {entry["Key"].removeprefix(f"processing/{job}/") for entry in listed["Contents"]}


def _figures(account: Account, job: str = JOB) -> dict[str, Any]:
    body = account.client("s3").get_object(
        Bucket=BUCKET, Key=f"processing/{job}/evaluation/evaluation.json")["Body"]
    found: dict[str, Any] = json.load(body)
    return found


def test_splits_of_the_reviews_are_left_and_how_to_train_on_them_is_told(
        platform: Platform, account: Account, reviews: str, script: Script) -> None:
    done = script("process_reviews", "prepare", "--reviews", reviews, *GIVEN, "--options",
                  "validation_fraction=0.2", "test_fraction=0.1")
    assert (done.status, done.err) == (0, "")
    assert "the container says: prepared 28 train, 8 validation, 4 test\n" in done.out
    assert {name.partition("/")[0] for name in _left(account)} == {"train", "validation", "test"}
    assert f"--train {PLACE}train --validation {PLACE}validation\n" in done.out
    assert f"\nmade    {PLACE}\n" in done.out


def test_the_figures_are_those_of_the_model(
        platform: Platform, account: Account, reviews: str, model: None, small_model: Path,
        script: Script) -> None:
    done = script("process_reviews", "evaluate", "--reviews", reviews, "--model", MODEL, *GIVEN)
    assert (done.status, done.err) == (0, "")
    right = accuracy(ALGORITHM.load(small_model), list(corpus.reviews(40, 5)))
    assert f"\naccuracy      {right:.3f}   (95% between " in done.out
    assert _figures(account)["binary_classification_metrics"]["accuracy"]["value"] == right


def test_the_figures_of_several_instances_are_put_together(
        platform: Platform, account: Account, reviews: str, model: None, script: Script,
        monkeypatch: pytest.MonkeyPatch) -> None:
    script("process_reviews", "evaluate", "--reviews", reviews, "--model", MODEL, *GIVEN)
    monkeypatch.setattr(journey, "stamp", lambda: "then")
    job = f"{PROJECT}-then"
    done = script("process_reviews", "evaluate", "--reviews", reviews, "--model", MODEL, *GIVEN,
                  "--count", 2, "--sharded")
    assert done.status == 0 and "\none of the containers says: accuracy " in done.out
    assert {f"evaluation/evaluation-algo-{host}.json" for host in (1, 2)} <= _left(account, job)
    alone, together = _figures(account), _figures(account, job)
    assert (together["binary_classification_metrics"]["confusion_matrix"]
            == alone["binary_classification_metrics"]["confusion_matrix"])
    assert together["probabilities"] == pytest.approx(alone["probabilities"])


def test_the_job_is_asked_for_as_the_container_reads_it(
        platform: Platform, account: Account, reviews: str, model: None, script: Script) -> None:
    platform.status = "Completed"
    script("process_reviews", "evaluate", "--reviews", reviews, "--model", MODEL, *GIVEN,
           "--count", 3, "--sharded", "--options", "max_bad_rows=5", "--environment", "A=b")
    [request] = platform.requests
    assert request["AppSpecification"] == {
        "ImageUri": "image:cpu",
        "ContainerArguments": ["process", "evaluate", "--max-bad-rows", "5"]}
    assert [(each["InputName"], each["S3Input"]["S3Uri"], each["S3Input"]["S3DataDistributionType"])
            for each in request["ProcessingInputs"]] == [
        ("test", f"{reviews}/", "ShardedByS3Key"), ("model", MODEL, "FullyReplicated")]
    assert request["ProcessingResources"]["ClusterConfig"] == {
        "InstanceType": "ml.m5.xlarge", "InstanceCount": 3, "VolumeSizeInGB": 30}
    assert (request["Environment"], request["RoleArn"]) == ({"A": "b"}, ROLE)


def test_the_tag_is_on_the_job(platform: Platform, account: Account, reviews: str,
                               script: Script) -> None:
    platform.status = "Completed"
    script("process_reviews", "prepare", "--reviews", reviews, *GIVEN)
    arn = account.arn("sagemaker", f"processing-job/{JOB}")
    assert account.client("sagemaker").list_tags(ResourceArn=arn)["Tags"] == account.tags


def test_results_come_into_a_new_folder(platform: Platform, reviews: str, script: Script,
                                        tmp_path: Path) -> None:
    done = script("process_reviews", "prepare", "--reviews", reviews, *GIVEN,
                  "--download", tmp_path / "splits")
    files = sorted(path for path in (tmp_path / "splits").rglob("*") if path.is_file())
    assert {path.parent.name for path in files} == {"train", "validation", "test"}
    assert sum(len(path.read_bytes().splitlines()) for path in files) == 40
    assert f"{'':8}{tmp_path / 'splits'}/\n" in done.out


def test_a_folder_with_something_in_it_is_left_alone(
        platform: Platform, reviews: str, script: Script, tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "notes").touch()
    done = script("process_reviews", "prepare", "--reviews", reviews, *GIVEN,
                  "--download", tmp_path / "mine")
    assert done.status == 1 and "has something in it; name another folder" in done.err
    assert [path.name for path in (tmp_path / "mine").iterdir()] == ["notes"]


def test_the_log_is_shown_and_no_other(platform: Platform, reviews: str, script: Script) -> None:
    say("other", "algo-1", "not ours")
    done = script("process_reviews", "prepare", "--reviews", reviews, *GIVEN)
    assert "prepare on host algo-1, 1 of 1; options" in done.out and "not ours" not in done.out
    assert f"processing job {JOB}: Completed\n" in done.out


def test_a_failed_job_tells_what_its_container_said(
        platform: Platform, account: Account, bucket: str, script: Script) -> None:
    _put(account, "data/mine/r.jsonl", b'{"label": "good", "text": "Fine"}\n')
    done = script("process_reviews", "prepare", "--reviews", f"s3://{BUCKET}/data/mine", *GIVEN)
    assert done.status == 1 and "Traceback" not in done.err
    assert f"{JOB} ended as Failed: UserError: reviews/r.jsonl line 1: label is 'good'" in done.err
    assert f"in the streams {JOB}/..." in done.err


def test_an_interrupt_stops_the_job(platform: Platform, account: Account, reviews: str,
                                    tmp_path: Path) -> None:
    platform.status = "InProgress"
    with running(sys.executable, ROOT / "scripts" / "process_reviews.py", "prepare", "--reviews",
                 reviews, *GIVEN, output=tmp_path / "log") as program:
        program.wait_for("InProgress")
        program.send(signal.SIGINT)
        assert program.wait() == 130
    [job] = account.client("sagemaker").list_processing_jobs()["ProcessingJobSummaries"]
    assert job["ProcessingJobStatus"] == "Stopped"
    assert f"asked AWS to stop {job['ProcessingJobName']}" in program.log
    assert "Traceback" not in program.log


def test_a_job_of_before_is_read_again_without_another(
        platform: Platform, reviews: str, script: Script) -> None:
    first = script("process_reviews", "prepare", "--reviews", reviews, *GIVEN)
    again = script("process_reviews", "prepare", "--job", JOB)
    assert (again.status, len(platform.requests)) == (0, 1)
    assert again.out == first.out


def test_without_a_model_named_the_newest_is_put_to_the_test(
        platform: Platform, account: Account, reviews: str, script: Script) -> None:
    platform.status = "Completed"
    done = script("process_reviews", "evaluate", "--reviews", reviews, *GIVEN)
    assert done.status == 1 and "no training job has completed; run `python scripts" in done.err
    assert platform.requests == []


def test_a_dry_run_without_an_account_shows_the_request(no_account: None, script: Script) -> None:
    done = script("process_reviews", "evaluate", "--dry-run", "--kms-key", "arn:aws:kms:k",
                  "--subnets", "subnet-1", "--security-groups", "sg-1")
    assert (done.status, done.sent) == (0, ["sagemaker CreateProcessingJob"])
    request = json.loads(done.out.partition("CreateProcessingJob\n")[2].partition("\n}\n")[0] + "}")
    assert request["NetworkConfig"] == {"EnableNetworkIsolation": True, "VpcConfig": {
        "Subnets": ["subnet-1"], "SecurityGroupIds": ["sg-1"]}}
    assert request["ProcessingOutputConfig"]["KmsKeyId"] == "arn:aws:kms:k"
    assert "costs   about 0.23 USD an hour (ml.m5.xlarge, list price in us-east-1)" in done.out


@pytest.mark.parametrize(("words", "said"), [
    (["prepare", "--options", "fraction=0.2"], "unknown option 'fraction'"),
    (["prepare", "--options", "test_fraction=0.9"], "expected a number in [0, 0.5]"),
    (["prepare", "--options", "seed"], "'seed' is not of the form NAME=VALUE"),
    (["prepare", "--model", MODEL], "prepare needs none"),
    (["prepare", "--reviews", "data/raw"], "--reviews data/raw: write s3://"),
    (["evaluate", "--sharded"], "say how many with --count"),
    (["evaluate", "--count", "0"], "--count has to be 1 or more"),
    (["evaluate", "--max-minutes", "0"], "--max-minutes has to be 1 or more"),
    (["evaluate", "--subnets", "subnet-1"], "needs both --subnets and --security-groups"),
])
def test_what_cannot_be_done_is_refused_before_it_costs(
        no_account: None, script: Script, words: list[str], said: str) -> None:
    done = script("process_reviews", *words, "--dry-run")
    assert (done.status, done.sent) == (1, [])
    assert said in done.err


def test_reviews_that_are_not_there_are_missed_before_it_costs(
        platform: Platform, script: Script) -> None:
    done = script("process_reviews", "prepare", *GIVEN)
    assert done.status == 1 and platform.requests == []
    assert f"there is nothing in s3://{BUCKET}/data/raw/; `python scripts/upload_data" in done.err


def test_a_job_that_is_refused_is_explained(bucket: str, reviews: str, script: Script,
                                            monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(self: SageMakerModelBackend, **_: Any) -> None:
        raise JsonRESTError("ResourceLimitExceeded", "ml.m5.xlarge for processing job usage is 0")

    monkeypatch.setattr(SageMakerModelBackend, "create_processing_job", refuse)
    done = script("process_reviews", "prepare", "--reviews", reviews, *GIVEN)
    assert done.status == 1 and "a quota of the account is used up" in done.err
