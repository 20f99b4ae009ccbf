"""Models of a multi-model endpoint are added, listed and removed, each under a name for ever."""

from __future__ import annotations

import re
from pathlib import Path

from cloud.account import Account

import pytest

import zoo
from accounts import BUCKET, PROJECT, REGION, Script

PREFIX = f"models/{PROJECT}/"


@pytest.fixture
def job(account: Account, bucket: str) -> str:
    """A training job with a model."""
    name = f"{PROJECT}-{zoo.STAMP}"
    zoo.training_job(account, name, OutputDataConfig={"S3OutputPath": f"s3://{BUCKET}/training"})
    _put(account, f"training/{name}/output/model.tar.gz", b"one")
    return name


@pytest.fixture
def file(tmp_path: Path) -> Path:
    (tmp_path / "mine.tar.gz").write_bytes(b"two")
    return tmp_path / "mine.tar.gz"


def _put(account: Account, key: str, body: bytes) -> None:
    account.client("s3").put_object(Bucket=BUCKET, Key=key, Body=body)


def _there(account: Account) -> dict[str, bytes]:
    """Content of the archives by name."""
    s3 = account.client("s3")
    listed = s3.list_objects_v2(Bucket=BUCKET, Prefix=PREFIX).get("Contents", [])
    return {entry["Key"].removeprefix(PREFIX): s3.get_object(
        Bucket=BUCKET, Key=entry["Key"])["Body"].read() for entry in listed}


@pytest.mark.parametrize("words", [[], ["JOB"], [f"s3://{BUCKET}/training/JOB/output/model.tar.gz"]])
def test_a_jobs_model_is_copied_under_the_jobs_name(
        account: Account, job: str, script: Script, words: list[str]) -> None:
    done = script("host_models", "--add", *(word.replace("JOB", job) for word in words))
    assert (done.status, done.err) == (0, "")
    assert _there(account) == {f"{job}.tar.gz": b"one"}
    assert f"\nmade    s3://{BUCKET}/{PREFIX}{job}.tar.gz\n" in done.out


@pytest.mark.parametrize(("words", "name"), [
    ([], "mine.tar.gz"), (["--as", "spring"], "spring.tar.gz"),
    (["--as", "team/spring.tar.gz"], "team/spring.tar.gz")])
def test_a_file_is_uploaded_under_its_name_or_another(
        account: Account, bucket: str, file: Path, script: Script, words: list[str],
        name: str) -> None:
    done = script("host_models", "--add", file, *words)
    assert (done.status, _there(account)) == (0, {name: b"two"})
    assert f"evaluate_endpoint.py --endpoint {PROJECT} --target-model {name}\n" in done.out


def test_each_endpoint_has_models_of_its_own(account: Account, bucket: str, file: Path,
                                             script: Script) -> None:
    script("host_models", "--add", file, "--endpoint", f"{PROJECT}-b")
    assert _there(account) == {}
    assert "mine.tar.gz" in script("host_models", "--endpoint", f"{PROJECT}-b").out
    assert f"{PROJECT} has no models" in script("host_models").out


def test_the_same_again_changes_nothing(account: Account, job: str, file: Path,
                                        script: Script) -> None:
    script("host_models", "--add", job, file)
    before = script("host_models").out
    done = script("host_models", "--add", job, file)
    assert done.status == 0 and done.out.count(" is there already\n") == 2
    assert script("host_models").out == before


def test_a_name_never_means_another_model(account: Account, job: str, file: Path,
                                          script: Script) -> None:
    script("host_models", "--add", job, "--as", "best")
    for other in (file, f"s3://{BUCKET}/{PREFIX}best.tar.gz"):
        if other is not file:
            _put(account, f"{PREFIX}best.tar.gz", b"not by us")
        done = script("host_models", "--add", other, "--as", "best")
        assert done.status == 1 and "best.tar.gz is another model already" in done.err
    assert _there(account) == {"best.tar.gz": b"not by us"}


def test_models_are_listed_with_size_and_time(account: Account, bucket: str,
                                              script: Script) -> None:
    _put(account, f"{PREFIX}a.tar.gz", b"x" * 2_340_000)
    done = script("host_models")
    assert re.search(r"^model +MB  since\na\.tar\.gz  2\.3  20\d\d-\d\d-\d\d \d\d:\d\d$", done.out,
                     re.MULTILINE)
    assert "\ncosts   less than 0.01 USD a month for all models of" in done.out


def test_one_is_removed_and_the_others_stay(account: Account, job: str, file: Path,
                                            script: Script) -> None:
    script("host_models", "--add", job, file)
    done = script("host_models", "--remove", "mine")
    assert done.status == 0 and "removed mine.tar.gz; an endpoint that has loaded it" in done.out
    assert list(_there(account)) == [f"{job}.tar.gz"]


@pytest.mark.parametrize(("words", "said"), [
    (["--remove", "mine"], f"{PROJECT} has no model mine.tar.gz"),
    (["--add", "none.tar.gz"], "there is no none.tar.gz"),
    (["--add", "never-was"], "the training job never-was has no model"),
    (["--add", f"s3://{BUCKET}/none.tar.gz"], f"there is no s3://{BUCKET}/none.tar.gz"),
    (["--add"], "no training job has completed; run `python scripts/train_model.py`"),
    (["--add", "a", "b", "--as", "c"], "--as c: name one model to --add with it"),
    (["--as", "c"], "name one model to --add"),
    (["--endpoint", "other"], f"--endpoint other: begin it with {PROJECT}"),
])
def test_what_is_missing_is_said_with_what_to_do(account: Account, bucket: str, script: Script,
                                                 words: list[str], said: str) -> None:
    done = script("host_models", *words)
    assert done.status == 1 and said in done.err
    assert _there(account) == {}


@pytest.mark.parametrize("name", ["../b", "/b", "a//b", "a/../b", "a b", "a\nb", ".tar.gz", "-a",
                                  "é", "a/", "a" * 513])
def test_a_name_that_could_mean_something_else_is_refused(
        account: Account, bucket: str, file: Path, script: Script, name: str) -> None:
    done = script("host_models", "--add", file, f"--as={name}")
    assert done.status == 1 and "is no name for a model" in done.err
    assert _there(account) == {}


@pytest.mark.parametrize(("words", "sent"), [
    (["--add"], "s3 CopyObject"), (["--add", "FILE"], "s3 PutObject"),
    (["--remove", "a"], "s3 DeleteObject")])
def test_a_dry_run_without_an_account_shows_the_request(
        no_account: None, script: Script, file: Path, words: list[str], sent: str) -> None:
    done = script("host_models", "--dry-run", *(file if word == "FILE" else word
                                                for word in words))
    assert (done.status, done.err) == (0, "")
    assert done.sent[-1] == sent


def test_the_bucket_is_made_where_there_is_none(account: Account, file: Path,
                                                script: Script) -> None:
    done = script("host_models", "--add", file, "--dry-run")
    assert done.sent == [f"s3 {what}" for what in (
        "CreateBucket", "PutBucketTagging", "PutPublicAccessBlock", "PutBucketPolicy",
        "PutObject")]
    assert f"--region {REGION} --endpoint {PROJECT} --remove mine.tar.gz\n" in done.out
