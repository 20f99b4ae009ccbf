"""Label many reviews in one batch job: how many are positive, how many negative, and how right.

INPUT is a folder, file or archive of reviews in any layout that training reads; of train and test,
the test reviews are taken. Their labels stay here and are compared with the answers. With
--no-labels there need be none: .txt with one review a line, .jsonl, or .csv. Or it is an S3 prefix
with JSON Lines, {"text": ...} in a line, that the batch role may read (batch/input/ of the bucket).
The answers are written as a table that spreadsheets open. Ctrl-C stops the job, as it costs until
it has ended.
"""

from __future__ import annotations

import argparse
import csv
import re
import sys
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain, repeat
from pathlib import Path
from typing import Any, NamedTuple

from cloud import journey, prices
from cloud.account import Account
from cloud.data.labelled import NAMES, read, read_texts
from cloud.errors import ScriptError
from cloud.hosting.variants import Container
from cloud.scoring import batch, figures
from cloud.scoring.batch import Result
from cloud.scoring.evaluation import accuracy_lines, as_table
from cloud.scoring.invoking import Answer
from cloud.verb import Verb, account_of, end, run

from tqdm import tqdm

INSTANCE = "ml.m5.xlarge"

# A spreadsheet runs a cell that begins like this as a formula, whoever wrote it.
_FORMULA = re.compile(r"[=+\-@\t\r]")


@dataclass
class Tally:
    """What a job has said, counted."""

    counts: Counter[str] = field(default_factory=Counter)
    """By answer."""
    errors: Counter[str] = field(default_factory=Counter)
    """Reviews without an answer, by what was wrong with them."""
    labelled: list[tuple[int, int]] = field(default_factory=list)
    """Label and answer, where both are known."""

    @property
    def confusion(self) -> figures.Confusion:
        return figures.confusion(*zip(*self.labelled, strict=True))

    def __str__(self) -> str:
        whole = self.counts.total() + self.errors.total()
        lines = [("reviews", f"{whole:>9,}")]
        lines += [(name, f"{count:>9,}  {count / (whole or 1):>6.1%}") for name, count in (
            *((name, self.counts[name]) for name in reversed(NAMES)),
            ("no answer", self.errors.total()))]
        lines += [("", f"{count:>9,} x {why}") for why, count in self.errors.most_common(5)]
        if self.labelled:
            lines += [("", ""), *accuracy_lines(self.confusion)]
        return as_table(lines)


def save(results: Iterable[Result], labels: Sequence[int] | None, file: Path) -> Tally:
    """Write results as CSV, a row for a review, and count them.

    Raises:
        ScriptError: there are more or fewer of them than labels. No file is left then.
    """
    tally, unfinished, row = Tally(), file.with_name(f"{file.name}.part"), 0
    try:
        # The mark at the start tells spreadsheets that this is UTF-8.
        with unfinished.open("w", encoding="utf-8-sig", errors="replace", newline="") as stream:
            table = csv.writer(stream)
            table.writerow(["row", "label", "prediction", "probability", "error", "text"])
            known = chain(labels or (), repeat(None))
            for row, (result, label) in enumerate(zip(results, known, strict=False), 1):
                table.writerow([row, "" if label is None else NAMES[label],
                                *_cells(result, label, tally)])
        if labels is not None and row != len(labels):
            raise ScriptError(f"the job has answered {row:,} reviews, and here are {len(labels):,} "
                              "labels; is this what it was started with?")
        unfinished.replace(file)
    finally:
        unfinished.unlink(missing_ok=True)
    return tally


def _cells(result: Result, label: int | None, tally: Tally) -> list[str]:
    text = f"'{result.text}" if _FORMULA.match(result.text) else result.text
    if not isinstance(result.answer, Answer):
        tally.errors[result.answer] += 1
        return ["", "", result.answer, text]
    name = NAMES[result.answer.label]
    tally.counts[name] += 1
    if label is not None:
        tally.labelled.append((label, result.answer.label))
    return [name, f"{result.answer.probability:.6f}", "", text]


class Outcome(NamedTuple):
    """What a dry run has none of is None."""

    job: str
    described: Mapping[str, Any]
    """DescribeTransformJob, after the end."""
    tally: Tally | None
    predictions: Path | None


