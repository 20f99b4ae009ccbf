"""How good probabilities are, in the form in which SageMaker's model registry takes it.

Pipelines and the registry read `binary_classification_metrics`, as Model Monitor writes them: each
figure has a value and, where one is known, a standard deviation; a figure that nothing is known
about is "NaN".
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

Numbers = npt.NDArray[np.float64]

BINS = 10
_SMALLEST = 1e-6
"""Probabilities have six digits: one that is said to be 0 may be as much."""


def quality(labels: Sequence[int], probabilities: Sequence[float]) -> dict[str, Any]:
    """Figures of answers, of which there must be one at least.

    Args:
        labels: 1 for positive, 0 for negative.
        probabilities: of being positive, in the same order.
    """
    truth, said = np.array(labels, np.float64), np.array(probabilities, np.float64)
    called = said > 0.5
    # Of each label (row), how many were called what (column).
    counts = [[int(np.sum((truth == label) & (called == answer))) for answer in (0, 1)]
              for label in (0, 1)]
    (right_negative, false_positive), (false_negative, right_positive) = counts
    precision = _share(right_positive, right_positive + false_positive)
    recall = _share(right_positive, right_positive + false_negative)
    return {
        "binary_classification_metrics": {
            "confusion_matrix": {str(label): {str(answer): counts[label][answer]
                                              for answer in (0, 1)} for label in (0, 1)},
            "accuracy": _share(right_positive + right_negative, len(truth)),
            "precision": precision,
            "recall": recall,
            "true_positive_rate": recall,
            "true_negative_rate": _share(right_negative, right_negative + false_positive),
            "false_positive_rate": _share(false_positive, right_negative + false_positive),
            "false_negative_rate": _share(false_negative, right_positive + false_negative),
            "f1": _figure(_ratio(2 * right_positive,
                                 2 * right_positive + false_positive + false_negative)),
            "auc": _figure(_area(truth, said)),
        },
        "probabilities": {
            "reviews": len(truth),
            "loss": _loss(truth, said),
            "expected_calibration_error": _calibration_error(truth, said),
        },
    }


def _ratio(part: float, whole: float) -> float | None:
    return part / whole if whole else None


def _share(part: int, whole: int) -> dict[str, float | str]:
    """A share of independent cases, with its standard deviation."""
    value = _ratio(part, whole)
    return _figure(value, None if value is None else math.sqrt(value * (1 - value) / whole))


def _figure(value: float | None, deviation: float | None = None) -> dict[str, float | str]:
    return {"value": "NaN" if value is None else value,
            "standard_deviation": "NaN" if deviation is None else deviation}


def _loss(truth: Numbers, said: Numbers) -> float:
    """Mean cross entropy, in nats."""
    said = np.clip(said, _SMALLEST, 1 - _SMALLEST)
    return float(-np.mean(np.where(truth > 0.5, np.log(said), np.log1p(-said))))


def _calibration_error(truth: Numbers, said: Numbers) -> float:
    """By how much said and found differ, on average over answers in bins of equal width."""
    places = np.minimum((said * BINS).astype(int), BINS - 1)
    differences = np.bincount(places, said - truth, BINS)
    return float(np.abs(differences).sum() / len(said))


def _area(truth: Numbers, said: Numbers) -> float | None:
    """Under the ROC curve: the chance that a positive is put above a negative (Mann-Whitney)."""
    positive = float(truth.sum())
    _, places, counts = np.unique(said, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(counts) - (counts - 1) / 2)[places]  # equals share the mean of their ranks
    above = float(ranks[truth > 0.5].sum()) - positive * (positive + 1) / 2
    return _ratio(above, positive * (len(truth) - positive))
