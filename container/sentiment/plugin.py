"""The plug between the container and this algorithm. `train` and `serve` import it, and only it."""

from __future__ import annotations

from pathlib import Path

from contract.algorithm import Algorithm, Predictor, TrainingJob
from sentiment.hyperparameters import HYPERPARAMETERS, METRICS
from sentiment.processing.tasks import TASKS


def _train(job: TrainingJob) -> None:
    from sentiment.job import run  # PyTorch comes with it, so not before it is needed

    run(job)


def _load(directory: Path) -> Predictor:
    from sentiment.predictor import SentimentPredictor

    return SentimentPredictor.load(directory)


def _prepare() -> None:
    from sentiment import predictor  # noqa: F401 - for what it brings
    from sentiment.text.classic import Classic

    Classic({}).encode("film")  # a stemmer, with half of NLTK


def _memory(directory: Path) -> int:
    from sentiment.artifacts.footprint import footprint

    return footprint(directory)


ALGORITHM = Algorithm("sentiment", HYPERPARAMETERS, METRICS, _train, _load, _prepare, _memory,
                      distributed=True, tasks=TASKS)
