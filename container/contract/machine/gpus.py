"""How many GPUs this container is given, without a library that would start them.

Sources: requirements T20, T30.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

DEVICES = Path("/dev")


def count(environment: Mapping[str, str], devices: Path = DEVICES) -> int:
    """The NVIDIA runtime mounts one device file for each GPU that the container may use."""
    found = sum(bool(re.fullmatch(r"nvidia[0-9]+", path.name)) for path in devices.iterdir())
    chosen = environment.get("CUDA_VISIBLE_DEVICES")
    if chosen is None:
        return found
    return min(found, sum(bool(name.strip()) for name in chosen.split(",")))
