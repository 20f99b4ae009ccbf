"""Names, and what belongs to the project."""

from __future__ import annotations

from cloud.account import Account
from cloud.errors import ScriptError

import pytest
from botocore.exceptions import NoCredentialsError, NoRegionError

from accounts import ACCOUNT, BUCKET, PROJECT, REGION


def test_the_bucket_is_named_after_project_account_and_region(account: Account) -> None:
    assert account.bucket == BUCKET
    assert Account(PROJECT, bucket="mine").s3_uri("data/x") == "s3://mine/data/x"


@pytest.mark.parametrize("name", ["", "Sentiment", "1st", "a--b", "a_b", "-a", "a" * 29,
                                  "a-" * 15 + "a"])
def test_a_name_that_cannot_begin_others_is_refused(aws: str, name: str) -> None:
    with pytest.raises(ScriptError, match="2 to 28"):
        Account(name)


@pytest.mark.parametrize(("region", "partition", "registry"), [
    ("eu-central-1", "aws", f"{ACCOUNT}.dkr.ecr.eu-central-1.amazonaws.com"),
    ("cn-north-1", "aws-cn", f"{ACCOUNT}.dkr.ecr.cn-north-1.amazonaws.com.cn"),
])
def test_other_partitions_have_other_names(
        aws: str, region: str, partition: str, registry: str) -> None:
    account = Account(PROJECT, region)
    assert (account.partition, account.registry) == (partition, registry)
    assert account.arn("sagemaker", "endpoint/e") == (
        f"arn:{partition}:sagemaker:{region}:{ACCOUNT}:endpoint/e")


@pytest.mark.parametrize(("tags", "owned"), [
    ([{"Key": "project", "Value": PROJECT}], True),
    ([{"Key": "other", "Value": "x"}, {"Key": "project", "Value": PROJECT}], True),
    ([{"Key": "project", "Value": f"{PROJECT}-2"}], False), ([], False)])
def test_ours_is_what_has_our_tag(
        account: Account, tags: list[dict[str, str]], owned: bool) -> None:
    assert account.owns(tags) is owned


def test_outputs_of_a_stack_that_is_not_there_are_none(account: Account) -> None:
    assert account.stack_outputs("none") == {}
    assert account.region == REGION


def test_nobody_signed_in_is_said_when_the_account_is_asked_for(no_account: None) -> None:
    with pytest.raises(NoCredentialsError):
        _ = Account(PROJECT).id


def test_no_region_is_said_at_once(no_account: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_DEFAULT_REGION")
    with pytest.raises(NoRegionError):
        Account(PROJECT)
    assert Account(PROJECT, dry_run=True).region == "us-east-1"


@pytest.mark.parametrize(("project", "bucket", "words"), [
    (PROJECT, None, f"--region {REGION}"),
    ("mine", "own", f"--region {REGION} --project mine --bucket own")])
def test_the_place_leads_another_script_to_it(
        aws: str, project: str, bucket: str | None, words: str) -> None:
    assert Account(project, bucket=bucket).place == words
