"""What the image declares, and what is in it: nothing that a run does not need (N5, N6, N12)."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from image.engine import Engine, Image

ROOT = Path(__file__).resolve().parents[2]
SITE = "/opt/venv/lib/python3.11/site-packages"
MEGABYTE = 10 ** 6
LARGEST = 750 * MEGABYTE

# What each command finds should not be there.
STRAY_FILES = {
    "headers and type stubs":
        f"find {SITE} -name '*.h' -o -name '*.hpp' -o -name '*.cuh' -o -name '*.pyi'",
    "static libraries and compilers": "find /opt/venv -name '*.a' -o -path '*/bin/protoc*'",
    "test suites": f"find {SITE} -type d '(' -name test -o -name tests ')' "
                   "-not -path '*.dist-info/*'",
    "caches of pip": "find / -xdev -type d -path '*/.cache/*'",
    "bytecode of our own": "find /opt/program -name __pycache__ -o -name '*.pyc'",
    "tests of our own": "find /opt/program -name 'test*' -o -name 'conftest*'",
    "files that not everybody can read": "find /opt -not -type l -not -perm -o=r",
    "folders and programs that not everybody can enter or run":
        "find /opt '(' -type d -o -perm -u=x ')' -not -type l -not -perm -o=x",
    "anything that the platform's mount would hide": "find /opt/ml -mindepth 1 2>/dev/null",
    "carriage returns in our files": "grep -rlI $'\\r' /opt/program",
    "leftovers of the build": "find /build /tmp /var/tmp -mindepth 1 2>/dev/null",
}
COMPILERS = ("gcc", "g++", "cc", "c++", "clang", "make", "cmake", "ninja", "ld", "as", "protoc")


@pytest.fixture(scope="module")
def config(engine: Engine, image: Image) -> dict[str, Any]:
    found: dict[str, Any] = engine.inspect(image.tag)["Config"]
    return found


@pytest.fixture(scope="module")
def base(engine: Engine, image: Image) -> str:
    """The base image, here because the image has been built on it."""
    stated = re.search(r"^ARG BASE=(\S+)", (ROOT / "Dockerfile").read_text(), re.MULTILINE)
    assert stated
    return stated[1]


def test_entrypoint_and_command_are_lists_of_words(config: dict[str, Any]) -> None:
    assert config["Entrypoint"] == ["/opt/program/entrypoint"]
    assert config["Cmd"] == ["train"]


def test_the_labels_promise_what_works(config: dict[str, Any]) -> None:
    prefix = "com.amazonaws.sagemaker.capabilities."
    promised = {name.removeprefix(prefix): value for name, value in config["Labels"].items()
                if name.startswith(prefix)}
    assert promised == {"accept-bind-to-port": "true", "multi-models": "true"}


@pytest.mark.parametrize("name", ["Healthcheck", "Volumes", "User", "ExposedPorts", "OnBuild"])
def test_nothing_is_declared_that_the_platform_does_not_know(
        config: dict[str, Any], name: str) -> None:
    assert not config.get(name)


def test_the_platform_is_linux_on_x86(engine: Engine, image: Image) -> None:
    found = engine.inspect(image.tag)
    assert (found["Os"], found["Architecture"]) == ("linux", "amd64")


def test_it_adds_little_to_its_base(engine: Engine, image: Image, base: str) -> None:
    assert engine.inspect(image.tag)["Size"] - engine.inspect(base)["Size"] <= LARGEST


@pytest.mark.parametrize("command", STRAY_FILES.values(), ids=STRAY_FILES.keys())
def test_there_are_no(image: Image, command: str) -> None:
    found = image.run("bash", "-c", f"{command} | head -20").out
    assert found == ""


def test_there_is_no_compiler_that_was_not_in_the_base(
        engine: Engine, image: Image, base: str) -> None:
    look = f"for name in {' '.join(COMPILERS)}; do command -v $name; done; true"
    before = engine.must("run", "--rm", "--label", engine.label, base, "sh", "-c", look)
    assert image.run("bash", "-c", look).out.strip() == before


def test_tools_of_development_are_not_installed(image: Image) -> None:
    names = ("boto3", "sagemaker", "pandas", "sklearn", "pytest", "mypy", "ruff", "playwright")
    program = ("import importlib.util, sys; "
               "print(*filter(importlib.util.find_spec, sys.argv[1:]), sep='\\n')")
    assert image.run("python3", "-c", program, *names).out.split() == []


def test_the_sources_are_those_of_the_checkout(image: Image) -> None:
    listing = image.run("bash", "-c", "cd /opt/program && find . -type f | sort").out.split()
    here = ROOT / "container"
    files = [path.relative_to(here) for path in here.rglob("*") if path.is_file()]
    # A checkout may have caches of tools, which begin with a dot.
    wanted = sorted(f"./{path}" for path in files
                    if path.suffix != ".pyc" and not str(path).startswith("."))
    assert sorted(listing) == wanted
