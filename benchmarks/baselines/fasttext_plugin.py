"""fastText with bigrams as an algorithm of this container (Joulin et al. 2016, arXiv:1607.01759).

`fasttext_plugin.py train --root DIR` and `fasttext_plugin.py serve --root DIR` are to fastText what
`container/train` and `container/serve` are to our own algorithm: all of `contract`, unchanged.

The library is in no list of requirements: `.venv/bin/pip install fasttext` builds it with gcc.
"""

from __future__ import annotations

import importlib
import random
import re
import sys
import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

sys.path.extend(str(Path(__file__).resolve().parents[2] / place) for place in (".", "container"))

from contract import training
from contract.algorithm import Algorithm, Record, TrainingJob
from contract.errors import UserError
from contract.inputs.hyperparameters import Hyperparameter
from contract.inputs.jobconfig import require_channel
from contract.serving import server

MODEL = "model.bin"
POSITIVE = "__label__1"

HYPERPARAMETERS = (
    Hyperparameter(name="lr", kind=float, default=0.5, minimum=0, maximum=10,
                   help="the rate at the start"),
    Hyperparameter(name="epoch", kind=int, default=5, minimum=1, maximum=1000,
                   help="passes over the reviews"),
    Hyperparameter(name="dim", kind=int, default=10, minimum=1, maximum=1000,
                   help="numbers per word"),
    Hyperparameter(name="word_ngrams", kind=int, default=2, minimum=1, maximum=5,
                   help="the longest run of words that counts as one"),
)

_TOKEN = re.compile(r"[a-z0-9']+|[^\sa-z0-9']")


@dataclass(frozen=True)
class Answer:
    """What the model makes of one review."""

    probability: float
    """That it is positive."""

    def as_object(self) -> dict[str, Any]:
        return {"label": "positive" if self.probability > 0.5 else "negative",
                "probability": self.probability}

    def as_label(self) -> str:
        return str(int(self.probability > 0.5))

    def as_number(self) -> float:
        return self.probability


class FastTextPredictor:
    """Reviews in, probabilities out."""

    name = "fasttext"

    def __init__(self, directory: Path) -> None:
        path = directory / MODEL
        if not path.is_file():
            raise UserError(f"no {MODEL} in {directory}; train first")
        self._model = library().load_model(str(path))

    def start(self, threads: int) -> None:
        self.predict([line("A fine film.")])

    def read(self, record: Record, options: Mapping[str, Any]) -> str:
        text = record.get("text") if isinstance(record, dict) else record
        if not isinstance(text, str):
            raise UserError('expected a text, or an object like {"text": "A fine film."}')
        return line(text)

    def predict(self, instances: Sequence[str],
                check: Callable[[], None] = lambda: None) -> list[Answer]:
        answers = []
        for instance in instances:
            check()
            # What the public `predict` calls; that one does not work with NumPy 2.
            [(probability, label)] = self._model.f.predict(instance, 1, 0.0, "strict")
            probability = min(probability, 1.0)  # float32 gives a little more
            answers.append(Answer(round(probability if label == POSITIVE else 1 - probability, 6)))
        return answers

    def counts(self, predictions: Sequence[Any]) -> dict[str, int]:
        positive = sum(answer.probability > 0.5 for answer in predictions)
        return {"positive": positive, "negative": len(predictions) - positive}


def line(text: str) -> str:
    """A review as fastText wants it: one line, lower case, spaces round every mark."""
    return " ".join(_TOKEN.findall(text.lower().replace("<br />", " "))) + "\n"


def fit(reviews: Iterable[tuple[int, str]], directory: Path, *, lr: float = 0.5, epoch: int = 5,
        dim: int = 10, word_ngrams: int = 2) -> None:
    """Learn labelled reviews and write the model into `directory`; one thread, so repeatable.

    Raises:
        UserError: the library is not installed.
    """
    fasttext = library()
    shuffled = list(reviews)
    random.Random(1).shuffle(shuffled)  # it takes them as they come, and files come by their label
    with tempfile.NamedTemporaryFile("w", suffix=".txt", encoding="utf-8") as lines:
        lines.writelines(f"__label__{label} {line(text)}" for label, text in shuffled)
        lines.flush()
        model = fasttext.train_supervised(input=lines.name, lr=lr, epoch=epoch, dim=dim,
                                          wordNgrams=word_ngrams, thread=1, verbose=0)
    model.save_model(str(directory / MODEL))


def library() -> Any:
    """The module `fasttext`; raises UserError where it is not installed."""
    try:
        return importlib.import_module("fasttext")
    except ImportError:
        raise UserError("fastText is not installed; `.venv/bin/pip install fasttext` builds it "
                        "(it needs gcc)") from None


def _train(job: TrainingJob) -> None:
    from sentiment.reviews.dataset import read_reviews

    reviews = read_reviews(require_channel(dict(job.channels), ("train", "training")),
                           check=job.stop.raise_if_set)
    values: Any = job.hyperparameters
    fit(zip(reviews.labels, reviews.texts, strict=True), job.model_directory, **values)


ALGORITHM = Algorithm("fasttext", HYPERPARAMETERS, (), _train, FastTextPredictor)

_PROGRAMS = {"train": training.main, "serve": server.main}

if __name__ == "__main__":
    if len(sys.argv) < 2 or sys.argv[1] not in _PROGRAMS:
        sys.exit("usage: fasttext_plugin.py train|serve [--root DIR]")
    sys.exit(_PROGRAMS[sys.argv[1]](ALGORITHM, sys.argv[2:]))
