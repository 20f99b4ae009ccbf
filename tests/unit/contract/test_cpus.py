from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

import pytest

from contract.machine import cpus

QUOTAS: dict[str, tuple[Mapping[str, str], int]] = {
    "nothing": ({}, 8),
    "version 2": ({"cpu.max": "200000 100000\n"}, 2),
    "version 2, a part": ({"cpu.max": "150000 100000\n"}, 2),
    "version 2, less than one": ({"cpu.max": "10000 100000\n"}, 1),
    "version 2, more than there are": ({"cpu.max": "6400000 100000\n"}, 8),
    "version 2, no limit": ({"cpu.max": "max 100000\n"}, 8),
    "version 2, damaged": ({"cpu.max": "x"}, 8),
    "version 2, period of zero": ({"cpu.max": "100000 0\n"}, 8),
    "version 1": ({"cpu/cpu.cfs_quota_us": "300000\n", "cpu/cpu.cfs_period_us": "100000\n"}, 3),
    "version 1, no limit": (
        {"cpu/cpu.cfs_quota_us": "-1\n", "cpu/cpu.cfs_period_us": "100000\n"}, 8),
    "version 1, half there": ({"cpu/cpu.cfs_quota_us": "300000\n"}, 8),
}


@pytest.mark.parametrize("name", QUOTAS)
def test_processors_are_bounded_by_the_quota(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files, expected = QUOTAS[name]
    for path, content in files.items():
        (tmp_path / path).parent.mkdir(exist_ok=True)
        (tmp_path / path).write_text(content)
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: set(range(8)), raising=False)
    assert cpus.available(tmp_path) == expected


def test_processors_are_bounded_by_affinity(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "cpu.max").write_text("800000 100000")
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: {3, 5}, raising=False)
    assert cpus.available(tmp_path) == 2


def test_where_there_is_no_affinity_the_machines_processors_count(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(os, "sched_getaffinity", raising=False)
    monkeypatch.setattr(os, "cpu_count", lambda: 5)
    assert cpus.available(tmp_path) == 5
    monkeypatch.setattr(os, "cpu_count", lambda: None)
    assert cpus.available(tmp_path) == 1


def test_numeric_threads_are_bounded_and_what_the_user_set_stays() -> None:
    environment = {"OMP_NUM_THREADS": "7"}
    cpus.bound_numeric_threads(2, environment)
    assert environment["OMP_NUM_THREADS"] == "7"
    assert environment["MKL_NUM_THREADS"] == environment["OPENBLAS_NUM_THREADS"] == "2"
