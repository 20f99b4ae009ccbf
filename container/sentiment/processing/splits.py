"""The task `prepare`: reviews of any layout as the splits that training takes.

Each split is a folder of JSON Lines or CSV. A job that fails or is stopped leaves none of them.
"""

from __future__ import annotations

import csv
import io
import json
import logging
from array import array
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np

from contract.files import write_atomic
from contract.tasks import ProcessingJob
from sentiment import labels
from sentiment.processing.shares import read_share
from sentiment.reviews import tables
from sentiment.reviews.dataset import BadRows
from sentiment.reviews.spool import Texts

log = logging.getLogger(__name__)

TRAIN, VALIDATION, TEST, UNLABELLED = "train", "validation", "test", "unlabelled"

_PART_BYTES = 32 * 1024 * 1024
"""Of a file: small enough to hold, large enough for S3."""
_FEWEST_RUNS = 100
"""Runs of reviews that there must be to draw from, of each class."""


def prepare(job: ProcessingJob) -> str:
    """Write this host's share of the reviews; returns how many went where.

    Raises:
        UserError: an input or an output is missing, or a file cannot be used.
    """
    options = job.options
    run, seed = int(options["run"] or 1), int(options["seed"] or 0)
    files = {name: _Files(job.output(name), job.host, str(options["format"]))
             for name in (TRAIN, VALIDATION, TEST)}
    texts, found, splits, apart = Texts(), array("b"), list[str](), False
    for review in read_share(job.input("reviews", or_only=True), job,
                             BadRows(int(options["max_bad_rows"] or 0)), run):
        unlabelled = review.label == tables.UNLABELLED
        texts.append(review.text)
        found.append(review.label)
        splits.append(UNLABELLED if unlabelled else TEST if review.test else TRAIN)
        if unlabelled and UNLABELLED not in files:
            files[UNLABELLED] = _Files(job.output(UNLABELLED), job.host, str(options["format"]))
        apart = review.test is not None
    fractions = {VALIDATION: float(options["validation_fraction"] or 0),
                 TEST: 0.0 if apart else float(options["test_fraction"] or 0)}
    draw(splits, found, fractions, np.random.default_rng([seed, job.rank]), run)
    try:
        for split, label, text in zip(splits, found, texts, strict=True):
            job.stop.raise_if_set()
            files[split].add(label, text)
        for split_files in files.values():
            split_files.flush()
            job.stop.raise_if_set()
        for split_files in files.values():
            split_files.remove_earlier()
    except BaseException:
        for split_files in files.values():
            split_files.remove()
        raise
    if not splits.count(TRAIN) and job.hosts == 1:
        log.warning("no review is left to train on; lower validation_fraction or test_fraction")
    return "prepared " + ", ".join(f"{splits.count(name)} {name}" for name in files)


def draw(splits: list[str], found: Sequence[int], fractions: Mapping[str, float],
         random: np.random.Generator, run: int) -> None:
    """Move reviews of the split `train` to others, of both labels the same shares.

    Drawn are runs of `run` neighbours, shorter ones where there are few reviews.
    """
    for label in (labels.NEGATIVE, labels.POSITIVE):
        rows = [row for row, split in enumerate(splits) if split == TRAIN and found[row] == label]
        length = max(1, min(run, len(rows) // _FEWEST_RUNS))
        runs = [rows[at:at + length] for at in range(0, len(rows), length)]
        drawn = [row for at in random.permutation(len(runs)) for row in runs[at]]
        start = 0
        for name, fraction in fractions.items():
            stop = start + round(len(rows) * fraction)
            for row in drawn[start:stop]:
                splits[row] = name
            start = stop


class _Files:
    """The files of one split, each written whole; names carry the host, as all hosts upload."""

    def __init__(self, folder: Path, host: str, form: str) -> None:
        self._folder = folder
        self._host = host
        self._form = form
        self._earlier = set(folder.glob(f"reviews-{host}-*"))
        """Files of a run before, in a tree that is used again."""
        self._written: list[Path] = []
        self._lines: list[bytes] = []
        self._size = 0

    def add(self, label: int, text: str) -> None:
        row: dict[str, object] = {"text": text}
        if label != tables.UNLABELLED:
            row = {"label": label, **row}
        if not self._lines and self._form == "csv":
            self._lines.append(_csv_line(row))
        self._lines.append(_csv_line(row.values()) if self._form == "csv"
                           else json.dumps(row).encode() + b"\n")
        self._size += len(self._lines[-1])
        if self._size >= _PART_BYTES:
            self.flush()

    def flush(self) -> None:
        if self._lines:
            name = f"reviews-{self._host}-{len(self._written):05d}.{self._form}"
            self._written.append(self._folder / name)
            write_atomic(self._written[-1], b"".join(self._lines))
            self._lines, self._size = [], 0

    def remove_earlier(self) -> None:
        """Of splits that were drawn in another way, a review could be in two of them."""
        for path in self._earlier.difference(self._written):
            path.unlink(missing_ok=True)

    def remove(self) -> None:
        for path in self._written:
            path.unlink(missing_ok=True)


def _csv_line(cells: Iterable[object]) -> bytes:
    line = io.StringIO(newline="")
    # A lone carriage return would not be quoted otherwise.
    csv.writer(line, lineterminator="\n", quoting=csv.QUOTE_NONNUMERIC).writerow(cells)
    return line.getvalue().encode("utf-8", "replace")
