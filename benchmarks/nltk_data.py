"""NLTK's stop words, which only the published recipe reads, from disk and for every word."""

from __future__ import annotations

import argparse
import os
import zipfile
from pathlib import Path


def add_nltk_option(parser: argparse.ArgumentParser) -> None:
    """`--nltk-data DIR`, from NLTK_DATA where it is not given."""
    given = os.environ.get("NLTK_DATA")
    parser.add_argument("--nltk-data", type=Path, default=Path(given) if given else None,
                        required=not given, metavar="DIR",
                        help="has corpora/stopwords or corpora/stopwords.zip (also: NLTK_DATA)")


def unpacked(data: Path, scratch: Path) -> Path:
    """The folder to name to NLTK: `data`, or the same unpacked in `scratch`.

    NLTK's downloader leaves a folder; a zip archive would slow the recipe down.
    """
    corpora = data / "corpora"
    if (corpora / "stopwords").is_dir():
        return data
    (scratch / "corpora").mkdir(mode=0o700)
    with zipfile.ZipFile(corpora / "stopwords.zip") as archive:
        archive.extractall(scratch / "corpora")
    # NLTK refuses files that other accounts may write.
    for path in scratch.rglob("*"):
        path.chmod(0o700 if path.is_dir() else 0o600)
    return scratch
