"""The bucket that everything is kept in."""

from __future__ import annotations

import json

from cloud.account import Account
from cloud.errors import ScriptError, found, is_denied

from botocore.exceptions import ClientError


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
