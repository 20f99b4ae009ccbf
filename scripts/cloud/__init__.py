"""What the scripts share.

Importing it puts the rooms next door within reach, for all scripts in one place: the container's
code, which knows what it takes, and `local_test`, which tries it. Where the libraries are missing,
the script ends with what to do.
"""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
"""The checkout."""

for _room in ("local_test", "container"):
    if str(ROOT / _room) not in sys.path:
        sys.path.insert(0, str(ROOT / _room))

if importlib.util.find_spec("boto3") is None:
    sys.exit("what the scripts need is not installed for this Python; run\n"
             "  make tools && . .venv/bin/activate")
