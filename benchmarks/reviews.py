"""Real reviews from the archive of the Large Movie Review Dataset, in a fixed random order."""

from __future__ import annotations

import argparse
import os
import random
import tarfile
from pathlib import Path, PurePosixPath
from typing import NamedTuple

SIDES = {"neg": 0, "pos": 1}


class Review(NamedTuple):
    """One review as it lies in its file."""

    label: int
    content: bytes


def read_reviews(archive: Path, half: str) -> list[Review]:
    """All labelled reviews of `train` or `test`, shuffled always the same way."""
    found: list[tuple[str, Review]] = []
    with tarfile.open(archive, "r|*") as tar:
        for member in tar:
            path = PurePosixPath(member.name)
            if path.parts[-3:-2] != (half,) or path.parent.name not in SIDES:
                continue
            stream = tar.extractfile(member)
            if path.suffix == ".txt" and stream is not None:
                found.append((member.name, Review(SIDES[path.parent.name], stream.read())))
    found.sort()  # archives of the same reviews differ in their order
    random.Random(1).shuffle(found)
    return [review for _, review in found]


def add_archive_option(parser: argparse.ArgumentParser) -> None:
    """`--archive PATH`, from IMDB_ARCHIVE where it is not given."""
    given = os.environ.get("IMDB_ARCHIVE")
    parser.add_argument("--archive", type=Path, default=Path(given) if given else None,
                        required=not given, metavar="PATH",
                        help="aclImdb_v1.tar.gz (also: IMDB_ARCHIVE)")
