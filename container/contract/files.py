"""Writing a file so that power loss at any byte leaves the old one or the new one."""

from __future__ import annotations

import contextlib
import os
import secrets
from pathlib import Path

TEMPORARY_SUFFIX = ".tmp"


def write_atomic(path: Path, content: bytes, *, mode: int = 0o644) -> None:
    """Write `content` to `path`: complete, durable and readable by every user, or not at all.

    The bytes go to an unnamed file first, where the file system can do that: a process that is
    killed while it writes then leaves nothing behind for the platform to upload.

    Raises:
        OSError: the disk is full, the place read-only, and so on.
    """
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}{TEMPORARY_SUFFIX}")
    directory = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        if _write(directory, path, temporary, content, mode):
            os.replace(temporary, path)
        with contextlib.suppress(OSError):  # some network file systems refuse; the data is safe
            os.fsync(directory)
    except BaseException as error:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(temporary)
        if isinstance(error, OSError) and error.filename is None:
            error.filename = str(path)  # of a write, the system does not say where
        raise
    finally:
        os.close(directory)


def remove_leftovers(directory: Path, name: str) -> None:
    """Remove what `write_atomic` has left of files called `name`, a glob, when it was killed.

    That happens where a file system has no files without a name.
    """
    for path in directory.glob(f".{name}.*{TEMPORARY_SUFFIX}"):
        with contextlib.suppress(OSError):
            path.unlink()


def _write(directory: int, path: Path, temporary: Path, content: bytes, mode: int) -> bool:
    """Make the file in the open `directory`; returns whether it is at `temporary` still."""
    unnamed = _open_unnamed(path.parent)
    descriptor = unnamed
    if descriptor is None:
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "wb", closefd=False) as stream:
            stream.write(content)
        os.fchmod(descriptor, mode)
        os.fsync(descriptor)
        if unnamed is None:
            return True
        # A directory descriptor makes Python call linkat, the only call that follows /proc.
        try:
            os.link(f"/proc/self/fd/{descriptor}", path, src_dir_fd=directory)
        except FileExistsError:  # a link replaces nothing; a rename does
            os.link(f"/proc/self/fd/{descriptor}", temporary, src_dir_fd=directory)
            return True
        return False
    finally:
        os.close(descriptor)


def _open_unnamed(directory: Path) -> int | None:
    """A file without a name in `directory`, or None where that cannot be had."""
    if not hasattr(os, "O_TMPFILE") or not Path("/proc/self/fd").is_dir():
        return None
    try:
        return os.open(directory, os.O_WRONLY | os.O_TMPFILE, 0o600)
    except OSError:  # not on this file system; the named way says what is really wrong
        return None

