"""The documentation says what the code does, as far as a machine can tell."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


def test_hyperparameter_page_is_made_from_the_declaration() -> None:
    spec = importlib.util.spec_from_file_location("docs", ROOT / "scripts" / "docs.py")
    assert spec and spec.loader
    docs = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(docs)
    assert docs.PAGE.read_text() == docs.page(), "run `make docs`"


@pytest.mark.parametrize("page", sorted(
    [*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), *ROOT.glob("*/README.md")]),
    ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_to_files_that_exist(page: Path) -> None:
    targets = re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text())
    missing = [target for target in targets if not (page.parent / target).exists()]
    assert missing == []


def test_every_serving_variable_is_in_the_manual() -> None:
    source = (ROOT / "container" / "contract" / "serving" / "settings.py").read_text()
    manual = (ROOT / "docs" / "serving.md").read_text()
    variables = set(re.findall(r'"([A-Z]{3,}(?:_[A-Z]+)+)"', source)) - {
        "MULTI_RECORD", "SINGLE_RECORD"}
    assert sorted(name for name in variables if name not in manual) == []


def test_every_make_target_in_the_readme_exists() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.M))
    named = set(re.findall(r"(?:^|`)make ([a-z-]+)", (ROOT / "README.md").read_text(), re.M))
    assert named <= targets


def test_every_test_that_the_threat_model_names_exists() -> None:
    named = re.findall(r"`(tests/[^`]+)`", (ROOT / "SECURITY.md").read_text())
    assert len(named) > 10
    assert [name for name in named if not (ROOT / name).is_file()] == []
