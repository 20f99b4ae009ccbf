"""What is there is not sent again, and nothing lies open."""

from __future__ import annotations

from pathlib import Path

from cloud.account import Account

import pytest

from accounts import BUCKET, Script


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "raw"
    (folder / "train").mkdir(parents=True)
    (folder / "train" / "reviews.csv").write_text("1,Superb\n0,Dull\n")
    (folder / "test.csv").write_text("1,Warm\n")
    (folder / ".cache").write_text("not data")
    return folder


def _keys(account: Account) -> list[str]:
    answer = account.client("s3").list_objects_v2(Bucket=BUCKET)
    return [entry["Key"] for entry in answer.get("Contents", [])]


def test_a_folder_arrives_whole_without_hidden_files(
        account: Account, bucket: str, script: Script, folder: Path) -> None:
    done = script("upload_data", folder, "--prefix", "data/raw")
    assert (done.status, done.err) == (0, "")
    assert _keys(account) == ["data/raw/test.csv", "data/raw/train/reviews.csv"]
    assert f"made    s3://{BUCKET}/data/raw/\n" in done.out


def test_only_what_has_changed_is_sent_again(
        account: Account, bucket: str, script: Script, folder: Path) -> None:
    script("upload_data", folder)
    (folder / "test.csv").write_text("0,Cold\n")
    done = script("upload_data", folder)
    assert "uploaded data/raw/test.csv" in done.out
    assert "1 uploaded, 1 there already" in done.out


@pytest.mark.parametrize("prefix", ["", "/"])
def test_the_top_of_the_bucket_is_a_place_too(
        account: Account, bucket: str, script: Script, folder: Path, prefix: str) -> None:
    done = script("upload_data", folder, "--prefix", prefix)
    assert _keys(account) == ["test.csv", "train/reviews.csv"]
    assert f"made    s3://{BUCKET}/\n" in done.out


def test_what_is_there_under_another_key_is_encrypted_anew(
        account: Account, bucket: str, script: Script, folder: Path) -> None:
    key = "arn:aws:kms:eu-central-1:123456789012:key/k"
    script("upload_data", folder)
    assert "2 uploaded, 0 there already" in script("upload_data", folder, "--kms-key", key).out
    assert "0 uploaded, 2 there already" in script("upload_data", folder, "--kms-key", key).out
    head = account.client("s3").head_object(Bucket=BUCKET, Key="data/raw/test.csv")
    assert head["SSEKMSKeyId"] == key


@pytest.mark.parametrize(("options", "encryption"), [
    ([], "AES256"), (["--kms-key", "arn:aws:kms:eu-central-1:123456789012:key/k"], "aws:kms")])
def test_objects_are_encrypted(account: Account, bucket: str, script: Script, folder: Path,
                               options: list[str], encryption: str) -> None:
    script("upload_data", folder, *options)
    head = account.client("s3").head_object(Bucket=BUCKET, Key="data/raw/test.csv")
    assert head["ServerSideEncryption"] == encryption


def test_a_dry_run_without_an_account_shows_every_request(
        no_account: None, script: Script, folder: Path) -> None:
    done = script("upload_data", folder, "--dry-run")
    assert done.status == 0
    assert done.sent[0] == "s3 CreateBucket" and done.sent.count("s3 PutObject") == 2


def test_an_empty_folder_is_refused_with_what_to_do(
        aws: str, script: Script, tmp_path: Path) -> None:
    done = script("upload_data", tmp_path / "nothing")
    assert done.status == 1
    assert "nothing to upload" in done.err and "prepare_data.py" in done.err
