"""Checkpoints on disk: whole or absent, newest first, never mixed up between two different runs.

Sources: requirements T7 and T22. A spot interruption is power loss at any byte; the directory is
copied to S3 while files are being written and copied back later, perhaps without the last one.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from pathlib import Path

from contract.files import write_atomic

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

    def save(self, content: bytes) -> Path:
        """Add a checkpoint, newer than all others; drop the damaged and the oldest of this run."""
        self.directory.mkdir(parents=True, exist_ok=True)
        self._last_step += 1
        digest = hashlib.sha256(content).hexdigest()[:16]
        path = self.directory / f"checkpoint-{self.run}-{self._last_step:08d}-{digest}.bin"
        write_atomic(path, content)
        # A damaged one must not take the place of a whole one among those kept.
        whole = [kept for kept, _ in self.load()]
        for _, _, old in self._files():
            if old not in whole[:self.keep]:
                old.unlink(missing_ok=True)
        return path

    def load(self) -> Iterator[tuple[Path, bytes]]:
        """Whole checkpoints of this run, newest first; damaged ones are passed over."""
        for _, digest, path in self._files():
            content = path.read_bytes()
            if hashlib.sha256(content).hexdigest()[:16] == digest:
                yield path, content

    def damaged(self) -> list[Path]:
        """Checkpoints of this run whose content does not match their name."""
        whole = {path for path, _ in self.load()}
        return [path for _, _, path in self._files() if path not in whole]

    def foreign(self) -> list[Path]:
        """Checkpoints of other runs: other data, or other hyperparameters."""
        return [path for path in self._entries()
                if (match := _NAME.fullmatch(path.name)) and match[1] != self.run]

    def _files(self) -> list[tuple[int, str, Path]]:
        """(step, digest, path) of this run, newest first."""
        found = [(int(match[2]), match[3], path) for path in self._entries()
                 if (match := _NAME.fullmatch(path.name)) and match[1] == self.run]
        return sorted(found, reverse=True)

    def _entries(self) -> list[Path]:
        return sorted(self.directory.iterdir()) if self.directory.is_dir() else []
