"""Unpack an archive that others have made: plain files, inside one folder, and only so much."""

from __future__ import annotations

import gzip
import os
import shutil
import tarfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePath
from typing import IO, cast

from cloud.errors import ScriptError

from tqdm import tqdm

from contract.inputs.archives import MOST_FOLDERS, StrictMember

MOST_FILES = 200_000
"""The public archive of the film reviews has 100,000 and some."""
MOST_BYTES = 2**30
"""Of the unpacked archive with all its headers; the public one has a third of that."""
_PIECE = 2**20


def extract(archive: Path, folder: Path, *, most_files: int = MOST_FILES,
            most_bytes: int = MOST_BYTES) -> int:
    """Unpack a `.tar.gz` into the empty `folder`; returns the number of files.

    Owners, modes and dates are not taken over. What was unpacked before an error stays.

    Raises:
        ScriptError: the archive is damaged, too large, or has anything but folders and plain files
            with paths inside it.
    """
    count = 0
    try:
        with _members(archive, most_bytes) as tar, \
                tqdm(desc="extract", unit=" files", disable=None) as bar:
            for member in tar:
                path = folder / _inside(archive, member)
                if member.isdir():
                    path.mkdir(parents=True, exist_ok=True)
                    continue
                count += 1
                if count > most_files:
                    raise ScriptError(f"{archive} has more than {most_files} files; nothing of it "
                                      "is used")
                _write(tar, member, path)
                bar.update()
    except (tarfile.TarError, EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise ScriptError(f"{archive} is damaged, or no .tar.gz: {error}") from error
    except (FileExistsError, NotADirectoryError) as error:
        raise ScriptError(f"{archive} has {error.filename} twice; nothing of it is used") from error
    return count


class _Bounded:
    """A stream that ends in an error where there is more in it than there may be."""

    def __init__(self, stream: IO[bytes], most: int, name: Path) -> None:
        self._stream = stream
        self._left = most
        self._name = name

    def read(self, size: int) -> bytes:
        chunk = self._stream.read(size)
        self._left -= len(chunk)
        if self._left < 0:
            raise ScriptError(f"{self._name} is far larger unpacked than it may be; nothing of it "
                              "is used")
        return chunk


@contextmanager
def _members(archive: Path, most_bytes: int) -> Iterator[tarfile.TarFile]:
    with gzip.open(archive) as content:
        bounded = cast(IO[bytes], _Bounded(cast(IO[bytes], content), most_bytes, archive))
        with tarfile.open(fileobj=bounded, mode="r|", tarinfo=StrictMember) as tar:
            yield tar
        while bounded.read(_PIECE):  # to the end, where gzip has its checksum
            pass


def _inside(archive: Path, member: tarfile.TarInfo) -> PurePath:
    """The member's path; as this machine understands it, for it is here that it would escape."""
    path = PurePath(member.name)
    if path.anchor or ".." in path.parts or "\0" in member.name:
        raise ScriptError(f"{archive} has {member.name!r}, a path that leads out of the folder; "
                          "nothing of it is used")
    if len(path.parts) > MOST_FOLDERS or any(len(os.fsencode(part)) > 255 for part in path.parts):
        raise ScriptError(f"{archive} has {member.name[:60]!r}..., a path that is too long; "
                          "nothing of it is used")
    # A sparse file is no plain one: a few bytes of it may say that a terabyte of zeros follows.
    if not (member.isreg() or member.isdir()) or member.issparse():
        raise ScriptError(f"{archive} has {member.name!r}, which is neither a folder nor a plain "
                          "file; nothing of it is used")
    return path


def _write(tar: tarfile.TarFile, member: tarfile.TarInfo, path: Path) -> None:
    content = cast(IO[bytes], tar.extractfile(member))  # only folders, links and devices have none
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("xb") as file:
        shutil.copyfileobj(content, file)
