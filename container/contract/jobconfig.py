"""The configuration files of a training job, read with tolerance: any may be missing or have more.

Sources: requirements T9, T10, T14, T15, T19, T22.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from contract.errors import UserError
from contract.paths import Paths

# Channels that an SDK adds for its own driver scripts (K3).
_DRIVER_CHANNELS = {"code", "sm_drivers"}


@dataclass(frozen=True)
class Channel:
    """One input channel: a folder of files, and what the job's creator said about them."""

    name: str
    directory: Path
    content_type: str | None = None

    @property
    def is_empty(self) -> bool:
        return not self.directory.is_dir() or all(
            entry.name.startswith(".") for entry in self.directory.iterdir())


def read_hyperparameters(paths: Paths) -> dict[str, Any]:
    """Raises UserError: the file is there and is not a JSON object."""
    return _read_object(paths.config / "hyperparameters.json")


def read_channels(paths: Paths) -> dict[str, Channel]:
    """All channels of this job by name, drivers left out.

    Without `inputdataconfig.json`, as on a laptop, each folder below `input/data` is a channel.

    Raises:
        UserError: the file is damaged, or a channel uses a mode that is not supported.
    """
    stated = _read_object(paths.config / "inputdataconfig.json")
    names = list(stated) or _folders(paths.data)
    channels = {}
    for name in names:
        about = stated.get(name)
        about = about if isinstance(about, dict) else {}
        if name in _DRIVER_CHANNELS:
            continue
        if str(about.get("TrainingInputMode", "File")).lower() == "pipe":
            raise UserError(f"channel {name!r} has TrainingInputMode Pipe, which this image does "
                            "not read yet; use File or FastFile")
        content_type = about.get("ContentType")
        channels[name] = Channel(name, paths.data / name,
                                 str(content_type) if content_type else None)
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
    """Where to keep checkpoints, or None when the job asked for none (T22)."""
    stated = _read_object(paths.config / "checkpointconfig.json").get("LocalPath")
    if isinstance(stated, str) and stated:
        return paths.relocated(stated)
    return paths.checkpoints if paths.checkpoints.is_dir() else None


def _folders(directory: Path) -> list[str]:
    if not directory.is_dir():
        return []
    return sorted(entry.name for entry in directory.iterdir()
                  if entry.is_dir() and not entry.name.startswith("."))


def _read_object(path: Path) -> dict[str, Any]:
    """The JSON object in `path`; an absent or empty file counts as `{}`."""
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return {}
    if not content.strip():
        return {}
    try:
        value = json.loads(content.decode("utf-8-sig"))
    except (ValueError, RecursionError) as error:
        raise UserError(f"input/config/{path.name} is not JSON: {error}") from error
    if not isinstance(value, dict):
        raise UserError(f"input/config/{path.name}: expected a JSON object, "
                        f"found a {type(value).__name__}")
    return value
