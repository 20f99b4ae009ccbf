from __future__ import annotations

from learned import trained as trained
