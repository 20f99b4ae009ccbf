"""A dry run sends nothing that changes anything, and fails where the real run would."""

from __future__ import annotations

import io
from pathlib import Path

from cloud.account import Account
from cloud.dryrun import ACCOUNT
from cloud.storage import ensure_bucket

import boto3
import pytest
from botocore.exceptions import ParamValidationError

from accounts import ACCOUNT as ACCOUNT_ID
from accounts import BUCKET, PROJECT


def test_a_write_is_shown_and_not_sent(
        account: Account, bucket: str, capsys: pytest.CaptureFixture[str]) -> None:
    dry = Account(PROJECT, dry_run=True)
    dry.client("s3").put_object(Bucket=bucket, Key="k", Body=b"secret")
    shown = capsys.readouterr().out
    assert shown == f'would send s3 PutObject\n{{\n  "Bucket": "{bucket}",\n  "Key": "k"\n}}\n'
    assert "Contents" not in account.client("s3").list_objects_v2(Bucket=bucket)


def test_reads_are_asked_of_the_account(bucket: str) -> None:
    dry = Account(PROJECT, dry_run=True)
    assert dry.bucket == BUCKET
    assert [entry["Name"] for entry in dry.client("s3").list_buckets()["Buckets"]] == [bucket]


def test_whoever_takes_a_role_signs_in_all_the_same(
        aws: str, bucket: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path,
        capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "config").write_text(f"""[profile base]
aws_access_key_id = none
aws_secret_access_key = none
[profile lab]
source_profile = base
role_arn = arn:aws:iam::{ACCOUNT_ID}:role/lab
""")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_PROFILE", "lab")
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    assert Account(PROJECT, dry_run=True).bucket == bucket
    assert capsys.readouterr().out == ""


def test_without_credentials_an_empty_account_answers(no_account: None) -> None:
    dry = Account(PROJECT, dry_run=True)
    assert dry.id == ACCOUNT
    assert dry.client("sagemaker").list_endpoints().get("Endpoints", []) == []
    assert dry.stack_outputs("roles") == {}


def test_a_write_is_answered_with_names_in_brackets(no_account: None) -> None:
    answer = Account(PROJECT, dry_run=True).client("sagemaker").create_model(ModelName="m")
    assert answer["ModelArn"] == "<ModelArn>"


def test_a_wrong_request_fails_as_in_earnest(no_account: None) -> None:
    with pytest.raises(ParamValidationError, match="ModelNam"):
        Account(PROJECT, dry_run=True).client("sagemaker").create_model(ModelNam="m")


def test_a_file_that_is_uploaded_in_parts_is_not_sent(no_account: None) -> None:
    dry = Account(PROJECT, dry_run=True)
    dry.client("s3").upload_fileobj(
        io.BytesIO(bytes(9_000_000)), dry.bucket, "k",
        Config=boto3.s3.transfer.TransferConfig(multipart_threshold=1, use_threads=True))
    assert dry.dry_run is not None
    assert dry.dry_run.requests[0][:2] == ("s3", "CreateMultipartUpload")


def test_what_was_not_done_is_not_said(
        no_account: None, capsys: pytest.CaptureFixture[str]) -> None:
    ensure_bucket(Account(PROJECT, dry_run=True))
    shown = capsys.readouterr().out
    assert "would send s3 CreateBucket" in shown and "made the bucket" not in shown
