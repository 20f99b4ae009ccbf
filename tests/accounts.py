"""Names that the tests of the scripts share."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

PROJECT = "sentiment-sagemaker"
REGION = "eu-central-1"
ACCOUNT = "123456789012"
BUCKET = f"{PROJECT}-{ACCOUNT}-{REGION}"


class Finished(NamedTuple):
    """What a script has left behind."""

    status: int
    out: str
    err: str

    @property
    def sent(self) -> list[str]:
        """What a dry run would have sent: `sagemaker CreateModel`, in order."""
        return [line.removeprefix("would send ") for line in self.out.splitlines()
                if line.startswith("would send ")]


Script = Callable[..., Finished]
