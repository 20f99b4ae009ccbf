"""The models of a multi-model endpoint: archives below one prefix in S3, each asked for by name.

The platform fetches an archive when somebody first asks for its name (TargetModel), and keeps what
it has fetched for as long as it likes. So a name means one archive for ever: another version gets
another name.
"""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

from cloud import journey
from cloud.account import Account
from cloud.errors import ScriptError, found
from cloud.storage import Stored, ensure_bucket, objects, split

SUFFIX = ".tar.gz"
ORIGIN = "origin"
"""Name of the metadata entry that tells whether an archive is the same as another."""

# The platform takes more than that; these need no quoting in a shell or an address.
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*(/[A-Za-z0-9][A-Za-z0-9._-]*)*")
_LONGEST_NAME = 512
_OF_A_JOB = re.compile(r".*/([^/]+)/output/model\.tar\.gz")


def prefix(account: Account, endpoint: str) -> str:
    """S3 URI below which the endpoint finds its models."""
    return account.s3_uri(f"{journey.PREFIXES['models']}/{endpoint}/")


def listed(account: Account, endpoint: str) -> list[Stored]:
    """The archives of an endpoint, in the order of their names; none where there is no bucket."""
    return found(lambda: objects(account, prefix(account, endpoint))) or []


def name_of(account: Account, endpoint: str, archive: Stored) -> str:
    """What a caller of the endpoint gives as TargetModel."""
    return archive.uri.removeprefix(prefix(account, endpoint))


def checked_name(name: str) -> str:
    """The name with its suffix.

    Raises:
        ScriptError: it cannot be one.
    """
    name = f"{name.removesuffix(SUFFIX)}{SUFFIX}"
    if not _NAME.fullmatch(name) or len(name) > _LONGEST_NAME:
        raise ScriptError(f"{name!r} is no name for a model: letters, digits, '.', '_' and '-', "
                          f"with '/' between, {_LONGEST_NAME} at most")
    return name


def add(account: Account, endpoint: str, source: str | None = None,
        name: str | None = None) -> str:
    """Put an archive below the endpoint's prefix; returns its name there.

    `source` is a training job (None is the newest), the S3 URI of a `model.tar.gz`, or a file of
    this machine that ends in `.tar.gz`. Without a `name`, that of the job or file is taken.

    Raises:
        ScriptError: there is no such archive, or the name is another one's.
    """
    is_file = source is not None and source.endswith(SUFFIX) and not source.startswith("s3://")
    origin = source if source is not None and is_file else journey.model(account, source)
    name = checked_name(name or _own_name(origin))
    digest = _digest(Path(origin)) if is_file else _etag(account, origin)
    s3 = account.client("s3")
    place = {"Bucket": account.bucket, "Key": split(prefix(account, endpoint))[1] + name}
    present = found(lambda: s3.head_object(**place))
    if present:
        if present["Metadata"].get(ORIGIN) != digest:
            raise ScriptError(f"{name} is another model already, and the endpoint may keep what it "
                              "has fetched under that name; choose a new one with --as")
        account.did(f"{name} is there already")
        return name
    ensure_bucket(account)
    if is_file:
        s3.upload_file(origin, place["Bucket"], place["Key"],
                       ExtraArgs={"Metadata": {ORIGIN: digest}})
    else:
        bucket, key = split(origin)
        s3.copy_object(**place, CopySource={"Bucket": bucket, "Key": key},
                       MetadataDirective="REPLACE", Metadata={ORIGIN: digest},
                       TaggingDirective="REPLACE")  # to copy tags is another right
    account.did(f"added {name}, from {origin}")
    return name


def remove(account: Account, endpoint: str, name: str) -> None:
    """Take an archive away; an endpoint that has loaded it may answer for it a while longer.

    Raises:
        ScriptError: there is none of that name.
    """
    name = checked_name(name)
    if not account.dry_run and name not in {
            name_of(account, endpoint, each) for each in listed(account, endpoint)}:
        raise ScriptError(f"{endpoint} has no model {name}; `python scripts/host_models.py "
                          f"--endpoint {endpoint}` lists those it has")
    bucket, key = split(prefix(account, endpoint) + name)
    account.client("s3").delete_object(Bucket=bucket, Key=key)
    account.did(f"removed {name}; an endpoint that has loaded it may answer for it until it needs "
                "the room")


def _own_name(origin: str) -> str:
    """That of the job which made it, else that of the file."""
    job = _OF_A_JOB.fullmatch(origin)
    return job[1] if job else origin.rpartition("/")[2]


def _digest(file: Path) -> str:
    if not file.is_file():
        raise ScriptError(f"there is no {file}")
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _etag(account: Account, uri: str) -> str:
    bucket, key = split(uri)
    head = found(lambda: account.client("s3").head_object(Bucket=bucket, Key=key))
    if head is None and not account.dry_run:
        raise ScriptError(f"there is no {uri}")
    return str(head["ETag"]).strip('"') if head else ""
