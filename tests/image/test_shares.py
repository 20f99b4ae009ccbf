"""An inference component has a share of an instance: workers and threads follow it (S20)."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import pytest

from image.engine import Image, environment


@pytest.mark.parametrize(("options", "workers", "threads"), [
    (["--cpus", "0.5"], 1, 1),
    (["--cpuset-cpus", "0"], 1, 1),
    (["--cpus", "0.5", *environment({"SAGEMAKER_MODEL_SERVER_WORKERS": "2"})], 2, 1),
    (["--cpuset-cpus", "0", *environment({"OMP_NUM_THREADS": "2"})], 1, 2),
    (["--cpus", "0.5", *environment({"SAGEMAKER_MODEL_SERVER_WORKERS": "2",
                                     "OMP_NUM_THREADS": "3"})], 2, 3),
], ids=["quota", "affinity", "workers set", "threads set", "both set"])
def test_workers_and_threads_follow_the_share_unless_they_are_set(
        image: Image, model: Path, options: Sequence[str], workers: int, threads: int) -> None:
    with image.serve(model, options=options) as server:
        log = server.wait_until_ready().logs()
        entries = [json.loads(line) for line in log.splitlines()]
    found = next(entry for entry in entries if entry["message"] == "settings")
    assert (found["workers"], found["threads_per_worker"]) == (workers, threads)
