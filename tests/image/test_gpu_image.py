"""The GPU image cannot be run here, but what its build would install can be resolved."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[2]
NO_INDEX = ("Could not find a version", "No matching distribution", "ConnectionError",
            "Connection to", "NewConnectionError")


def _resolve(requirement: str, report: Path) -> dict[str, str]:
    """Names and versions that pip would install from its default index alone."""
    environment = {name: value for name, value in os.environ.items()
                   if name not in ("PIP_EXTRA_INDEX_URL", "PIP_INDEX_URL", "PIP_NO_INDEX")}
    done = subprocess.run(
        [sys.executable, "-m", "pip", "install", "--dry-run", "--ignore-installed", "--quiet",
         "--only-binary", ":all:", "--report", report, requirement],
        env={**environment, "PIP_FIND_LINKS": "", "PIP_CONFIG_FILE": os.devnull},
        capture_output=True, text=True, timeout=300)
    if done.returncode and any(words in done.stderr for words in NO_INDEX) \
            and os.environ.get("REQUIRE_DOCKER") != "1":
        pytest.skip("no package index can be reached, so the CUDA build is not resolved")
    assert done.returncode == 0, done.stderr
    rows = json.loads(report.read_text())["install"]
    return {row["metadata"]["name"]: row["metadata"]["version"] for row in rows}


def test_torch_without_suffix_is_the_cuda_build_and_all_of_it_is_locked(tmp_path: Path) -> None:
    pinned = re.search(r"^torch==(\S+)$", (ROOT / "requirements.txt").read_text(), re.MULTILINE)
    assert pinned
    found = _resolve(pinned[0], tmp_path / "report.json")
    assert found["torch"] == pinned[1]
    assert {"nvidia-cudnn", "nvidia-nccl"} <= {re.sub(r"-cu[0-9]+$", "", name) for name in found}
    # Only what is locked is installed.
    locks = ("requirements.lock", "requirements-torch-cuda.lock")
    assert set(map(canonicalize_name, found)) <= {
        name for lock in locks
        for name in re.findall(r"^([a-z0-9-]+)==", (ROOT / lock).read_text(), re.MULTILINE)}
