"""The function's code as Lambda takes it: one archive, with all that it imports.

What goes in is pinned and said by `digest`, so that the archive need not be built to know whether
it is there already. Two builds of the same are the same byte for byte.
"""

from __future__ import annotations

import hashlib
import io
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

from cloud import ROOT
from cloud.account import Account
from cloud.errors import ScriptError, found
from cloud.journey import PREFIXES
from cloud.storage import ensure_bucket

from tqdm import tqdm

FOLDER = ROOT / "lambda"
REQUIREMENTS = FOLDER / "requirements.txt"

# As in lambda/template.yaml, whatever runs here.
_PYTHON, _PLATFORM = "3.11", "manylinux2014_x86_64"
_UNPACKED_BYTES = 262_144_000
"""The most that Lambda unpacks."""

_DATE = (1980, 1, 1, 0, 0, 0)
_UNIX, _READABLE = 3, 0o100644 << 16
# Programs begin with the path of the Python that installed them, and RECORD lists these.
_LEFT_OUT = ("bin", "__pycache__", "RECORD")


def upload(account: Account) -> str:
    """Build the archive and put it into the bucket, unless it is there; returns its S3 URI.

    Raises:
        ScriptError: pip cannot get what is imported, or Lambda would not take the archive.
    """
    ensure_bucket(account)
    s3, key = account.client("s3"), f"{PREFIXES['page']}/function-{digest()}.zip"
    if found(lambda: s3.head_object(Bucket=account.bucket, Key=key)):
        print("the function's code is in the bucket already", flush=True)
        return account.s3_uri(key)
    print("packing the function with what it imports", flush=True)
    content = b"" if account.dry_run else build()
    with tqdm(total=len(content), desc="upload", unit="B", unit_scale=True, disable=None) as bar:
        s3.upload_fileobj(io.BytesIO(content), account.bucket, key, Callback=bar.update)
    account.did(f"uploaded {key}")
    return account.s3_uri(key)


def digest() -> str:
    """Of all that decides what is in the archive: code, pinned requirements, and this module."""
    total = hashlib.sha256()
    for path in (*_sources(), REQUIREMENTS, Path(__file__)):
        total.update(f"{path.name}\0{path.stat().st_size}\0".encode() + path.read_bytes())
    return total.hexdigest()[:16]


def _sources() -> list[Path]:
    return sorted(FOLDER.glob("*.py"))


def build() -> bytes:
    """The archive.

    Raises:
        ScriptError: pip cannot get what is imported, or it is too much for Lambda.
    """
    with tempfile.TemporaryDirectory() as folder:
        _install(folder)
        files = {path.relative_to(folder).as_posix(): path for path in Path(folder).rglob("*")
                 if path.is_file() and not {*path.relative_to(folder).parts} & {*_LEFT_OUT}}
        files |= {path.name: path for path in _sources()}
        size = sum(path.stat().st_size for path in files.values())
        if size > _UNPACKED_BYTES:
            raise ScriptError(f"the function has {size / 1e6:.0f} MB with all that "
                              f"{REQUIREMENTS} names, and Lambda takes "
                              f"{_UNPACKED_BYTES / 1e6:.0f}; name less there")
        return _zipped(files)


def _install(folder: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check",
         "--no-compile", "--only-binary=:all:", f"--python-version={_PYTHON}",
         f"--platform={_PLATFORM}", "--target", folder, "--requirement", str(REQUIREMENTS)],
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        check=False)
    if done.returncode:
        raise ScriptError(f"pip cannot install what {REQUIREMENTS} names:\n{done.stdout.strip()}\n"
                          "Check the network and the names; if there is no pip, run "
                          "`python -m ensurepip`")


def _zipped(files: dict[str, Path]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in sorted(files):
            entry = zipfile.ZipInfo(name, _DATE)
            entry.create_system, entry.external_attr = _UNIX, _READABLE
            archive.writestr(entry, files[name].read_bytes(), zipfile.ZIP_DEFLATED)
    return buffer.getvalue()
