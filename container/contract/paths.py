"""Where SageMaker puts things. The only module that knows the tree's place; nothing is opened here.

Source: requirements T9, T21-T23, S3, P2 and P3 of the platform's contract.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path, PurePosixPath

PLATFORM_ROOT = "/opt/ml"


@dataclass(frozen=True)
class Paths:
    """The tree below one root: the platform's by default, any folder for a test or a laptop."""

    root: Path = Path(PLATFORM_ROOT)

    @property
    def config(self) -> Path:
        return self.root / "input" / "config"

    @property
    def data(self) -> Path:
        return self.root / "input" / "data"

    @property
    def model(self) -> Path:
        return self.root / "model"

    @property
    def models(self) -> Path:
        return self.root / "models"

    @property
    def output_data(self) -> Path:
        return self.root / "output" / "data"

    @property
    def failure(self) -> Path:
        return self.root / "output" / "failure"

    @property
    def processing_config(self) -> Path:
        return self.root / "config"

    @property
    def processing(self) -> Path:
        return self.root / "processing"

    @property
    def message(self) -> Path:
        return self.root / "output" / "message"

    @property
    def checkpoints(self) -> Path:
        return self.root / "checkpoints"

    def relocated(self, absolute: str) -> Path:
        """Map a path that the platform states, such as a checkpoint `LocalPath`, into this tree."""
        path = PurePosixPath(absolute)
        if path.is_relative_to(PLATFORM_ROOT):
            return self.root / path.relative_to(PLATFORM_ROOT)
        return Path(absolute)
