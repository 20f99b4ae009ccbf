"""The notebook as it lies there: without results, and right in the branch that only AWS can run."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def cells() -> list[dict[str, Any]]:
    notebook = json.loads((ROOT / "notebooks" / "walkthrough.ipynb").read_text())
    return [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]


def test_it_is_kept_without_results(cells: list[dict[str, Any]]) -> None:
    assert [cell["outputs"] for cell in cells] == [[]] * len(cells)
    assert {cell["execution_count"] for cell in cells} == {None}


def test_it_is_switched_to_this_machine(cells: list[dict[str, Any]]) -> None:
    assert "\nON_AWS = False\n" in "".join(cells[0]["source"])


def test_both_branches_call_what_there_is(
        cells: list[dict[str, Any]], tmp_path: Path) -> None:
    program = tmp_path / "walkthrough.py"
    program.write_text("\n\n".join("".join(cell["source"]) for cell in cells))
    done = subprocess.run(
        [sys.executable, "-m", "mypy", "--allow-untyped-defs", "--allow-untyped-calls",
         "--no-strict-optional", "--follow-imports", "silent", program],
        cwd=ROOT, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout
