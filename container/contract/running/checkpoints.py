"""Checkpoints on disk: whole or absent, newest first, never mixed up between two different runs.

Sources: requirements T7 and T22. A spot interruption is power loss at any byte; the directory is
copied to S3 while files are being written and copied back later, perhaps without the last one.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import logging
import re
from collections.abc import Iterator
from pathlib import Path

from contract.files import remove_leftovers, write_atomic

log = logging.getLogger(__name__)

_NAME = re.compile(r"checkpoint-([0-9a-f]{12})-([0-9]{8})-([0-9a-f]{16})\.bin")


class CheckpointStore:
    """A directory of files `checkpoint-<run>-<step>-<digest>.bin`.

    `run` is a fingerprint of everything that must be equal for a checkpoint to be of use. The
    digest in the name tells a damaged file from a whole one without a second file to lose.
    """

    def __init__(self, directory: Path, run: str, *, keep: int = 2) -> None:
        self.directory = directory
        self.run = run[:12]
        self.keep = keep
        self._last_step = max((step for step, _, _ in self._files()), default=0)
        self._failing = False
        self._known: dict[Path, tuple[int, int]] = {}
        """Whole ones as they were then, so that they need not be read again."""

    def save(self, content: bytes) -> Path | None:
        """Add a checkpoint, newer than all others; drop the damaged and the oldest of this run.

        None where it cannot be written, which is said once: a job that is not interrupted needs
        no checkpoint, so a full disk must not cost it its model.
        """
        self._last_step += 1
        digest = hashlib.sha256(content).hexdigest()[:16]
        path = self.directory / f"checkpoint-{self.run}-{self._last_step:08d}-{digest}.bin"
        try:
            self._write(path, content)
        except OSError as problem:
            if not self._failing:
                log.warning("checkpoint %s cannot be written (%s); the job goes on, and would lose "
                            "what it learns from here if it were interrupted", path,
                            problem.strerror)
            self._failing = True
            return None
        self._failing = False
        self._remember(path)
        self._drop_all_but(self.keep)
        return path

    def load(self) -> Iterator[tuple[Path, bytes]]:
        """Whole checkpoints of this run, newest first; damaged ones are passed over."""
        for _, digest, path in self._files():
            content = _content(path)
            if content is not None and hashlib.sha256(content).hexdigest()[:16] == digest:
                self._remember(path)
                yield path, content

    def damaged(self) -> list[Path]:
        """Checkpoints of this run whose content does not match their name."""
        whole = {path for path, _ in self.load()}
        return [path for _, _, path in self._files() if path not in whole]

    def foreign(self) -> list[Path]:
        """Checkpoints of other runs: other data, or other hyperparameters."""
        return [path for path in self._entries()
                if (match := _NAME.fullmatch(path.name)) and match[1] != self.run]

    def _write(self, path: Path, content: bytes) -> None:
        self.directory.mkdir(parents=True, exist_ok=True)
        try:
            write_atomic(path, content)
        except OSError as problem:
            if problem.errno not in (errno.ENOSPC, errno.EDQUOT):
                raise
            # There may be room for one old and one new, if not for the new one and all old ones.
            self._drop_all_but(1)
            write_atomic(path, content)

    def _drop_all_but(self, count: int) -> None:
        # A damaged one must not take the place of a whole one among those kept.
        files = [path for _, _, path in self._files()]
        if not all(self._is_known(path) for path in files[:count]):
            for _ in self.load():
                pass
        whole = [path for path in files if self._is_known(path)]
        for path in files:
            if path not in whole[:count]:
                with contextlib.suppress(OSError):  # a directory, say; it does no harm
                    path.unlink()
        remove_leftovers(self.directory, f"checkpoint-{self.run}-*")

    def _remember(self, path: Path) -> None:
        with contextlib.suppress(OSError):
            self._known[path] = _time_and_size(path)

    def _is_known(self, path: Path) -> bool:
        with contextlib.suppress(OSError):
            return self._known.get(path) == _time_and_size(path)
        return False

    def _files(self) -> list[tuple[int, str, Path]]:
        """(step, digest, path) of this run, newest first."""
        found = [(int(match[2]), match[3], path) for path in self._entries()
                 if (match := _NAME.fullmatch(path.name)) and match[1] == self.run]
        return sorted(found, reverse=True)

    def _entries(self) -> list[Path]:
        return sorted(self.directory.iterdir()) if self.directory.is_dir() else []


def _time_and_size(path: Path) -> tuple[int, int]:
    found = path.stat()
    return found.st_mtime_ns, found.st_size


def _content(path: Path) -> bytes | None:
    """None for a directory, a pipe, a link to nowhere, and what the disk does not give back."""
    with contextlib.suppress(OSError):
        return path.read_bytes() if path.is_file() else None
    return None

