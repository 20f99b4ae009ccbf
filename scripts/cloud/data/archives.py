"""Unpack the archive of the reviews, with a bar: as the container unpacks archives of others."""

from __future__ import annotations

from pathlib import Path

from cloud.errors import ScriptError

from tqdm import tqdm

from contract.errors import UserError
from contract.inputs.archives import unpack

MOST_FILES = 200_000
"""The public archive of the film reviews has 100,000 and some."""
MOST_BYTES = 2**30
"""Of the unpacked archive with all its headers; the public one has a third of that."""


def extract(archive: Path, folder: Path, *, most_files: int = MOST_FILES,
            most_bytes: int = MOST_BYTES) -> int:
    """Unpack a `.tar.gz` into the empty `folder`; returns the number of files.

    Raises:
        ScriptError: the archive is none that `unpack` takes.
    """
    files = unpack(archive, folder, most_files=most_files, most_bytes=most_bytes)
    try:
        return sum(1 for _ in tqdm(files, desc="extract", unit=" files", disable=None))
    except UserError as error:
        raise ScriptError(str(error)) from error
