"""A bucket that is fit to hold data."""

from __future__ import annotations

import json

from cloud.account import Account
from cloud.errors import ScriptError
from cloud.storage import ensure_bucket

import pytest
from botocore.awsrequest import AWSResponse
from botocore.exceptions import ClientError

from accounts import BUCKET


def test_a_new_bucket_is_private_tagged_and_takes_only_tls(account: Account) -> None:
    ensure_bucket(account)
    s3 = account.client("s3")
    block = s3.get_public_access_block(Bucket=BUCKET)["PublicAccessBlockConfiguration"]
    assert all(block.values()) and len(block) == 4
    assert s3.get_bucket_tagging(Bucket=BUCKET)["TagSet"] == account.tags
    statement, = json.loads(s3.get_bucket_policy(Bucket=BUCKET)["Policy"])["Statement"]
    assert statement["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}


def test_a_bucket_that_is_there_is_left_as_it_is(account: Account, bucket: str) -> None:
    account.client("s3").put_bucket_policy(Bucket=bucket, Policy='{"Statement": []}')
    ensure_bucket(account)
    assert account.client("s3").get_bucket_policy(Bucket=bucket)["Policy"] == '{"Statement": []}'


def test_somebody_elses_bucket_is_named_and_not_used(
        account: Account, bucket: str) -> None:
    # moto has one account for everybody, and knows no expected owner: here, S3's own answer.
    s3 = account.client("s3")
    s3.meta.events.register("before-call.s3.HeadBucket", lambda **_: (
        AWSResponse("", 403, {}, None), {"Error": {"Code": "403", "Message": "Forbidden"}}))
    with pytest.raises(ScriptError, match=rf"the bucket {bucket} is somebody else's, or you are "):
        ensure_bucket(account)


@pytest.mark.parametrize("refused", ["PutBucketTagging", "PutBucketPolicy"])
def test_a_bucket_that_cannot_be_finished_is_not_left_behind(
        account: Account, refused: str) -> None:
    s3 = account.client("s3")
    s3.meta.events.register(f"before-call.s3.{refused}", lambda **_: (
        AWSResponse("", 403, {}, None), {"Error": {"Code": "AccessDenied", "Message": "no"}}))
    with pytest.raises(ClientError, match=refused):
        ensure_bucket(account)
    assert s3.list_buckets()["Buckets"] == []
