"""The shell scripts: they are fit to be run, and ask pip for the right things."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).resolve().parents[2]
SCRIPTS = sorted([*ROOT.glob("scripts/*.sh"), *ROOT.glob("local_test/*.sh"),
                  ROOT / "container" / "entrypoint", ROOT / ".ci" / "run"])
PROGRAMS = [*SCRIPTS, *(ROOT / "container" / name for name in ("train", "serve", "process"))]

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
        for path in (*ROOT.glob("requirements*"), ROOT / "Makefile"):
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


PIP = "-m pip install --retries 2 --no-compile"
LOCKED = f"{PIP} --no-deps --only-binary :all: --require-hashes --requirement "


def _install(checkout: Checkout, machine: str = "Linux x86_64", **environment: str) -> list[str]:
    """What pip is asked for on a `machine`, the checkout's own path left out."""
    uname = checkout.root / "uname"
    uname.write_text(f'#!/bin/sh\ncase $1 in -s) echo "{machine.split()[0]}" ;; '
                     f'*) echo "{machine}" ;; esac\n')
    uname.chmod(0o755)
    done = checkout.run("scripts/install.sh", str(checkout.python),
                        PATH=f"{checkout.root}:{os.environ['PATH']}", **environment)
    assert done.status == 0, done
    return [call.replace(f"{checkout.root}/", "") for call in done.calls]


INDEX = " --extra-index-url https://download.pytorch.org/whl/cpu"
TORCH = next(line for line in (ROOT / "requirements.txt").read_text().splitlines()
             if line.startswith("torch=="))


@pytest.mark.parametrize(("machine", "environment", "torch"), [
    ("Linux x86_64", {}, f"{LOCKED}requirements-torch-cpu.lock{INDEX}"),
    ("Linux x86_64", {"TORCH_INDEX": "https://mirror.example/torch"},
     f"{LOCKED}requirements-torch-cpu.lock --extra-index-url https://mirror.example/torch"),
    ("Linux x86_64", {"TORCH_LOCAL": "", "TORCH_INDEX": ""},
     f"{LOCKED}requirements-torch-cuda.lock"),
    ("Linux x86_64", {"TORCH_LOCAL": "+cu126", "TORCH_INDEX": "https://x"},
     f"{PIP} --extra-index-url https://x {TORCH}+cu126"),
    ("Linux aarch64", {}, f"{PIP}{INDEX} {TORCH}+cpu"),
    ("Darwin arm64", {}, f"{PIP} {TORCH}"),
], ids=["CPU", "another index", "CUDA", "another CUDA", "ARM", "Mac"])
def test_install_takes_what_is_locked_and_the_build_of_torch(
        checkout: Checkout, machine: str, environment: dict[str, str], torch: str) -> None:
    assert _install(checkout, machine, **environment) == [f"{LOCKED}requirements.lock", torch]


def _wheel(folder: Path, name: str, version: str) -> str:
    """Make the smallest package there is; returns its SHA-256."""
    path = folder / f"{name}-{version}-py3-none-any.whl"
    about = f"{name}-{version}.dist-info"
    with zipfile.ZipFile(path, "w") as wheel:
        wheel.writestr(f"{about}/METADATA", f"Metadata-Version: 2.1\nName: {name}\n"
                                            f"Version: {version}\n")
        wheel.writestr(f"{about}/WHEEL", "Wheel-Version: 1.0\nGenerator: test\n"
                                         "Root-Is-Purelib: true\nTag: py3-none-any\n")
        wheel.writestr(f"{about}/RECORD", "")
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_install_takes_no_torch_where_none_is_wanted(checkout: Checkout) -> None:
    wanted = checkout.root / "requirements.txt"
    wanted.write_text("\n".join(line for line in wanted.read_text().splitlines()
                                if not line.startswith("torch==")))
    assert _install(checkout) == [f"{LOCKED}requirements.lock"]


@pytest.mark.parametrize(("digest", "status", "words"), [
    (None, 0, "Would install demo-1.0"), ("0" * 64, 1, "DO NOT MATCH THE HASHES"),
], ids=["the file that was locked", "another"])
def test_install_takes_no_file_but_the_one_that_was_locked(
        checkout: Checkout, digest: str | None, status: int, words: str) -> None:
    """Asked of the real pip, which installs nothing here."""
    real = _wheel(checkout.root, "demo", "1.0")
    for lock in checkout.root.glob("requirements*.lock"):
        lock.write_text(f"demo==1.0 \\\n    --hash=sha256:{digest or real}\n")
    done = checkout.run("scripts/install.sh", sys.executable, TORCH_INDEX="", PIP_NO_INDEX="1",
                        PIP_DRY_RUN="1", PIP_FIND_LINKS=str(checkout.root),
                        PIP_CONFIG_FILE=os.devnull)
    assert done.status == status
    assert words in done.out + done.err


