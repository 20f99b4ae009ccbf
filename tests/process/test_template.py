"""Another algorithm in the place of ours, as docs/bring-your-own.md says, and the shell goes on.

The commands are those of the page, in a copy of the checkout.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "bring-your-own.md"


def run(*command: str | Path, at: Path, **environment: str) -> str:
    ended = subprocess.run(command, cwd=at, capture_output=True, text=True, timeout=600,
                           env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1", **environment})
    assert ended.returncode == 0, f"{command}\n{ended.stdout[-3000:]}\n{ended.stderr[-3000:]}"
    return ended.stdout


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The checkout with the example's algorithm instead of ours."""
    listed = subprocess.run(["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
                            cwd=ROOT, capture_output=True, text=True)
    if listed.returncode:
        pytest.skip("this is no git checkout, so nobody knows which files are the project's")
    copy = tmp_path_factory.mktemp("template") / "mine"
    for name in filter(None, listed.stdout.split("\0")):
        if (ROOT / name).is_file():
            (copy / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, copy / name)
    [commands] = re.findall(r"```sh\n(git rm .*?)```", PAGE.read_text(), re.DOTALL)
    run("git", "init", "--quiet", at=copy)
    run("git", "add", "--all", at=copy)
    run("git", "-c", "user.name=x", "-c", "user.email=x@example.org", "commit", "--quiet",
        "--message", "theirs", at=copy)
    run("sh", "-euc", commands, at=copy)
    return copy


def test_nothing_of_ours_is_left_in_the_container(copy: Path) -> None:
    assert not (copy / "container" / "sentiment").exists()
    assert "naive_bayes" in (copy / "container" / "plug.py").read_text()


def test_the_contracts_tests_pass_with_it(copy: Path) -> None:
    said = run(sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests/contract",
               "tests/unit/contract/test_train_command.py", "tests/unit/test_architecture.py",
               "-k", "not example", at=copy)
    assert int(re.findall(r"(\d+) passed", said)[0]) > 300


def test_a_training_job_is_asked_for_with_its_settings_and_metrics(copy: Path) -> None:
    said = run(sys.executable, "scripts/train_model.py", "--dry-run", "--hyperparameters",
               "smoothing=0.5", at=copy, AWS_CONFIG_FILE=os.devnull,
               AWS_SHARED_CREDENTIALS_FILE=os.devnull, AWS_EC2_METADATA_DISABLED="true")
    assert '"smoothing": "0.5"' in said
    assert "validation:accuracy" in said and "validation:loss" not in said


def test_the_page_of_hyperparameters_is_made_from_it(copy: Path) -> None:
    run(sys.executable, "scripts/docs.py", at=copy)
    page = (copy / "docs" / "hyperparameters.md").read_text()
    assert "| `smoothing` | a number in [1e-06, 100] | `1.0` |" in page
    assert "epochs" not in page
