"""Put the data into S3, under PREFIX: what is there already with the same content is left alone.

The bucket is made if there is none: private, encrypted, TLS only, with the project's tag.
"""

from __future__ import annotations

import argparse
import hashlib
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from cloud import prices
from cloud.account import Account
from cloud.errors import ScriptError, found
from cloud.storage import ensure_bucket
from cloud.verb import Verb, account_of, end, run

from boto3.s3.transfer import TransferConfig
from tqdm import tqdm

DIGEST = "sha256"
"""Name of the metadata entry that tells whether an object is the same as a file."""

PART_BYTES = 16 * 1024 * 1024


def upload(account: Account, place: Path, prefix: str, kms_key: str | None = None) -> str:
    """Upload a file, or all files below a folder; returns the prefix as an S3 URI.

    Raises:
        ScriptError: there is nothing to upload, or the bucket belongs to somebody else.
    """
    files = list(_files(place))
    if not files:
        raise ScriptError(f"nothing to upload in {place}; scripts/prepare_data.py fills it")
    ensure_bucket(account)
    prefix = f"{prefix.strip('/')}/".lstrip("/")  # a bucket's own top has no slash
    total = sum(file.stat().st_size for file, _ in files)
    skipped = 0
    with tqdm(total=total, desc="upload", unit="B", unit_scale=True, disable=None) as bar:
        for file, name in files:
            if _put(account, file, f"{prefix}{name}", kms_key, bar):
                account.did(f"uploaded {prefix}{name}")
            else:
                skipped += 1
    account.did(f"{len(files) - skipped} uploaded, {skipped} there already")
    return account.s3_uri(prefix)


def _files(place: Path) -> Iterator[tuple[Path, str]]:
    """Files and their names below `place`, in order; hidden ones are not data."""
    if place.is_file():
        yield place, place.name
        return
    for path in sorted(place.rglob("*")):
        name = path.relative_to(place)
        if path.is_file() and not any(part.startswith(".") for part in name.parts):
            yield path, name.as_posix()


def _put(account: Account, file: Path, key: str, kms_key: str | None, bar: tqdm[None]) -> bool:
    """Upload unless S3 has the same; returns whether it was uploaded."""
    s3 = account.client("s3")
    with file.open("rb") as stream:
        digest = hashlib.file_digest(stream, DIGEST).hexdigest()
    there = found(lambda: s3.head_object(Bucket=account.bucket, Key=key))
    encrypted = there and kms_key in (None, there.get("SSEKMSKeyId"))
    if there and encrypted and there["Metadata"].get(DIGEST) == digest:
        bar.update(file.stat().st_size)
        return False
    encryption = {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": kms_key} if kms_key else {
        "ServerSideEncryption": "AES256"}
    s3.upload_file(str(file), account.bucket, key, Callback=bar.update,
                   Config=TransferConfig(multipart_threshold=PART_BYTES,
                                         multipart_chunksize=PART_BYTES),
                   ExtraArgs={"Metadata": {DIGEST: digest}, **encryption})
    return True


def _act(options: argparse.Namespace) -> None:
    account = account_of(options)
    uri = upload(account, options.place, options.prefix, options.kms_key)
    size = sum(file.stat().st_size for file, _ in _files(options.place)) / 1e9
    end(made=[uri], costs=f"{prices.per_month(size * prices.S3_GB_MONTH)} in storage",
        remove=f"python scripts/teardown.py {account.place}")


def command() -> Verb:
    """The command line."""
    verb = Verb("upload_data", __doc__, "data/raw --prefix data/raw")
    verb.add_argument("place", type=Path, help="a file, or a folder with all that is below it")
    verb.add_argument("--prefix", default="data/raw", help="where in the bucket (%(default)s)")
    verb.add_argument("--kms-key", metavar="ARN", help="encrypt with this key, not with S3's own")
    return verb


def main(arguments: Sequence[str] | None = None) -> int:
    """Upload; returns the exit status."""
    return run(command(), _act, arguments)


if __name__ == "__main__":
    sys.exit(main())
