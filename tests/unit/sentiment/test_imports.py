"""What is loaded with a part of the algorithm: a job that splits reviews needs no PyTorch."""

from __future__ import annotations

import subprocess
import sys

import pytest

from executables import CONTAINER


@pytest.mark.parametrize(("module", "absent"), [
    ("sentiment.plugin", {"torch", "numpy", "nltk", "bs4", "flask"}),
    ("sentiment.processing.splits", {"torch", "nltk", "bs4", "flask"}),
    ("sentiment.artifacts.artifact", {"nltk", "bs4", "flask", "gunicorn"}),
])
def test_an_import_brings_no_more_than_it_needs(module: str, absent: set[str]) -> None:
    loaded = subprocess.run([sys.executable, "-c", f"import sys, {module}; print(*sys.modules)"],
                            env={"PYTHONPATH": str(CONTAINER)}, capture_output=True, text=True,
                            check=True).stdout.split()
    assert not absent & set(loaded)
