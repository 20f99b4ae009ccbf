"""The bucket that everything is kept in."""

from __future__ import annotations

import json

from cloud.account import Account
from cloud.errors import found


def ensure_bucket(account: Account) -> None:
    """Make the bucket unless it is there: private, encrypted, TLS only, with the project's tag.

    One that is there is left as it is: it may be somebody's own, with rules of its own.

    Raises:
        ClientError: the bucket belongs to another account, among other reasons.
    """
    s3, name = account.client("s3"), account.bucket
    # With the owner named, S3 refuses a bucket that somebody else has under this name.
    owner = {"Bucket": name, "ExpectedBucketOwner": account.id}
    if found(lambda: s3.head_bucket(**owner)) is not None:
        return
    place = {} if account.region == "us-east-1" else {
        "CreateBucketConfiguration": {"LocationConstraint": account.region}}
    s3.create_bucket(Bucket=name, **place)
    s3.put_bucket_tagging(**owner, Tagging={"TagSet": account.tags})
    s3.put_public_access_block(**owner, PublicAccessBlockConfiguration=dict.fromkeys(
        ("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets"),
        True))
    s3.put_bucket_policy(**owner, Policy=json.dumps(_tls_only(account)))
    print(f"made the bucket {name}", flush=True)


def _tls_only(account: Account) -> dict[str, object]:
    arn = f"arn:{account.partition}:s3:::{account.bucket}"
    return {"Version": "2012-10-17", "Statement": [{
        "Sid": "TlsOnly", "Effect": "Deny", "Principal": "*", "Action": "s3:*",
        "Resource": [arn, f"{arn}/*"], "Condition": {"Bool": {"aws:SecureTransport": "false"}}}]}
