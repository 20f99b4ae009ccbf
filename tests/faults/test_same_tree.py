"""Two jobs in one tree (T29): nothing of the first is in what the second makes.

A warm pool gives each job a container of its own, and its cache is not used (docs/training.md).
"""

from __future__ import annotations

import shutil
from pathlib import Path

from executables import SMALL, lay_out
from faults.nursery import Nursery

SETTINGS = {**SMALL, "epochs": "1"}


def contents(root: Path) -> dict[str, bytes]:
    """All that a job has written, but for the description, which tells how long it took."""
    return {str(path.relative_to(root)): path.read_bytes()
            for folder in ("model", "output") for path in (root / folder).rglob("*")
            if path.is_file() and path.name != "model.json"}


def leave_traces(root: Path) -> None:
    """What a job leaves that failed, and one that was killed while it wrote its model."""
    for name in ("output/failure", "model/.weights.safetensors.0a1b2c3d.tmp", "model/model.json"):
        path = root / name
        path.parent.mkdir(exist_ok=True)
        path.write_text("of an earlier job")


def test_a_later_job_has_nothing_of_the_one_before(nursery: Nursery, tmp_path: Path) -> None:
    root = lay_out(tmp_path / "tree", 40, hyperparameters=SETTINGS)
    leave_traces(root)
    first = nursery.train(root)
    shutil.rmtree(root / "input")
    lay_out(root, 40, seed=5, hyperparameters=SETTINGS)
    second = nursery.train(root)
    fresh = lay_out(tmp_path / "fresh", 40, seed=5, hyperparameters=SETTINGS)
    assert [first.status, second.status, nursery.train(fresh).status] == [0, 0, 0]
    assert contents(root) == contents(fresh)


def test_the_cache_of_a_warm_pool_is_left_alone(nursery: Nursery, tmp_path: Path) -> None:
    root = lay_out(tmp_path, 40, hyperparameters=SETTINGS)
    cache = root / "sagemaker" / "warmpoolcache"
    cache.mkdir(parents=True)
    (cache / "of-another-job").write_text("x")
    assert nursery.train(root).status == 0
    assert [path.name for path in cache.iterdir()] == ["of-another-job"]
