"""The image's requirements: pinned, complete, and nothing else."""

from __future__ import annotations

import importlib.metadata
import re
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
# Parts what we import from what comes with it; the rest of the line is comment still.
HEADING = "Brought by the above"


def _pins(text: str) -> dict[str, str]:
    """Name and version of each line that is no comment."""
    pins: dict[str, str] = {}
    for line in text.splitlines():
        if line.strip() and not line.startswith("#"):
            name, equals, version = line.partition("==")
            assert equals, f"not pinned: {line}"
            pins[canonicalize_name(name.partition("[")[0])] = version.split()[0]
    return pins


DIRECT, BROUGHT = (_pins(f"#{part}") for part in
                   (ROOT / "requirements.txt").read_text().split(HEADING))
TOOLS = _pins("\n".join((ROOT / name).read_text() for name in (
    "lambda/requirements.txt", "requirements-aws.txt", "requirements-dev.txt")))


def _needs(name: str) -> set[str]:
    """What a distribution asks for on Linux with this Python, its extras left out.

    CUDA's libraries are left out as well: a build of torch brings them or does not.
    """
    # Markers are read for the image's platform, wherever the test runs.
    image = {"sys_platform": "linux", "platform_system": "Linux", "platform_machine": "x86_64",
             "extra": ""}
    needed = {canonicalize_name(requirement.name)
              for line in importlib.metadata.requires(name) or []
              if (requirement := Requirement(line)).marker is None
              or requirement.marker.evaluate(image)}
    return {need for need in needed if not re.match(r"nvidia-|cuda-|triton$", need)}


def _closure(names: set[str]) -> set[str]:
    found: set[str] = set()
    while names:
        found |= names
        names = set[str]().union(*map(_needs, names)) - found
    return found


@pytest.mark.parametrize("name", [*DIRECT, *BROUGHT, *TOOLS])
def test_what_is_pinned_is_what_is_installed(name: str) -> None:
    pinned = {**DIRECT, **BROUGHT, **TOOLS}[name]
    # The build of torch (+cpu, +cu126) is chosen when it is installed.
    assert importlib.metadata.version(name).partition("+")[0] == pinned


def test_everything_that_is_needed_is_pinned_and_nothing_else() -> None:
    assert _closure(set(DIRECT)) == set(DIRECT) | set(BROUGHT)


def test_tools_are_not_in_the_image() -> None:
    assert not set(TOOLS) & _closure(set(DIRECT))


def test_every_direct_requirement_is_imported_somewhere() -> None:
    names = {"beautifulsoup4": "bs4"}
    source = "\n".join(path.read_text() for path in (ROOT / "container").rglob("*.py"))
    assert [name for name in DIRECT
            if not re.search(rf"(?:import|from) {names.get(name, name)}\b", source)] == []
