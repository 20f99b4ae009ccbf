"""Build the image for CPU or GPU and push it to ECR, where jobs and endpoints take it from.

It gets two tags: `cpu` or `gpu`, which moves on with the next push, and one with the image's own
id, which never moves, so that it can always be told what ran.
"""

from __future__ import annotations

import argparse
import base64
import json
import sys
from collections.abc import Sequence
from typing import Any, NamedTuple

from cloud import ROOT, prices
from cloud.account import Account
from cloud.docker import Docker
from cloud.errors import ScriptError, found
from cloud.verb import Verb, account_of, end, run

TARGETS = {"cpu": "image", "gpu": "image-gpu"}
"""What `make` calls them."""
PLATFORM = "linux/amd64"
SERVERLESS_GB = 10
"""Largest image of a serverless endpoint, unpacked."""
MANIFESTS = ("application/vnd.docker.distribution.manifest.v2+json",
             "application/vnd.oci.image.manifest.v1+json")
"""Of one platform each. SageMaker refuses the indexes of several, attestations being one."""
UNTAGGED_KEPT = 3
POLICY = {"rules": [{
    "rulePriority": 1, "description": "What no tag names is kept for a while",
    "selection": {"tagStatus": "untagged", "countType": "imageCountMoreThan",
                  "countNumber": UNTAGGED_KEPT},
    "action": {"type": "expire"}}]}


class Pushed(NamedTuple):
    """An image in ECR."""

    uri: str
    """With its digest."""
    size: int
    """Bytes, as ECR keeps and bills them."""


def push(account: Account, kind: str, image: str | None = None,
         kms_key: str | None = None) -> Pushed:
    """Push the local `image`, or one that is built now, as `kind`: `cpu` or `gpu`.

    Raises:
        ScriptError: Docker fails, or the image is not one that SageMaker can run.
    """
    docker = Docker(dry_run=account.dry_run is not None)
    image = image or _build(docker, kind)
    version = f"{kind}-{'IMAGE-ID' if account.dry_run else _id(docker, image)}"
    repository = _ensure_repository(account, kms_key)
    there = _described(account, version)
    if there:  # even the same image must not be pushed again to a tag that is fixed
        print(f"{repository}:{version} is there already")
    else:
        there = _push(account, docker, image, f"{repository}:{version}")
    _check_form(there, version)
    current = _described(account, kind)
    if not current or current["imageDigest"] != there["imageDigest"]:
        _move_tag(account, kind, there["imageDigest"])
    return Pushed(f"{repository}@{there['imageDigest']}", there["imageSizeInBytes"])


def _build(docker: Docker, kind: str) -> str:
    """Build as `make` does, which knows what the build is given; returns the local name."""
    docker.run(["make", "--no-print-directory", "-C", str(ROOT), TARGETS[kind], "IMAGE=sentiment"])
    return f"sentiment:{kind}"


def _id(docker: Docker, image: str) -> str:
    """The beginning of the image's id. Raises ScriptError: it is for another platform."""
    about = docker.inspect(image)
    platform = f"{about['Os']}/{about['Architecture']}"
    if platform != PLATFORM:
        raise ScriptError(f"{image} is built for {platform}, and SageMaker runs {PLATFORM}; build "
                          "it with scripts/build.sh, or give `docker build` --platform linux/amd64")
    size = about["Size"] / 1e9
    if size > SERVERLESS_GB:
        print(f"note: {image} has {size:.1f} GB; serverless endpoints take at most {SERVERLESS_GB}",
              flush=True)
    return str(about["Id"]).removeprefix("sha256:")[:12]


