"""What tests of several rooms need: a small model, trained by the real `train`, and the image."""

from __future__ import annotations

import functools
import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NoReturn

import pytest
from hypothesis import HealthCheck, settings

from executables import CONTAINER, lay_out, train
from image.engine import Engine, Image, mount
from plug import ALGORITHM
from rating import extremes

ROOT = Path(__file__).resolve().parents[1]
EXAMPLE = ROOT / "examples" / "naive_bayes"
TAG = "sentiment:test"
BUILD = pytest.StashKey[subprocess.Popen[str]]()
"""The building of it, once it has begun."""
IN_DOCKER = ("image", "sdk")
"""Folders of tests that have nothing to run on without a Docker engine."""
CLIENT = os.environ.get("DOCKER") or "docker"
REQUIRED = os.environ.get("REQUIRE_DOCKER") == "1"

# Machines are noisy: how long an example takes says nothing about the code. And a test run is to
# be repeatable: new examples are searched for with HYPOTHESIS_PROFILE=search.
NOISY: dict[str, Any] = {"deadline": None, "suppress_health_check": [HealthCheck.too_slow]}
settings.register_profile("repeatable", derandomize=True, **NOISY)
settings.register_profile("search", max_examples=3000, **NOISY)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "repeatable"))


def pytest_configure() -> None:
    """Programs that tests interrupt must not inherit that nobody minds: so it is in a background.

    A shell has those that it starts with `&` ignore SIGINT, and all that they start.
    """
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The browser's tests last.

    While a browser is open its event loop runs in the main thread, where the tests that bring a
    crowd of callers need a loop of their own.
    """
    items.sort(key=lambda item: "browser" in item.path.relative_to(ROOT).parts)


@pytest.fixture(scope="session")
def small_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The directory of a model; read-only by agreement."""
    root = lay_out(tmp_path_factory.mktemp("small"))
    trained = train(root)
    assert trained.status == 0, trained.log
    return root / "model"


@pytest.fixture(scope="session")
def reviews(small_model: Path) -> dict[str, str]:
    """The review that the small model likes best, and the one that it likes least."""
    return extremes(ALGORITHM.load(small_model))


@pytest.fixture(scope="session")
def naive_bayes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The programs of the example, put together as its Dockerfile does."""
    programs = tmp_path_factory.mktemp("naive-bayes") / "program"
    shutil.copytree(CONTAINER, programs, ignore=shutil.ignore_patterns("sentiment", "__pycache__"))
    for file in EXAMPLE.glob("*.py"):
        shutil.copy(file, programs)
    return programs


@functools.cache
def _engine_problem() -> str | None:
    return Engine(CLIENT).problem()


class _LeftOut(pytest.Module):
    """Stands for a module whose tests have no engine to run on."""

    def collect(self) -> NoReturn:
        pytest.skip("no Docker engine answers (DOCKER names the client): the image is not tested")


def pytest_pycollect_makemodule(module_path: Path, parent: pytest.Collector) -> _LeftOut | None:
    # Left out as whole modules and from one place, pytest says so in one line.
    if module_path.parent.name not in IN_DOCKER or REQUIRED or _engine_problem() is None:
        return None
    return _LeftOut.from_parent(parent, path=module_path)


@pytest.fixture(scope="session")
def engine() -> Iterator[Engine]:
    if problem := _engine_problem():
        if not REQUIRED:  # one of a few tests in a folder of others
            pytest.skip("no Docker engine answers (DOCKER names the client)")
        pytest.fail(f"REQUIRE_DOCKER=1, and no Docker engine answers: {problem}", pytrace=False)
    engine = Engine(CLIENT)
    yield engine
    engine.remove_containers()


@pytest.fixture(scope="session")
def image(engine: Engine, request: pytest.FixtureRequest) -> Image:
    """The image, built by the project's own script."""
    build = request.config.stash.get(BUILD, None) or _build()
    said, _ = build.communicate(timeout=1800)
    assert build.returncode == 0, said[-3000:]
    return Image(engine, TAG)


def _build() -> subprocess.Popen[str]:
    return subprocess.Popen([ROOT / "scripts" / "build.sh", TAG], stdout=subprocess.PIPE,
                            stderr=subprocess.STDOUT, text=True,
                            env={**os.environ, "DOCKER": CLIENT})


def pytest_collection_finish(session: pytest.Session) -> None:
    """Where the image is wanted, it is built beside the tests that come before."""
    wanted = any("image" in getattr(item, "fixturenames", ()) for item in session.items)
    if wanted and not session.config.option.collectonly and _engine_problem() is None:
        session.config.stash[BUILD] = _build()


def pytest_unconfigure(config: pytest.Config) -> None:
    if (build := config.stash.get(BUILD, None)) and build.poll() is None:
        build.terminate()
        build.communicate()


@pytest.fixture(scope="session")
def workshop(image: Image, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder for all trees. What root writes there in a container stays removable from here."""
    place = tmp_path_factory.mktemp("image")
    yield place
    image.run("chmod", "-R", "a+rwX", "/delete", options=mount(place, "/delete"))
