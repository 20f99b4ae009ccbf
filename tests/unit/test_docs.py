"""The documentation says what the code does, as far as a machine can tell."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
CONTRACT = ROOT / "docs" / "contract.md"


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


def _rows() -> dict[str, str]:
    """Of docs/contract.md, by their numbers."""
    return dict(re.findall(r"^\| ([A-Z]\d+) (\|.*\|)$", CONTRACT.read_text(), re.MULTILINE))


def test_requirements_are_numbered_without_a_gap() -> None:
    numbers: dict[str, list[int]] = {}
    for name in _rows():
        numbers.setdefault(name[0], []).append(int(name[1:]))
    assert {*numbers} == {*"TDSMBPKLNI"}
    assert all(found == [*range(1, len(found) + 1)] for found in numbers.values())


def test_every_requirement_names_tests_that_exist_or_says_why_not() -> None:
    for name, row in _rows().items():
        links = re.findall(r"\[([^]]+)\]\(\.\./(tests/[^)]+)\)", row)
        assert links or name == "S23", name
        for words, file in links:
            function = f"def test_{words.replace(' ', '_')}("
            assert function in (ROOT / file).read_text(), (name, words)


def test_every_requirement_that_the_code_names_is_there() -> None:
    named = set()
    sources = [path for folder in ("container", "scripts", "lambda", "local_test", "tests")
               for path in (ROOT / folder).rglob("*") if path.suffix in ("", ".py", ".sh", ".yaml")]
    number = r"[TDSMBPKLNI]\d{1,2}"
    for path in [ROOT / "Dockerfile", *filter(Path.is_file, sources)]:
        text = path.read_text(errors="replace")
        for words in (*re.findall(rf"requirements? ((?:{number}[-, ]*(?:and )?)+)", text),
                      *re.findall(rf"\(((?:{number}[-, ]*)+)\)", text)):
            named |= set(re.findall(number, words))
    assert len(named) > 60
    assert named <= _rows().keys()


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
