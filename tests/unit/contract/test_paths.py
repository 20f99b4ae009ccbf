from __future__ import annotations

from pathlib import Path

import pytest

from contract.paths import PLATFORM_ROOT, Paths


def test_the_tree_is_the_platforms() -> None:
    paths = Paths()
    below = [str(path.relative_to(PLATFORM_ROOT)) for path in (
        paths.config, paths.data, paths.model, paths.output_data, paths.failure,
        paths.checkpoints)]
    assert below == ["input/config", "input/data", "model", "output/data", "output/failure",
                     "checkpoints"]


def test_all_of_it_moves_with_its_root(tmp_path: Path) -> None:
    paths = Paths(tmp_path)
    assert all(path.is_relative_to(tmp_path) for path in (
        paths.config, paths.data, paths.model, paths.output_data, paths.failure,
        paths.checkpoints))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("stated", "place"), [
    (f"{PLATFORM_ROOT}/checkpoints", "/tree/checkpoints"),
    (f"{PLATFORM_ROOT}/a/b/", "/tree/a/b"),
    (PLATFORM_ROOT, "/tree"),
    ("/tmp/elsewhere", "/tmp/elsewhere"),
    (f"{PLATFORM_ROOT}-like/x", f"{PLATFORM_ROOT}-like/x"),
])
def test_a_path_that_the_platform_states_is_mapped_into_the_tree(stated: str, place: str) -> None:
    assert Paths(Path("/tree")).relocated(stated) == Path(place)
