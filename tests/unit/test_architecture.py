"""The import arrows of the house, read from the syntax trees, so that they stay true."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from contract.paths import PLATFORM_ROOT

CONTAINER = Path(__file__).parents[2] / "container"
MODULES = sorted(CONTAINER.rglob("*.py"))
SCRIPTS = [CONTAINER / "train", CONTAINER / "serve", CONTAINER / "process"]
DESIGN = Path(__file__).parents[2] / "docs" / "design.md"
EXAMPLE = Path(__file__).parents[2] / "examples" / "naive_bayes"
PACKAGES = {path.name for path in CONTAINER.iterdir() if (path / "__init__.py").is_file()}
OURS = sorted(PACKAGES - {"contract"})
"""The algorithm's package, or packages."""
ALGORITHMS = {*OURS, "naive_bayes", "plug"}
HTTP = {"flask", "gunicorn", "werkzeug"}
HEAVY = {"torch", "nltk", "bs4", "safetensors"}


def _name(path: Path) -> str:
    return path.relative_to(CONTAINER).as_posix()


def _tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def _imports(path: Path) -> Iterator[str]:
    """Full names of all that is imported anywhere in a file."""
    for node in ast.walk(_tree(path)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path} line {node.lineno}: relative import"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def _roots(path: Path) -> set[str]:
    return {name.partition(".")[0] for name in _imports(path)}


def _in(folder: str) -> list[Path]:
    return [path for path in MODULES if path.is_relative_to(CONTAINER / folder)]


def _python(program: str, *, cwd: Path) -> str:
    environment = {**os.environ, "PYTHONPATH": str(CONTAINER), "PYTHONDONTWRITEBYTECODE": "1"}
    return subprocess.run([sys.executable, "-W", "error", "-c", program], env=environment, cwd=cwd,
                          capture_output=True, text=True, check=True, timeout=120).stdout


def _room(name: str) -> str:
    """The room of a full name: a folder, or a module that lies in none."""
    package, inner = name.split(".")[:2]
    return f"{package}/{inner}" + "/" * (CONTAINER / package / inner).is_dir()


def _written_rooms() -> dict[str, set[str]]:
    """Rooms in the order of docs/design.md, and what it says that each imports."""
    rows = re.findall(rf"^\| `((?:{'|'.join(sorted(PACKAGES))})/\w+/?)` \|.*\| (.+) \|$",
                      DESIGN.read_text(encoding="utf-8"), re.MULTILINE)
    return {room: {_full(name, room) for name in names.split(", ") if name != "nothing"}
            for room, names in rows}


def _full(name: str, room: str) -> str:
    """A name of the third column, where the own package goes without saying."""
    package, _, inner = name.rpartition("/")
    package = package or room.partition("/")[0]
    return _room(f"{package}.{inner}")


def _imported_rooms() -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for path in MODULES:
        name = _name(path).removesuffix(".py").replace("/", ".")
        if name.count(".") and not name.endswith("__init__"):
            rooms = {_room(full) for full in _imports(path)
                     if full.partition(".")[0] in PACKAGES}
            found.setdefault(_room(name), set()).update(rooms - {_room(name)})
    return found


def test_every_room_imports_what_the_design_says() -> None:
    assert _imported_rooms() == _written_rooms()


def test_imports_only_go_up_the_list_of_rooms() -> None:
    order = list(_written_rooms())
    assert not [(room, other) for room, others in _written_rooms().items() for other in others
                if order.index(other) >= order.index(room)]


@pytest.mark.parametrize("path", _in("contract"), ids=_name)
def test_contract_knows_no_algorithm(path: Path) -> None:
    assert not _roots(path) & (ALGORITHMS | HEAVY)


@pytest.mark.parametrize(
    "path", [path for path in MODULES if path.parent.name != "serving"], ids=_name)
def test_only_serving_knows_http(path: Path) -> None:
    assert not _roots(path) & HTTP


