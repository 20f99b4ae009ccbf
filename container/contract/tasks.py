"""What a task of a processing job is given, and what it gives back. Source: requirement P2."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from contract.errors import UserError
from contract.inputs.hyperparameters import Hyperparameter, Value
from contract.inputs.jobconfig import Channel
from contract.running.stopping import StopRequest

T = TypeVar("T")


@dataclass(frozen=True)
class ProcessingJob:
    """One host's part of a processing job. Nothing in it needs a look at the environment."""

    options: Mapping[str, Value]
    inputs: Mapping[str, Channel]
    """By the name of the input; found also by the last folder of its path."""
    outputs: Mapping[str, Path]
    """Folders that exist. What lies elsewhere, or behind a link, is not uploaded."""
    host: str
    """Its name, fit for a file's name: hosts that upload to one place must not use one name."""
    rank: int
    """Its place among the `hosts`, from 0."""
    hosts: int
    stop: StopRequest
    processors: int

    def has_input(self, name: str) -> bool:
        """Whether there is an input called `name`."""
        return _called(self.inputs, name, lambda channel: channel.directory) is not None

    def input(self, name: str, *, or_only: bool = False) -> Channel:
        """The input called `name`; with `or_only`, else the only one there is.

        Raises:
            UserError: there is none.
        """
        found = _called(self.inputs, name, lambda channel: channel.directory)
        if found is None and or_only and len(self.inputs) == 1:
            [found] = self.inputs.values()
        if found is None:
            have = ", ".join(sorted(self.inputs)) or "none"
            raise UserError(f"no input {name!r}: expected one of that name, or with a path that "
                            f"ends in it; the job's inputs are: {have}")
        return found

    def output(self, name: str) -> Path:
        """The folder of the output called `name`, else the folder `name` in the only output.

        Raises:
            UserError: there are several outputs, or none, and none is called so; or there is a
                link in the folder's place.
        """
        found = _called(self.outputs, name, lambda directory: directory)
        if found is not None:
            return found
        if len(self.outputs) != 1:
            have = ", ".join(sorted(self.outputs)) or "none"
            raise UserError(f"no output {name!r}: expected one of that name, or one output for "
                            f"all; the job's outputs are: {have}")
        [only] = self.outputs.values()
        folder = only / name
        if folder.is_symlink():
            raise UserError(f"{folder} is a link, and links are not uploaded; remove it")
        folder.mkdir(exist_ok=True)
        return folder


@dataclass(frozen=True)
class ProcessingTask:
    """Something that `process NAME` does."""

    help: str
    options: Sequence[Hyperparameter]
    run: Callable[[ProcessingJob], str]
    """Returns one line on what was done: the job's exit message."""


def _called(things: Mapping[str, T], name: str, place: Callable[[T], Path]) -> T | None:
    if name in things:
        return things[name]
    return next((thing for thing in things.values() if place(thing).name == name), None)
