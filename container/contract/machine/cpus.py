"""How much of the machine this container may use. Sources: requirements T20, S20, N4."""

from __future__ import annotations

import math
import os
from collections.abc import MutableMapping
from pathlib import Path

CGROUP = Path("/sys/fs/cgroup")

_THREAD_VARIABLES = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")


def available(cgroup: Path = CGROUP) -> int:
    """Processors by affinity and cgroup quota, at least one. A quota of 1.5 counts as 2."""
    affinity = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    quota = _quota(cgroup)
    return max(1, min(affinity or 1, math.ceil(quota) if quota else affinity or 1))


def bound_numeric_threads(threads: int, environment: MutableMapping[str, str]) -> int:
    """Bound the numeric libraries' threads, before they are imported; what the user set stays.

    Returns:
        The number of threads to use: `threads`, or what the user set in OMP_NUM_THREADS.
    """
    for name in _THREAD_VARIABLES:
        environment.setdefault(name, str(threads))
    wanted = environment["OMP_NUM_THREADS"]
    return int(wanted) if wanted.isdigit() and int(wanted) > 0 else threads


def _quota(cgroup: Path) -> float | None:
    """Processors by quota, in version 2 (`cpu.max`) or version 1 of the kernel's interface."""
    try:
        limit, period = (cgroup / "cpu.max").read_text().split()
    except (OSError, ValueError):
        try:
            limit = (cgroup / "cpu" / "cpu.cfs_quota_us").read_text().strip()
            period = (cgroup / "cpu" / "cpu.cfs_period_us").read_text().strip()
        except OSError:
            return None
    try:
        quota = int(limit) / int(period)
    except (ValueError, ZeroDivisionError):  # "max": no limit
        return None
    return quota if quota > 0 else None
