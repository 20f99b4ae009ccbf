"""What `process` can do with reviews: the tasks and their options."""

from __future__ import annotations

from contract.inputs.hyperparameters import Hyperparameter
from contract.tasks import ProcessingJob, ProcessingTask

_BAD_ROWS = Hyperparameter(
    name="max_bad_rows", kind=int, default=0, minimum=0, maximum=1_000_000_000,
    help="rows that each host may leave out because they cannot be used")

_SPLITS = (
    Hyperparameter(name="format", kind=str, default="jsonl", choices=("jsonl", "csv"),
                   help="of the files that are written"),
    Hyperparameter(name="validation_fraction", kind=float, default=0.1, minimum=0, maximum=0.5,
                   help="share of the training reviews for the split `validation`"),
    Hyperparameter(name="test_fraction", kind=float, default=0.1, minimum=0, maximum=0.5,
                   help="share of the reviews for the split `test`, unless they lie in folders "
                        "`train` and `test`"),
    Hyperparameter(name="run", kind=int, default=100, minimum=1, maximum=100_000,
                   help="reviews that follow each other and are drawn together, because neighbours "
                        "often speak of the same film; fewer where there are few reviews"),
    Hyperparameter(name="seed", kind=int, default=1, minimum=0, maximum=2**32 - 1,
                   help="of the draw"),
    _BAD_ROWS,
)


def _prepare(job: ProcessingJob) -> str:
    from sentiment.processing.splits import prepare

    return prepare(job)


def _evaluate(job: ProcessingJob) -> str:
    from sentiment.processing.evaluation import evaluate  # PyTorch comes with it

    return evaluate(job)


TASKS = {
    "prepare": ProcessingTask("write reviews as splits for training", _SPLITS, _prepare),
    "evaluate": ProcessingTask("answer labelled reviews, and say how good the answers are",
                               (_BAD_ROWS,), _evaluate),
}
