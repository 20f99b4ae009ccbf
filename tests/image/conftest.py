"""The image, built once by the project's own script, and a model and a server to share."""

from __future__ import annotations

import functools
import os
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn

import pytest
from image.engine import Container, Engine, Image, mount
from image.trees import QUICK, Trained, Tree

ROOT = Path(__file__).resolve().parents[2]
TAG = "sentiment:test"
CLIENT = os.environ.get("DOCKER") or "docker"
REQUIRED = os.environ.get("REQUIRE_DOCKER") == "1"


@functools.cache
def _problem() -> str | None:
    """Why there is no engine to test with, if there is none."""
    try:
        done = Engine(CLIENT)("version", "--format", "{{.Server.Version}}", timeout=30)
    except (OSError, subprocess.TimeoutExpired) as error:
        return str(error)
    return None if done.status == 0 else f"{CLIENT} version: {done.err.strip() or done.status}"


class _LeftOut(pytest.Module):
    """Stands for a module whose tests have no engine to run on."""

    def collect(self) -> NoReturn:
        pytest.skip("no Docker engine answers (DOCKER names the client): the image is not tested")


def pytest_pycollect_makemodule(module_path: Path, parent: pytest.Collector) -> _LeftOut | None:
    # Left out as whole modules and from one place, pytest says so in one line.
    if REQUIRED or _problem() is None:
        return None
    return _LeftOut.from_parent(parent, path=module_path)


@pytest.fixture(scope="session")
def engine() -> Iterator[Engine]:
    if problem := _problem():
        pytest.fail(f"REQUIRE_DOCKER=1, and no Docker engine answers: {problem}", pytrace=False)
    engine = Engine(CLIENT)
    yield engine
    engine.remove_containers()


@pytest.fixture(scope="session")
def image(engine: Engine) -> Image:
    built = subprocess.run([ROOT / "scripts" / "build.sh", TAG], capture_output=True, text=True,
                           env={**os.environ, "DOCKER": engine.client}, timeout=1800)
    assert built.returncode == 0, built.stdout[-3000:] + built.stderr[-3000:]
    return Image(engine, TAG)


@pytest.fixture(scope="session")
def workshop(image: Image, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder for all trees. What root writes there in a container stays removable from here."""
    place = tmp_path_factory.mktemp("image")
    yield place
    image.run("chmod", "-R", "a+rwX", "/delete", options=mount(place, "/delete"))


def _new_tree(workshop: Path) -> Tree:
    return Tree.make(Path(tempfile.mkdtemp(dir=workshop)))


@pytest.fixture
def tree(workshop: Path) -> Tree:
    """An empty /opt/ml."""
    return _new_tree(workshop)


@pytest.fixture
def corpus_tree(tree: Tree) -> Tree:
    """An /opt/ml with the generated corpus and settings that are quickly done."""
    tree.add_corpus()
    tree.set_hyperparameters(QUICK)
    return tree


@pytest.fixture(scope="session")
def trained(image: Image, workshop: Path) -> Trained:
    tree = _new_tree(workshop)
    tree.add_corpus()
    tree.set_hyperparameters(QUICK)
    return Trained(tree, image.train(tree.root))


@pytest.fixture(scope="session")
def model(trained: Trained) -> Path:
    """The folder of a model, to be mounted where it is served."""
    assert trained.run.status == 0, trained.run
    return trained.tree.model


@pytest.fixture(scope="session")
def server(image: Image, model: Path) -> Iterator[Container]:
    with image.serve(model) as container:
        yield container.wait_until_ready()
