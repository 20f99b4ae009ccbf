"""A bucket that is fit to hold data."""

from __future__ import annotations

import json

from accounts import BUCKET
from cloud.account import Account
from cloud.storage import ensure_bucket


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