def _ensure_repository(account: Account, kms_key: str | None) -> str:
    """Make the repository unless it is there; returns its address."""
    ecr, name = account.client("ecr"), account.project
    encryption = {"encryptionType": "KMS", "kmsKey": kms_key} if kms_key else {
        "encryptionType": "AES256"}
    if not found(lambda: ecr.describe_repositories(repositoryNames=[name])):
        ecr.create_repository(
            repositoryName=name, tags=account.tags, encryptionConfiguration=encryption,
            imageScanningConfiguration={"scanOnPush": True},
            imageTagMutability="IMMUTABLE_WITH_EXCLUSION",
            imageTagMutabilityExclusionFilters=[{"filterType": "WILDCARD", "filter": kind}
                                                for kind in TARGETS])
        account.did(f"made the repository {name}")
    if not found(lambda: ecr.get_lifecycle_policy(repositoryName=name)):
        ecr.put_lifecycle_policy(repositoryName=name, lifecyclePolicyText=json.dumps(POLICY))
    return f"{account.registry}/{name}"


def _password(account: Account) -> tuple[str, str]:
    """User and password for the registry, good for 12 hours."""
    if account.dry_run:
        return "AWS", ""
    answer = account.client("ecr").get_authorization_token()["authorizationData"][0]
    user, _, password = base64.b64decode(answer["authorizationToken"]).decode().partition(":")
    return user, password


def _described(account: Account, tag: str) -> dict[str, Any] | None:
    """What ECR says of the image with this tag, if there is one."""
    answer = found(lambda: account.client("ecr").describe_images(
        repositoryName=account.project, imageIds=[{"imageTag": tag}]))
    return answer["imageDetails"][0] if answer else None


def _push(account: Account, docker: Docker, image: str, reference: str) -> dict[str, Any]:
    """Push, and make sure that ECR has just that. Raises ScriptError: it has not."""
    with docker.signed_in(account.registry, *_password(account)):
        digests = docker.push(image, reference)
    if account.dry_run:
        return {"imageDigest": "sha256:DIGEST", "imageSizeInBytes": 0,
                "imageManifestMediaType": MANIFESTS[0]}
    repository, _, version = reference.rpartition(":")
    there = _described(account, version)
    if not there or f"{repository}@{there['imageDigest']}" not in digests:
        raise ScriptError(f"ECR has not got what was pushed as {reference}; run this again")
    return there


def _check_form(there: dict[str, Any], version: str) -> None:
    """Raises ScriptError: SageMaker would not take it."""
    form = there.get("imageManifestMediaType")
    if form not in MANIFESTS:
        raise ScriptError(f"{version} was pushed as {form}, which SageMaker refuses: an index of "
                          "several platforms or of attestations. Build it with scripts/build.sh, "
                          "or give `docker build` --provenance=false --sbom=false")


def _move_tag(account: Account, tag: str, digest: str) -> None:
    """Let a tag mean the image with this digest."""
    ecr, repository = account.client("ecr"), account.project
    image = {"imageManifest": "MANIFEST"} if account.dry_run else ecr.batch_get_image(
        repositoryName=repository, imageIds=[{"imageDigest": digest}],
        acceptedMediaTypes=MANIFESTS)["images"][0]
    ecr.put_image(repositoryName=repository, imageTag=tag, imageDigest=digest,
                  imageManifest=image["imageManifest"])
    account.did(f"{tag} is {digest} now")


def _act(options: argparse.Namespace) -> None:
    account = account_of(options)
    uri, size = push(account, options.kind, options.image, options.kms_key)
    costs = (prices.per_month(size / 1e9 * prices.ECR_GB_MONTH) if size
             else f"about {prices.ECR_GB_MONTH:.2f} USD a month for each GB")
    end(made=[uri], costs=f"{costs}, in ECR",
        remove=f"python scripts/teardown.py {account.place}")


def command() -> Verb:
    """The command line."""
    verb = Verb("push_image", __doc__, "cpu")
    verb.add_argument("kind", choices=tuple(TARGETS), help="what the image is made for")
    verb.add_argument("--image", metavar="LOCAL",
                      help="push this local image (else one is built by `make`)")
    verb.add_argument("--kms-key", metavar="ARN",
                      help="encrypt a new repository with this key, not with ECR's own")
    return verb


def main(arguments: Sequence[str] | None = None) -> int:
    """Push; returns the exit status."""
    return run(command(), _act, arguments)


if __name__ == "__main__":
    sys.exit(main())
