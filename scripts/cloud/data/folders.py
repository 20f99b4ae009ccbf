"""A folder that is there whole or not at all."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def new_folder(target: Path) -> Iterator[Path]:
    """An empty folder to fill; it takes the place of `target` if the block ends well.

    Until then, and if the block fails, `target` stays as it is.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{target.name}.", dir=target.parent) as place:
        new = Path(place) / "new"
        new.mkdir()
        yield new
        if target.exists():
            target.rename(Path(place) / "old")
        new.rename(target)