def transform(account: Account, source: str | Path, *, labels: bool = True,
              model: str | None = None, image: str | None = None, role: str | None = None,
              instance: str = INSTANCE, count: int = 1, max_payload_mb: int = 6,
              concurrency: int | None = None, job: str | None = None,
              predictions: Path | None = None) -> Outcome:
    """Run a job over reviews of this machine or of S3 to its end, and read what it has said.

    With the name of a `job`, that one is waited for and no other is started; `source` is then for
    the labels. `predictions` is the CSV to write; the job's name in the current folder if None.

    Raises:
        ScriptError: there are no reviews, something is missing that earlier scripts make, or the
            job failed.
    """
    is_here = not str(source).startswith("s3://")
    reviews = read(Path(source)) if is_here and labels else None
    name = job or f"{account.project}-{journey.stamp()}"
    if job is None:
        container = Container(image=journey.image(account, "cpu", image),
                              data=journey.model(account, model),
                              role=journey.role(account, "Batch", role))
        if is_here:
            texts = reviews.texts if reviews else read_texts(Path(source))
            uri = batch.upload(account, texts, name, instances=count, payload_mb=max_payload_mb)
        else:
            uri = batch.source(account, str(source))
        batch.start(account, name, uri, container, instance=instance, instances=count,
                    payload_mb=max_payload_mb, concurrency=concurrency)
    described = batch.finish(account, name)
    if not described:
        return Outcome(name, described, None, None)
    file = predictions or Path(f"{name}.csv")
    results = tqdm(batch.results(account, described), desc="results", unit=" reviews",
                   disable=None)
    return Outcome(name, described, save(results, reviews.labels if reviews else None, file), file)


def costs(described: Mapping[str, Any], instance: str, count: int) -> str:
    """What the job has cost; in a dry run, what it would cost by the hour."""
    if not described:
        return f"{prices.per_hour(instance, count)} while the job runs"
    used = described["TransformResources"]
    seconds = (described["TransformEndTime"] - described["TransformStartTime"]).total_seconds()
    return (f"{prices.per_hour(used['InstanceType'], used['InstanceCount'])} for "
            f"{seconds / 60:.1f} minutes; now only what lies in S3")


def _act(options: argparse.Namespace) -> None:
    for name in ("count", "max_payload_mb", "concurrency"):
        if getattr(options, name) is not None and getattr(options, name) < 1:
            raise ScriptError(f"--{name.replace('_', '-')} has to be 1 or more")
    account = account_of(options)
    outcome = transform(account, options.input, **{name: getattr(options, name) for name in (
        "labels", "model", "image", "role", "instance", "count", "max_payload_mb", "concurrency",
        "job", "predictions")})
    if outcome.tally:
        print(outcome.tally)
    output = account.s3_uri(f"{journey.PREFIXES['batch']}/output/{outcome.job}/")
    end(made=[output, *([str(outcome.predictions)] if outcome.predictions else [])],
        costs=costs(outcome.described, options.instance, options.count),
        remove=f"python scripts/teardown.py {account.place}")


def command() -> Verb:
    """The command line."""
    verb = Verb("transform_batch", __doc__, "data/raw/test --instance ml.m5.xlarge")
    verb.add_argument("input", metavar="INPUT", help="reviews on this machine, or s3://...")
    verb.add_argument("--labels", action=argparse.BooleanOptionalAction, default=True,
                      help="whether the reviews on this machine have labels (yes)")
    verb.add_argument("--model", metavar="JOB", help="a training job, or an s3://... of a "
                      "model.tar.gz (the newest training job)")
    verb.add_argument("--image", metavar="URI", help="the image (what was pushed as cpu)")
    verb.add_argument("--role", metavar="ARN", help="the model's role (that of create_roles.py)")
    verb.add_argument("--instance", default=INSTANCE, metavar="TYPE",
                      help="instance type (%(default)s)")
    verb.add_argument("--count", type=int, default=1, metavar="N",
                      help="instances; each takes files of its own (%(default)s)")
    verb.add_argument("--max-payload-mb", type=int, default=6, metavar="N",
                      help="largest request; times --concurrency at most 100 (%(default)s)")
    verb.add_argument("--concurrency", type=int, metavar="N",
                      help="requests at a time to an instance (what the container wants)")
    verb.add_argument("--job", metavar="NAME",
                      help="start none, but wait for this job of before and read its results")
    verb.add_argument("--predictions", type=Path, metavar="FILE",
                      help="CSV to write (JOB.csv)")
    return verb


def main(arguments: Sequence[str] | None = None) -> int:
    """Transform; returns the exit status."""
    return run(command(), _act, arguments)


if __name__ == "__main__":
    sys.exit(main())
