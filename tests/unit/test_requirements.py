"""What is installed: lists that people edit, and locks with the hashes of all that these bring."""

from __future__ import annotations

import importlib.metadata
import re
from pathlib import Path
from typing import NamedTuple

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
CPU, CUDA = "requirements-torch-cpu.lock", "requirements-torch-cuda.lock"
FUNCTION = "lambda/requirements.txt"
AWS, DEV = "requirements-aws.lock", "requirements-dev.lock"
LOCKS = ("requirements.lock", CPU, CUDA, FUNCTION, AWS, DEV)
INPUTS = {"requirements.lock": "requirements.txt", FUNCTION: "lambda/requirements.in",
          AWS: "requirements-aws.txt", DEV: "requirements-dev.txt"}


class Pin(NamedTuple):
    """A line of a lock with those that continue it."""

    version: str
    options: list[str]


def _wanted(name: str) -> dict[str, str]:
    """Name and version of each line that is no comment."""
    pins: dict[str, str] = {}
    for line in (ROOT / name).read_text().splitlines():
        if line.strip() and not line.startswith("#"):
            requirement = Requirement(line.partition("#")[0])
            (specifier,) = requirement.specifier
            assert specifier.operator == "==", f"not pinned: {line}"
            pins[canonicalize_name(requirement.name)] = specifier.version
    return pins


def _locked(name: str) -> dict[str, Pin]:
    """What is for the machine that this runs on."""
    text = re.sub(r"^\s*#.*\n", "", (ROOT / name).read_text(), flags=re.MULTILINE)
    pins: dict[str, Pin] = {}
    for line in text.replace("\\\n", " ").splitlines():
        pinned, *options = re.split(r"\s+(?=--)", line.strip())
        requirement = Requirement(pinned)
        [specifier] = requirement.specifier
        assert specifier.operator == "==", f"{name}: neither a pin nor a comment: {line}"
        if requirement.marker is None or requirement.marker.evaluate():
            pins[canonicalize_name(requirement.name)] = Pin(specifier.version, options)
    return pins


def _versions(name: str) -> dict[str, str]:
    return {package: pin.version for package, pin in _locked(name).items()}


DIRECT = _wanted("requirements.txt")
IMAGE = {**_versions("requirements.lock"), "torch": DIRECT["torch"]}
TOOLS = {**_versions(FUNCTION), **_versions(AWS), **_versions(DEV)}


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


@pytest.mark.parametrize("name", sorted({**IMAGE, **TOOLS}))
def test_what_is_pinned_is_what_is_installed(name: str) -> None:
    # The build of torch (+cpu, +cu126) is chosen when it is installed.
    assert importlib.metadata.version(name).partition("+")[0] == {**IMAGE, **TOOLS}[name]


@pytest.mark.parametrize("name", LOCKS)
def test_a_lock_is_of_pins_with_hashes_and_nothing_else(name: str) -> None:
    """No index and no place to find files, either: those are where the installing machine says."""
    for package, (version, options) in _locked(name).items():
        assert re.fullmatch(r"[0-9][0-9a-z.+]*", version), package
        assert options and all(re.fullmatch(r"--hash=sha256:[0-9a-f]{64}", option)
                               for option in options), package
    assert "://" not in (ROOT / name).read_text()


@pytest.mark.parametrize(("lock", "wanted"), INPUTS.items())
def test_a_lock_has_what_its_list_wants(lock: str, wanted: str) -> None:
    """If not: make lock."""
    pins = _wanted(wanted)
    pins.pop("torch", None)
    assert pins.items() <= _versions(lock).items()


def test_both_builds_of_torch_are_of_the_version_that_is_wanted() -> None:
    assert _versions(CPU) == {"torch": f"{DIRECT['torch']}+cpu"}
    assert _versions(CUDA)["torch"] == DIRECT["torch"]


def test_everything_that_is_needed_is_locked_and_nothing_else() -> None:
    assert _closure(set(DIRECT)) == set(IMAGE)
    assert _closure(set(_wanted("lambda/requirements.in"))) == set(_locked(FUNCTION))


def test_the_cuda_lock_adds_just_the_libraries_of_cuda() -> None:
    added = set(_locked(CUDA)) - {"torch"}
    assert not added & set(IMAGE)
    assert [name for name in added if not re.match(r"nvidia-|cuda-|triton$", name)] == []
    assert any(name.startswith("nvidia-cudnn") for name in added)


def test_tools_are_not_in_the_image() -> None:
    assert not set(TOOLS) & set(IMAGE)


def test_every_direct_requirement_is_imported_somewhere() -> None:
    names = {"beautifulsoup4": "bs4"}
    source = "\n".join(path.read_text() for path in (ROOT / "container").rglob("*.py"))
    assert [name for name in DIRECT
            if not re.search(rf"(?:import|from) {names.get(name, name)}\b", source)] == []
