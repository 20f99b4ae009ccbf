"""The notebook, run from top to bottom on this machine."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient

from image.engine import Image

ROOT = Path(__file__).parents[2]
WORK = ROOT / "local" / "walkthrough"

# The kernel of a notebook is a program of its own, and so are its habits.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::ResourceWarning")


def test_the_notebook_runs_from_top_to_bottom(
        image: Image, surroundings: pytest.MonkeyPatch) -> None:
    surroundings.setenv("IMAGE", image.tag)
    surroundings.setenv("DOCKER", image.engine.client)
    read: Any = nbformat.read  # which has no types
    notebook = read(ROOT / "notebooks" / "walkthrough.ipynb", as_version=4)
    try:
        NotebookClient(notebook, timeout=300, resources={
            "metadata": {"path": str(ROOT / "notebooks")}}).execute()
    finally:
        shutil.rmtree(WORK, ignore_errors=True)
    said = "".join(output.get("text", "") for cell in notebook.cells if cell.cell_type == "code"
                   for output in cell.outputs)
    assert "200 asked, 200 answered" in said
    assert "\n200 1\n" in said  # what the page would get
