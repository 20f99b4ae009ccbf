"""The shell scripts: they are fit to be run, and ask pip for the right things."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).resolve().parents[2]
SCRIPTS = sorted([*ROOT.glob("scripts/*.sh"), *ROOT.glob("local_test/*.sh"),
                  ROOT / "container" / "entrypoint", ROOT / ".ci" / "run"])
PROGRAMS = [*SCRIPTS, ROOT / "container" / "train", ROOT / "container" / "serve"]

# Variables that `make test` or the user may have set, and that change what is tested here.
OURS = ("IMAGE", "TORCH_LOCAL", "TORCH_INDEX", "MAKEFLAGS", "MAKELEVEL", "MFLAGS")

# Stands for Python: notes its arguments and makes virtual environments of itself.
STUB = """#!/bin/sh
echo "$*" >>"$CALLS"
[ "$1 $2" != "-m venv" ] || { mkdir -p "$3/bin" && cp "$0" "$3/bin/python"; }
exit "${STUB_STATUS-0}"
"""


def _name(path: Path) -> str:
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize("program", PROGRAMS, ids=_name)
def test_it_can_be_executed(program: Path) -> None:
    assert os.access(program, os.X_OK)
    first = program.read_bytes().split(b"\n")[0]
    assert first in (b"#!/bin/sh", b"#!/usr/bin/env bash", b"#!/usr/bin/env python3")


@pytest.mark.parametrize("program", PROGRAMS, ids=_name)
def test_its_lines_end_as_unix_wants(program: Path) -> None:
    assert b"\r" not in program.read_bytes()
    assert program.read_bytes().endswith(b"\n")


@pytest.mark.parametrize("script", SCRIPTS, ids=_name)
def test_its_shell_can_parse_it(script: Path) -> None:
    shell = "bash" if b"bash" in script.read_bytes().split(b"\n")[0] else "sh"
    done = subprocess.run([shell, "-n", script], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")


class Finished(NamedTuple):
    """What a script has left behind."""

    status: int
    out: str
    err: str
    calls: list[str]
    """The arguments of each call of Python."""


class Checkout:
    """A copy of what the scripts need, with a stub in the place of Python."""

    def __init__(self, root: Path) -> None:
        self.root = root
        shutil.copytree(ROOT / "scripts", root / "scripts")
        for path in (*ROOT.glob("requirements*.txt"), ROOT / "Makefile"):
            shutil.copy(path, root)
        (root / "lambda").mkdir()
        shutil.copy(ROOT / "lambda" / "requirements.txt", root / "lambda")
        self.python = root / "stub-python"
        self.python.write_text(STUB)
        self.python.chmod(0o755)
        self._calls = root / "calls"

    def run(self, *words: str, **environment: str) -> Finished:
        self._calls.write_text("")
        inherited = {name: value for name, value in os.environ.items() if name not in OURS}
        done = subprocess.run(
            words, cwd=self.root, capture_output=True, text=True, timeout=60,
            env={**inherited, "PYTHON": str(self.python), "CALLS": str(self._calls),
                 **environment})
        return Finished(done.returncode, done.stdout, done.stderr,
                        self._calls.read_text().splitlines())


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    return Checkout(tmp_path)


def _torch() -> str:
    lines = (ROOT / "requirements.txt").read_text().splitlines()
    return next(line for line in lines if line.startswith("torch=="))


def _install(checkout: Checkout, **environment: str) -> list[str]:
    done = checkout.run("scripts/install.sh", str(checkout.python), "requirements.txt",
                        **environment)
    assert done.status == 0, done
    return done.calls


def test_install_asks_for_torch_for_the_cpu_from_its_own_index(checkout: Checkout) -> None:
    torch, rest = _install(checkout)
    assert torch.endswith(f" --extra-index-url https://download.pytorch.org/whl/cpu {_torch()}+cpu")
    assert rest == "-m pip install --requirement requirements.txt"


def test_install_takes_another_index(checkout: Checkout) -> None:
    torch, _ = _install(checkout, TORCH_INDEX="https://mirror.example/torch")
    assert f"--extra-index-url https://mirror.example/torch {_torch()}+cpu" in torch


def test_install_for_cuda_asks_for_plain_torch_and_no_index(checkout: Checkout) -> None:
    torch, _ = _install(checkout, TORCH_LOCAL="", TORCH_INDEX="")
    assert torch.endswith(f" {_torch()}")
    assert "index" not in torch


def test_setup_makes_an_environment_and_fills_it(checkout: Checkout) -> None:
    done = checkout.run("scripts/setup.sh", "dev")
    assert done.status == 0, done
    assert done.calls[0] == "-m venv .venv"
    assert done.calls[-1] == "-m pip install --requirement requirements-dev.txt"
    assert "installing requirements.txt lambda/requirements.txt requirements-aws.txt" in done.out


def test_setup_does_nothing_the_second_time(checkout: Checkout) -> None:
    checkout.run("scripts/setup.sh")
    done = checkout.run("scripts/setup.sh")
    assert done.calls == []
    assert "up to date" in done.out


def test_setup_goes_on_from_running_to_testing(checkout: Checkout) -> None:
    checkout.run("scripts/setup.sh")
    done = checkout.run("scripts/setup.sh", "dev")
    assert "-m venv .venv" not in done.calls
    assert done.calls[-1] == "-m pip install --requirement requirements-dev.txt"


def test_setup_installs_again_when_a_requirement_has_changed(checkout: Checkout) -> None:
    checkout.run("scripts/setup.sh")
    with (checkout.root / "requirements.txt").open("a") as file:
        file.write("another==1.0\n")
    assert len(checkout.run("scripts/setup.sh").calls) == 3


@pytest.mark.parametrize(("level", "last"), [
    ([], "lambda/requirements.txt"), (["aws"], "requirements-aws.txt"),
    (["dev"], "requirements-dev.txt")])
def test_setup_installs_what_its_level_needs(
        checkout: Checkout, level: list[str], last: str) -> None:
    done = checkout.run("scripts/setup.sh", *level)
    assert done.calls[-1] == f"-m pip install --requirement {last}"


def test_setup_knows_no_other_level(checkout: Checkout) -> None:
    done = checkout.run("scripts/setup.sh", "production")
    assert (done.status, done.err) == (2, "usage: setup.sh [aws | dev]\n")


def test_setup_that_failed_is_not_taken_for_done(checkout: Checkout) -> None:
    assert checkout.run("scripts/setup.sh").status == 0
    again = checkout.run("scripts/setup.sh", "dev", STUB_STATUS="1")
    assert again.status != 0
    assert "up to date" not in checkout.run("scripts/setup.sh", "dev").out


def test_setup_says_which_python_is_missing(checkout: Checkout) -> None:
    done = checkout.run("scripts/setup.sh", PYTHON="python0.1")
    assert done.status == 1
    assert "python0.1" in done.err


@pytest.mark.parametrize(("target", "words"), [
    ("image", "scripts/build.sh sentiment:cpu --build-arg TORCH_INDEX"),
    ("image-gpu",
     "scripts/build.sh sentiment:gpu --build-arg TORCH_LOCAL= --build-arg TORCH_INDEX="),
])
def test_make_builds_with_these_arguments(checkout: Checkout, target: str, words: str) -> None:
    done = checkout.run("make", "--dry-run", target)
    assert done.status == 0, done
    assert done.out.splitlines() == [words]


def test_make_takes_another_cuda_build(checkout: Checkout) -> None:
    done = checkout.run("make", "--dry-run", "image-gpu", "GPU_LOCAL=+cu126", "GPU_INDEX=https://x")
    assert "TORCH_LOCAL=+cu126 --build-arg TORCH_INDEX=https://x" in done.out


@pytest.mark.parametrize("argument", ["TORCH_LOCAL", "TORCH_INDEX"])
def test_the_dockerfile_takes_the_build_arguments(argument: str) -> None:
    assert f"\nARG {argument}=" in (ROOT / "Dockerfile").read_text()