def test_setup_makes_an_environment_and_fills_it(checkout: Checkout) -> None:
    done = checkout.run("scripts/setup.sh", "dev")
    assert done.status == 0, done
    assert done.calls[0] == "-m venv .venv"
    assert done.calls[-1] == f"{LOCKED}requirements-dev.lock"
    assert "installing requirements.lock lambda/requirements.txt requirements-aws.lock" in done.out


def test_setup_does_nothing_the_second_time(checkout: Checkout) -> None:
    checkout.run("scripts/setup.sh")
    done = checkout.run("scripts/setup.sh")
    assert done.calls == []
    assert "up to date" in done.out


def test_setup_goes_on_from_running_to_testing(checkout: Checkout) -> None:
    checkout.run("scripts/setup.sh")
    done = checkout.run("scripts/setup.sh", "dev")
    assert "-m venv .venv" not in done.calls
    assert done.calls[-1] == f"{LOCKED}requirements-dev.lock"


def test_setup_installs_again_when_a_requirement_has_changed(checkout: Checkout) -> None:
    checkout.run("scripts/setup.sh")
    with (checkout.root / "requirements.txt").open("a") as file:
        file.write("another==1.0\n")
    assert len(checkout.run("scripts/setup.sh").calls) == 3


def test_setup_installs_again_when_a_lock_has_changed(checkout: Checkout) -> None:
    checkout.run("scripts/setup.sh")
    with (checkout.root / "requirements-torch-cpu.lock").open("a") as file:
        file.write("# another hash\n")
    assert len(checkout.run("scripts/setup.sh").calls) == 3


@pytest.mark.parametrize(("level", "last"), [
    ([], "lambda/requirements.txt"), (["aws"], "requirements-aws.lock"),
    (["dev"], "requirements-dev.lock")])
def test_setup_installs_what_its_level_needs(
        checkout: Checkout, level: list[str], last: str) -> None:
    done = checkout.run("scripts/setup.sh", *level)
    assert done.calls[-1] == f"{LOCKED}{last}"


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
    ("sbom", "${DOCKER:-docker} run --rm sentiment:cpu cat /usr/share/doc/sentiment/sbom.cdx.json"),
])
def test_make_runs_docker_with_these_arguments(checkout: Checkout, target: str, words: str) -> None:
    done = checkout.run("make", "--dry-run", target)
    assert done.status == 0, done
    assert done.out.splitlines() == [words]


def test_make_takes_another_cuda_build(checkout: Checkout) -> None:
    done = checkout.run("make", "--dry-run", "image-gpu", "GPU_LOCAL=+cu126", "GPU_INDEX=https://x")
    assert "TORCH_LOCAL=+cu126 --build-arg TORCH_INDEX=https://x" in done.out


@pytest.mark.parametrize("argument", ["TORCH_LOCAL", "TORCH_INDEX"])
def test_the_dockerfile_takes_the_build_arguments(argument: str) -> None:
    assert f"\nARG {argument}=" in (ROOT / "Dockerfile").read_text()


def _audit(tmp_path: Path, *lines: str) -> tuple[int, str, str]:
    auditor = tmp_path / "auditor"
    auditor.write_text("\n".join(["#!/bin/sh", *lines]))
    auditor.chmod(0o755)
    done = subprocess.run([ROOT / "scripts" / "audit.sh"], capture_output=True, text=True,
                          env={**os.environ, "PIP_AUDIT": str(auditor)})
    return done.returncode, done.stdout, done.stderr


def test_the_audit_tells_none_known_from_some_and_from_not_asked(tmp_path: Path) -> None:
    assert _audit(tmp_path, "exit 0")[0] == 0
    assert _audit(tmp_path, "echo flask 3.1.3 PYSEC-1; exit 1")[:2] == (1, "flask 3.1.3 PYSEC-1\n")
    status, out, words = _audit(tmp_path, "echo trace >&2", "echo no route to host >&2", "exit 1")
    assert (status, out) == (2, "")
    assert words.endswith("could not be asked, so nothing is known:\nno route to host\n")


def test_an_audit_without_a_network_says_that_it_knows_nothing() -> None:
    """With the real auditor: where it is not answered, it would otherwise end like a good one."""
    nobody = "http://127.0.0.1:9"
    done = subprocess.run([ROOT / "scripts" / "audit.sh"], capture_output=True, text=True,
                          env={**os.environ, "HTTPS_PROXY": nobody, "https_proxy": nobody})
    assert (done.returncode, done.stdout) == (2, "")
    assert "could not be asked" in done.stderr


def test_the_audit_asks_about_every_lock(tmp_path: Path) -> None:
    status, asked, _ = _audit(tmp_path, 'echo "$*"; exit 1')
    assert status == 1 and "--strict" in asked
    missing = {path.name for path in ROOT.glob("requirements*.lock")} - set(asked.split())
    # torch's CPU build is of the version of the other.
    assert missing == {"requirements-torch-cpu.lock"}
