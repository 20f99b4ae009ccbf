"""What holds images, data and models; and the stacks."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

from cloud import people, prices, stacks
from cloud.account import Account
from cloud.errors import ScriptError, found, is_denied
from cloud.inventory.items import Cost, Item, pages, tagged

from botocore.exceptions import ClientError
from tqdm import tqdm


def repositories(account: Account) -> Iterator[Item]:
    """The repository of the image."""
    ecr, name = account.client("ecr"), account.project
    described = found(lambda: ecr.describe_repositories(repositoryNames=[name]))
    for entry in tagged(account, described["repositories"] if described else [],
                        "repositoryName", "repositoryArn"):
        images = pages(account, "ecr", "describe_images", "imageDetails", repositoryName=name)
        size = sum(image.get("imageSizeInBytes", 0) for image in images) / 1e9
        yield Item("image repository", name, entry["repositoryArn"],
                   partial(ecr.delete_repository, repositoryName=name, force=True),
                   state=f"{len(images)} images", since=entry["createdAt"],
                   # Layers that two images share are kept once.
                   cost=Cost(month=size * prices.ECR_GB_MONTH, why=f"at most {size:.2f} GB"))


def buckets(account: Account) -> Iterator[Item]:
    """The bucket of data, models and results. One without our tag is somebody's own."""
    s3, name = account.client("s3"), account.bucket
    owner = {"Bucket": name, "ExpectedBucketOwner": account.id}
    tags = found(lambda: s3.get_bucket_tagging(**owner))
    if not tags or not account.owns(tags["TagSet"]):
        return
    sizes = [entry["Size"] for entry in pages(account, "s3", "list_object_versions", "Versions",
                                              **owner)]
    size = sum(sizes) / 1e9
    yield Item("bucket", name, f"arn:{account.partition}:s3:::{name}",
               partial(_delete_bucket, account, name), state=f"{len(sizes)} objects",
               cost=Cost(month=size * prices.S3_GB_MONTH, why=f"{size:.2f} GB"))


def _delete_bucket(account: Account, name: str) -> None:
    empty(account, name)
    account.client("s3").delete_bucket(Bucket=name, ExpectedBucketOwner=account.id)


def empty(account: Account, bucket: str) -> None:
    """Delete all that a bucket of ours holds: objects, their old versions, unfinished uploads.

    Raises:
        ScriptError: S3 keeps one of them.
    """
    s3, owner = account.client("s3"), {"Bucket": bucket, "ExpectedBucketOwner": account.id}
    pager = s3.get_paginator("list_object_versions")
    with tqdm(desc=f"empty {bucket}", unit="object", disable=None) as bar:
        for page in pager.paginate(**owner):
            entries = [{"Key": entry["Key"], "VersionId": entry["VersionId"]}
                       for key in ("Versions", "DeleteMarkers") for entry in page.get(key, [])]
            if entries:
                answer = s3.delete_objects(**owner, Delete={"Objects": entries, "Quiet": True})
                for error in answer.get("Errors", []):
                    raise ScriptError(f"s3://{bucket}/{error['Key']}: {error['Message']}")
            bar.update(len(entries))
    for upload in pages(account, "s3", "list_multipart_uploads", "Uploads", **owner):
        s3.abort_multipart_upload(**owner, Key=upload["Key"], UploadId=upload["UploadId"])


def page_stacks(account: Account) -> Iterator[Item]:
    """The stack of the page, whose files nobody but us takes out of its bucket."""
    for stack in _stacks(account, "page"):
        name = stack["StackName"]
        resources = pages(account, "cloudformation", "list_stack_resources",
                          "StackResourceSummaries", StackName=name)
        alarms = sum(each["ResourceType"] == "AWS::CloudWatch::Alarm" for each in resources)
        yield _stack("page", stack, partial(_delete_page, account, name), Cost(
            month=alarms * prices.ALARM_MONTH,
            why=f"and {prices.PAGE_MILLION:.2f} for a million reviews"))


def _delete_page(account: Account, name: str) -> None:
    bucket = account.stack_outputs(name).get("PageBucket")
    if bucket and found(lambda: account.client("s3").head_bucket(Bucket=bucket)) is not None:
        empty(account, bucket)
    stacks.delete(account, name)


def role_stacks(account: Account) -> Iterator[Item]:
    """The stack of the roles and policies."""
    for stack in _stacks(account, "roles"):
        yield _stack("roles", stack, partial(_delete_roles, account, stack["StackName"]), Cost())


def _delete_roles(account: Account, name: str) -> None:
    try:
        people.detach_all(account, account.stack_outputs(name))
        stacks.delete(account, name)
    except ClientError as error:
        if is_denied(error):
            raise ScriptError(f"{error}\nOnly an administrator may remove roles and policies; ask "
                              "one to run this, or give --keep roles") from error
        raise


def _stacks(account: Account, suffix: str) -> list[dict[str, Any]]:
    cloudformation = account.client("cloudformation")
    described = found(lambda: cloudformation.describe_stacks(
        StackName=f"{account.project}-{suffix}"))
    return [stack for stack in (described["Stacks"] if described else [])
            if account.owns(stack.get("Tags", []))]


def _stack(kind: str, stack: dict[str, Any], remove: Callable[[], object], cost: Cost) -> Item:
    return Item(f"{kind} stack", stack["StackName"], stack["StackId"], remove,
                state=stack["StackStatus"], since=stack["CreationTime"], cost=cost)
