"""The task `evaluate`: a model's answers for labelled reviews, and how good they are."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import NamedTuple

from contract.errors import UserError
from contract.files import write_atomic
from contract.inputs.archives import extract
from contract.inputs.jobconfig import Channel
from contract.tasks import ProcessingJob
from sentiment import labels
from sentiment.predictor import Instance, SentimentPredictor
from sentiment.processing.quality import quality
from sentiment.processing.shares import Review, read_share
from sentiment.reviews import tables
from sentiment.reviews.dataset import BadRows

_AT_ONCE = 512


class _Prediction(NamedTuple):
    """A line of the predictions, but for where its review was found."""

    label: int
    probability: float


def evaluate(job: ProcessingJob) -> str:
    """Write predictions for this host's share of the test reviews, and their figures.

    With an input `predictions`, what several hosts have written, the figures of all of it.

    Raises:
        UserError: an input or an output is missing, or a file cannot be used.
    """
    folder = job.output("evaluation")
    if job.has_input("predictions"):
        found = list(_read_predictions(job.input("predictions")))
    else:
        found = _predict(job, folder / f"predictions-{job.host}.jsonl")
    if not found:
        return f"there is no test review for host {job.host}"
    figures = quality([one.label for one in found], [one.probability for one in found])
    name = "evaluation.json" if job.hosts == 1 else f"evaluation-{job.host}.json"
    write_atomic(folder / name, (json.dumps(figures, indent=2) + "\n").encode())
    accuracy = figures["binary_classification_metrics"]["accuracy"]["value"]
    said = figures["probabilities"]
    return (f"accuracy {accuracy:.4f}, loss {said['loss']:.4f}, expected calibration error "
            f"{said['expected_calibration_error']:.4f} on {len(found)} reviews")


def _predict(job: ProcessingJob, file: Path) -> list[_Prediction]:
    predictor = _load(job)
    reviews = _usable(predictor, job)
    found: list[_Prediction] = []
    lines: list[bytes] = []
    while pairs := list(islice(reviews, _AT_ONCE)):
        answers = predictor.predict([instance for _, instance in pairs], job.stop.raise_if_set)
        for (review, _), answer in zip(pairs, answers, strict=True):
            found.append(_Prediction(review.label, answer.as_number()))
            lines.append(json.dumps({"file": review.file, "review": review.number,
                                     **found[-1]._asdict()}).encode() + b"\n")
    if found:
        write_atomic(file, b"".join(lines))
    return found


def _load(job: ProcessingJob) -> SentimentPredictor:
    """The model in the input `model`: a folder, or an archive, which is unpacked aside (T31)."""
    channel = job.input("model")
    archives = sorted(channel.directory.glob("*.tar.gz"))
    if len(archives) > 1:
        raise UserError(f"input {channel.name!r} has {len(archives)} archives; give it one model")
    with tempfile.TemporaryDirectory() as folder:
        if archives:
            extract(archives[0], Path(folder), check=job.stop.raise_if_set)
        predictor = SentimentPredictor.load(Path(folder) if archives else channel.directory)
    predictor.start(job.processors)
    return predictor


def _usable(predictor: SentimentPredictor,
            job: ProcessingJob) -> Iterator[tuple[Review, Instance]]:
    """The labelled reviews of the test set that the model can answer."""
    bad = BadRows(int(job.options["max_bad_rows"] or 0))
    for review in read_share(job.input("test"), job, bad, _AT_ONCE):
        if review.label == tables.UNLABELLED or review.test is False:
            continue
        try:
            yield review, predictor.read(review.text)
        except UserError as error:
            bad.add(f"{review.file} review {review.number}", error)


def _read_predictions(channel: Channel) -> Iterator[_Prediction]:
    """Raises UserError: there are none, or a line is not as `evaluate` writes it."""
    paths = sorted(channel.directory.glob("predictions-*.jsonl"))
    if not paths:
        raise UserError(f"input {channel.name!r} has no predictions-*.jsonl, as `process evaluate` "
                        "writes them")
    for path in paths:
        for number, line in enumerate(path.read_bytes().splitlines(), 1):
            try:
                row = json.loads(line)
                probability = float(row["probability"])
                if not 0 <= probability <= 1:
                    raise ValueError
                yield _Prediction(labels.read_label(row["label"]), probability)
            except (ValueError, KeyError, TypeError, RecursionError):
                raise UserError(f"{path.name} line {number}: expected a label and a probability, "
                                "as `process evaluate` writes them") from None
