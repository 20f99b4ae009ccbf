"""The configuration files of a training job, read with tolerance: any may be missing or have more.

Sources: requirements T9, T10, T14, T15, T19, T22.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Any

from contract.errors import UserError
from contract.paths import Paths

_LONGEST_PATH = 1024
"""Characters of a `LocalPath`, as the API has it."""

# Channels that an SDK adds for its own driver scripts (K3).
_DRIVER_CHANNELS = {"code", "sm_drivers"}


class InputMode(Enum):
    """How the platform brings a channel's objects (T14-T17)."""

    FILE = "File"
    FAST_FILE = "FastFile"
    """Paths as in File mode; often reported as `File`, so files are always read as if it were."""
    PIPE = "Pipe"


@dataclass(frozen=True)
class Channel:
    """One input channel: a folder of files or a pipe, and what the job's creator said of it."""

    name: str
    directory: Path
    """Where the files are; a pipe lies beside it, see `pipe`."""
    content_type: str | None = None
    mode: InputMode = InputMode.FILE
    sharded: bool = False
    """Whether each host was given other objects, perhaps none (D5), and not all of them."""
    record_io: bool = False
    """Whether each record of a pipe is wrapped as RecordIO."""

    @property
    def pipe(self) -> Path | None:
        """The FIFO of the first pass over a channel in Pipe mode, or None in other modes."""
        piped = self.mode is InputMode.PIPE
        return self.directory.with_name(f"{self.name}_0") if piped else None

    @property
    def is_empty(self) -> bool:
        """Whether there is no file. Of a pipe nobody knows before it is read: False."""
        if self.mode is InputMode.PIPE:
            return False
        return not self.directory.is_dir() or all(
            entry.name.startswith(".") for entry in self.directory.iterdir())


def read_hyperparameters(paths: Paths) -> dict[str, Any]:
    """Raises UserError: the file is there and is not a JSON object."""
    return read_object(paths.config / "hyperparameters.json")


def read_channels(paths: Paths) -> dict[str, Channel]:
    """All channels of this job by name, drivers left out.

    Without `inputdataconfig.json`, as on a laptop, each folder below `input/data` is a channel.

    Raises:
        UserError: the file is damaged, or a channel has a mode that there is not.
    """
    stated = read_object(paths.config / "inputdataconfig.json")
    names = list(stated) or _folders(paths.data)
    channels = {}
    for name in names:
        about = stated.get(name)
        about = about if isinstance(about, dict) else {}
        if name in _DRIVER_CHANNELS:
            continue
        content_type = about.get("ContentType")
        channels[name] = Channel(
            name, paths.data / name, str(content_type) if content_type else None,
            mode=_mode(name, about.get("TrainingInputMode") or InputMode.FILE.value),
            sharded=about.get("S3DistributionType") == "ShardedByS3Key",
            record_io=about.get("RecordWrapperType") == "RecordIO")
    return channels


def require_channel(channels: dict[str, Channel], names: Iterable[str]) -> Channel:
    """The one channel that goes by any of `names`.

    Raises:
        UserError: none or several of them are given, or it holds nothing.
    """
    wanted = list(names)
    found = [channels[name] for name in wanted if name in channels]
    if not found:
        have = ", ".join(sorted(channels)) or "none"
        raise UserError(f"no {' or '.join(wanted)} channel: expected files in "
                        f"input/data/{wanted[0]}; the job's channels are: {have}")
    if len(found) > 1:
        raise UserError(f"channels {' and '.join(c.name for c in found)} mean the same; give one")
    if found[0].is_empty:
        name = found[0].name
        raise UserError(f"channel {name!r} is empty: no file in input/data/{name}")
    return found[0]


def checkpoint_directory(paths: Paths) -> Path | None:
    """Where to keep checkpoints, or None when the job asked for none (T22).

    Raises:
        UserError: `LocalPath` is no absolute path.
    """
    file = paths.config / "checkpointconfig.json"
    stated = read_object(file).get("LocalPath")
    if isinstance(stated, str) and stated:
        if not stated.startswith("/") or "\0" in stated or len(stated) > _LONGEST_PATH:
            raise UserError(f"{file}: LocalPath is {stated[:60]!r}; expected an absolute path")
        return paths.relocated(stated)
    return paths.checkpoints if paths.checkpoints.is_dir() else None


def _mode(channel: str, stated: object) -> InputMode:
    """Raises UserError: there is no such mode."""
    for mode in InputMode:
        if str(stated).lower() == mode.value.lower():
            return mode
    allowed = ", ".join(mode.value for mode in InputMode)
    raise UserError(f"channel {channel!r} has TrainingInputMode {stated}; expected {allowed}")


def _folders(directory: Path) -> list[str]:
    if not directory.is_dir():
        return []
    return sorted(entry.name for entry in directory.iterdir()
                  if entry.is_dir() and not entry.name.startswith("."))


def read_object(path: Path) -> dict[str, Any]:
    """The JSON object in `path`; an absent or empty file counts as `{}`.

    Raises:
        UserError: there is anything else in it.
    """
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return {}
    if not content.strip():
        return {}
    try:
        value = json.loads(content.decode("utf-8-sig"))
    except (ValueError, RecursionError) as error:
        raise UserError(f"{path} is not JSON: {error}") from error
    if not isinstance(value, dict):
        raise UserError(f"{path}: expected a JSON object, found a {type(value).__name__}")
    return value
