"""What every script for AWS owes its user, whatever it does."""

from __future__ import annotations

import ast
import importlib
import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPTS = Path(__file__).parents[2] / "scripts"
JOURNEY = ("get_data", "prepare_data", "upload_data", "push_image", "create_roles",
           "process_reviews", "train_model", "tune_model", "transform_batch", "host_models",
           "deploy_endpoint", "split_traffic", "evaluate_endpoint", "deploy_page", "status",
           "teardown")
"""In the order in which somebody would run them."""
CHORES = {"docs", "hostile", "sbom"}
CORE = sorted((SCRIPTS / "cloud").rglob("*.py"))


def _tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def _roots(path: Path) -> set[str]:
    return {name.partition(".")[0] for node in ast.walk(_tree(path)) for name in (
        [alias.name for alias in node.names] if isinstance(node, ast.Import)
        else [node.module or ""] if isinstance(node, ast.ImportFrom) else [])}


def test_these_are_all_the_scripts() -> None:
    assert {path.stem for path in SCRIPTS.glob("*.py")} == {*JOURNEY} | CHORES


@pytest.mark.parametrize("name", JOURNEY)
def test_help_comes_from_any_folder_with_an_example(name: str, tmp_path: Path) -> None:
    done = subprocess.run([sys.executable, SCRIPTS / f"{name}.py", "--help"], cwd=tmp_path,
                          env={**os.environ, "COLUMNS": "100"}, capture_output=True, text=True,
                          timeout=60)
    assert (done.returncode, done.stderr) == (0, "")
    assert f"example:\n  python scripts/{name}.py " in f"{done.stdout} "
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", JOURNEY)
def test_a_python_without_the_libraries_says_what_to_run(name: str) -> None:
    done = subprocess.run([sys.executable, "-S", SCRIPTS / f"{name}.py", "--help"],
                          capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.endswith("run\n  make tools && . .venv/bin/activate\n")
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("name", JOURNEY)
def test_the_example_is_a_command_that_the_script_takes(name: str) -> None:
    example = importlib.import_module(name).command().epilog.splitlines()[1]
    importlib.import_module(name).command().parse_args(shlex.split(example)[2:])


@pytest.mark.parametrize("name", JOURNEY)
def test_the_readme_lists_it(name: str) -> None:
    readme = (SCRIPTS / "README.md").read_text()
    places = [readme.find(f"`{script}.py`") for script in JOURNEY]
    assert f"| `{name}.py` |" in readme and places == sorted(places)


@pytest.mark.parametrize("path", CORE, ids=lambda path: str(path.stem))
def test_what_is_shared_knows_no_script(path: Path) -> None:
    assert not _roots(path) & {*JOURNEY}


@pytest.mark.parametrize("path", [*CORE, *(SCRIPTS / f"{name}.py" for name in JOURNEY)],
                         ids=lambda path: str(path.stem))
def test_the_heavy_sdk_is_not_imported_for_a_help_text(path: Path) -> None:
    """Neither it nor the plots: both take seconds."""
    top = {name.partition(".")[0] for node in _tree(path).body
           for name in ([alias.name for alias in node.names] if isinstance(node, ast.Import)
                        else [node.module or ""] if isinstance(node, ast.ImportFrom) else [])}
    assert not top & {"sagemaker", "matplotlib", "pandas", "torch"}


@pytest.mark.parametrize("name", JOURNEY)
def test_no_script_imports_another(name: str) -> None:
    assert not _roots(SCRIPTS / f"{name}.py") & {*JOURNEY}


@pytest.mark.parametrize("folder", ["container", "lambda", "local_test"])
def test_nothing_that_runs_elsewhere_knows_the_scripts(folder: str) -> None:
    for path in (SCRIPTS.parent / folder).rglob("*.py"):
        assert not _roots(path) & {"cloud", *JOURNEY}, path