@pytest.mark.parametrize("path", [path for name in OURS for path in _in(name)], ids=_name)
def test_the_algorithm_knows_nothing_of_serving(path: Path) -> None:
    assert not [name for name in _imports(path) if name.startswith("contract.serving")]


@pytest.mark.parametrize("path", SCRIPTS, ids=_name)
def test_the_executables_take_their_algorithm_from_one_place(path: Path) -> None:
    names = [name for name in _imports(path) if name.partition(".")[0] in ALGORITHMS]
    assert names == ["plug.ALGORITHM"]


def test_one_line_chooses_the_algorithm() -> None:
    for plug in (CONTAINER / "plug.py", EXAMPLE / "plug.py"):
        [name] = _imports(plug)
        assert name.endswith(".ALGORITHM")


@pytest.mark.parametrize("path", [
    path for folder in ("contract", "unit/contract") for path in sorted(
        (CONTAINER.parent / "tests" / folder).glob("*.py"))], ids=lambda path: path.name)
def test_tests_of_the_shell_know_no_algorithm_of_ours(path: Path) -> None:
    assert not _roots(path) & set(OURS)


def test_the_example_stands_on_the_contract_alone_and_is_small() -> None:
    assert not _roots(EXAMPLE / "naive_bayes.py") & set(OURS)
    lines = [path.read_text().count("\n") for path in EXAMPLE.iterdir() if path.is_file()]
    assert sum(lines) < 150


def _is_docstring(node: ast.AST, parents: dict[ast.AST, ast.AST]) -> bool:
    return isinstance(parents[node], ast.Expr)


@pytest.mark.parametrize("path", [*MODULES, *SCRIPTS], ids=_name)
def test_only_paths_knows_where_the_platforms_tree_is(path: Path) -> None:
    tree = _tree(path)
    parents = {child: node for node in ast.walk(tree) for child in ast.iter_child_nodes(node)}
    literals = [node.value for node in ast.walk(tree)
                if isinstance(node, ast.Constant) and isinstance(node.value, str)
                and PLATFORM_ROOT in node.value and not _is_docstring(node, parents)]
    assert literals == ([PLATFORM_ROOT] if _name(path) == "contract/paths.py" else [])


@pytest.mark.parametrize("path", [*MODULES, *SCRIPTS], ids=_name)
def test_the_environment_is_read_at_the_doors_only(path: Path) -> None:
    doors = {"contract/training.py", "contract/processing.py", "contract/serving/server.py"}
    reads = [node for node in ast.walk(_tree(path))
             if isinstance(node, ast.Attribute) and node.attr in {"environ", "getenv", "environb"}
             and isinstance(node.value, ast.Name) and node.value.id == "os"]
    assert not reads or _name(path) in doors
    assert not {"os.environ", "os.getenv", "os.environb"} & set(_imports(path))


@pytest.mark.parametrize(("module", "absent"), [
    ("contract.serving.app", HEAVY | {*OURS}),
    ("contract.serving.server", HEAVY | {*OURS}),
    ("contract.training", HEAVY | HTTP | {*OURS}),
    ("contract.processing", HEAVY | HTTP | {*OURS}),
    ("plug", HEAVY | HTTP | {"numpy"}),
])
def test_an_import_brings_no_more_than_it_needs(
    module: str, absent: set[str], tmp_path: Path
) -> None:
    loaded = _python(f"import sys, {module}; print(*sys.modules)", cwd=tmp_path).split()
    assert not absent & set(loaded)


def test_importing_everything_does_nothing(tmp_path: Path) -> None:
    modules = [_name(path).removesuffix(".py").replace("/", ".").removesuffix(".__init__")
               for path in MODULES]
    program = f"""
import logging, signal, threading
handlers = [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGALRM)]
import {", ".join(modules)}
assert logging.root.handlers == [], logging.root.handlers
assert logging.root.level == logging.WARNING
assert threading.active_count() == 1, threading.enumerate()
assert [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGALRM)] == handlers
"""
    assert _python(program, cwd=tmp_path) == ""
    assert list(tmp_path.iterdir()) == []
