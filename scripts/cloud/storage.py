"""The bucket that everything is kept in, and what lies there."""

from __future__ import annotations

import json
from datetime import datetime
from typing import NamedTuple

from cloud.account import Account
from cloud.errors import ScriptError, found, is_denied

from botocore.exceptions import ClientError


class Stored(NamedTuple):
    """An object in S3."""

    uri: str
    size: int
    """In bytes."""
    since: datetime


def split(uri: str) -> tuple[str, str]:
    """Bucket and key of `s3://BUCKET/KEY`."""
    bucket, _, key = uri.removeprefix("s3://").partition("/")
    return bucket, key


def objects(account: Account, uri: str) -> list[Stored]:
    """All objects whose URI begins like `uri` and that hold anything, in order."""
    bucket, prefix = split(uri)
    pages = account.client("s3").get_paginator("list_objects_v2").paginate(Bucket=bucket,
                                                                         Prefix=prefix)
    return [Stored(f"s3://{bucket}/{entry['Key']}", entry["Size"], entry["LastModified"])
            for page in pages for entry in page.get("Contents", []) if entry["Size"]]


def checked(account: Account, uri: str, what: str) -> str:
    """The URI of one object, or of a prefix with a slash at its end.

    Without that slash, the services would take what lies in `test2` for a part of `test`.

    Raises:
        ScriptError: there is nothing below it; the message ends with `what` to do about it.
    """
    bucket, key = split(uri)
    s3 = account.client("s3")
    is_object = key and found(lambda: s3.head_object(Bucket=bucket, Key=key))
    uri = uri if is_object or uri.endswith("/") else f"{uri}/"
    if not account.dry_run and not objects(account, uri):
        raise ScriptError(f"there is nothing in {uri}; {what}")
    return uri


def ensure_bucket(account: Account) -> None:
    """Make the bucket unless it is there: private, encrypted, TLS only, with the project's tag.

    One that is there is left as it is: it may be somebody's own, with rules of its own.

    Raises:
        ScriptError: the bucket belongs to another account, or may not be looked at.
    """
    s3, name = account.client("s3"), account.bucket
    # With the owner named, S3 refuses a bucket that somebody else has under this name.
    owner = {"Bucket": name, "ExpectedBucketOwner": account.id}
    try:
        if found(lambda: s3.head_bucket(**owner)) is not None:
            return
    except ClientError as error:  # S3 does not say which of the two it is
        if is_denied(error):
            raise ScriptError(f"the bucket {name} is somebody else's, or you are not permitted to "
                              "see it; choose another with --bucket, or see that you have "
                              "s3:ListBucket") from error
        raise
    place = {} if account.region == "us-east-1" else {
        "CreateBucketConfiguration": {"LocationConstraint": account.region}}
    s3.create_bucket(Bucket=name, **place)
    try:
        s3.put_bucket_tagging(**owner, Tagging={"TagSet": account.tags})
        s3.put_public_access_block(**owner, PublicAccessBlockConfiguration=dict.fromkeys(
            ("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets"),
            True))
        s3.put_bucket_policy(**owner, Policy=json.dumps(_tls_only(account)))
    except ClientError:
        s3.delete_bucket(**owner)  # half made, the next run would take it for somebody's own
        raise
    account.did(f"made the bucket {name}")


def _tls_only(account: Account) -> dict[str, object]:
    arn = f"arn:{account.partition}:s3:::{account.bucket}"
    return {"Version": "2012-10-17", "Statement": [{
        "Sid": "TlsOnly", "Effect": "Deny", "Principal": "*", "Action": "s3:*",
        "Resource": [arn, f"{arn}/*"], "Condition": {"Bool": {"aws:SecureTransport": "false"}}}]}
