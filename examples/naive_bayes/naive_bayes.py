"""Multinomial naive Bayes over words: a whole algorithm, as small as one can be."""

from __future__ import annotations

import csv
import json
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from math import log, tanh
from pathlib import Path
from typing import Any

from contract.algorithm import Algorithm, Record, TrainingJob
from contract.errors import UserError
from contract.files import write_atomic
from contract.inputs.hyperparameters import Hyperparameter
from contract.inputs.jobconfig import Channel, require_channel
from contract.running.metrics import Metric, metric_line

LABELS = {"0": 0, "negative": 0, "1": 1, "positive": 1}


def train(job: TrainingJob) -> None:
    """Raises UserError: the channel cannot be used."""
    counts, reviews, held_out = (Counter[str](), Counter[str]()), [0, 0], []
    channel = require_channel(dict(job.channels), ("train", "training"))
    if channel.pipe:
        raise UserError(f"channel {channel.name!r} has TrainingInputMode Pipe; expected File")
    for number, (label, text) in enumerate(_read(channel)):
        job.stop.raise_if_set()
        if number % 10 == 9:
            held_out.append((label, text))
        else:
            counts[label].update(_words(text))
            reviews[label] += 1
    if 0 in reviews:
        raise UserError(f"channel {channel.name!r} needs reviews of both labels in .csv or .jsonl")
    smoothing = float(job.hyperparameters["smoothing"] or 0)
    words = sorted(counts[0] | counts[1])
    totals = [count.total() + smoothing * len(words) for count in counts]
    chances = [{word: log((count[word] + smoothing) / total) for word in words}
               for count, total in zip(counts, totals, strict=True)]
    model = NaiveBayes(log(reviews[1] / reviews[0]),
                       {word: chances[1][word] - chances[0][word] for word in words})
    model.save(job.model_directory)
    if held_out:
        answers = model.predict([text for _, text in held_out], job.stop.raise_if_set)
        right = sum((answer > 0.5) == label
                    for answer, (label, _) in zip(answers, held_out, strict=True))
        print(metric_line({"validation:accuracy": right / len(held_out)}), flush=True)


def _read(channel: Channel) -> Iterator[tuple[int, str]]:
    """(label, text) of each row of CSV with a header, or of JSON Lines."""
    for path in sorted(filter(Path.is_file, channel.directory.rglob("*.[cj]s*"))):
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = csv.DictReader(file) if path.suffix == ".csv" else map(json.loads, file)
            try:
                for row in rows:
                    yield LABELS[str(row["label"])], "" + row["text"]
            except (KeyError, TypeError, ValueError, csv.Error) as error:
                raise UserError(f"{channel.name}/{path.name}: expected label and text in each row, "
                                f"the label 0 or 1, negative or positive ({error!r})") from error


def _words(text: str) -> Iterator[str]:
    return (match[0] for match in re.finditer(r"[a-z']+", text.lower()))


class Answer(float):
    """The probability that a review is positive, in the notations that content types need."""

    def as_object(self) -> dict[str, Any]:
        return {"label": ("negative", "positive")[self > 0.5], "probability": float(self)}

    def as_label(self) -> str:
        return str(int(self > 0.5))

    def as_number(self) -> float:
        return float(self)


@dataclass
class NaiveBayes:
    """The model: the log-odds of a review without words, and what each word adds."""

    prior: float
    worth: Mapping[str, float]
    name: str = "naive-bayes-1"

    def save(self, directory: Path) -> None:
        write_atomic(directory / "model.json", json.dumps(asdict(self)).encode())

    @classmethod
    def load(cls, directory: Path) -> NaiveBayes:
        """Raises UserError: there is no model, or it is not of this kind."""
        try:
            stored = json.loads((directory / "model.json").read_bytes())
            worth = {word: float(value) for word, value in dict(stored["worth"]).items()}
            return cls(float(stored["prior"]), worth, str(stored["name"]))
        except (OSError, LookupError, TypeError, ValueError, RecursionError) as error:
            raise UserError(f"no model in {directory} ({error!r}); train first") from error

    def start(self, threads: int) -> None:
        """There is nothing to warm up."""

    def read(self, record: Record, options: Mapping[str, Any]) -> str:
        text: object = record.get("text") if isinstance(record, dict) else record
        if isinstance(text, list) and len(text) == 1:
            [text] = text
        if not isinstance(text, str) or not text.strip():
            raise UserError('expected a text that is not empty, like {"text": "A fine film."}')
        return text

    def predict(self, instances: Sequence[str], check: Callable[[], None]) -> list[Answer]:
        answers = []
        for text in instances:
            check()
            log_odds = self.prior + sum(self.worth.get(word, 0.0) for word in _words(text))
            answers.append(Answer(round(0.5 + 0.5 * tanh(log_odds / 2), 6)))
        return answers

    def counts(self, predictions: Sequence[Any]) -> dict[str, int]:
        positive = sum(answer > 0.5 for answer in predictions)
        return {"positive": positive, "negative": len(predictions) - positive}


ALGORITHM = Algorithm(
    name="naive-bayes",
    hyperparameters=(
        Hyperparameter(name="smoothing", kind=float, default=1.0, minimum=1e-6, maximum=100,
                       help="count that each word is given in advance"),
    ),
    metrics=(Metric("validation:accuracy", "share of right labels among every tenth review, which "
                    "is not learned from", objective=True),),
    train=train,
    load=NaiveBayes.load,
)
