"""Probabilities that mean what they say.

One number, the temperature, divides all log-odds, so that the probabilities are as close as can be
to the labels of reviews that were not learned from (Guo, Pleiss, Sun, Weinberger: On Calibration of
Modern Neural Networks, 2017, arXiv:1706.04599). It changes no label. Close is measured by squares
(Brier: Verification of Forecasts Expressed in Terms of Probability, 1950): by the cross entropy, a
few reviews that are certain and wrong would make it doubt of all others.

So that a few reviews which are all told apart do not make it certain of everything, each label is
taken for a little less than certain (Platt: Probabilistic Outputs for Support Vector Machines,
1999).
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

Numbers = npt.NDArray[np.float64]

_STEPS = 60
_LARGEST = 100.0


def temperature(log_odds: Numbers, labels: Numbers) -> float:
    """The temperature with the smallest Brier score, between 1/100 and 100.

    Args:
        log_odds: of being positive, shape (reviews,).
        labels: 1 or 0, shape (reviews,).
    """
    positive = float(labels.sum())
    labels = np.where(labels > 0.5, (positive + 1) / (positive + 2),
                      1 / (len(labels) - positive + 2))
    low, high = -math.log(_LARGEST), math.log(_LARGEST)
    golden = (math.sqrt(5) - 1) / 2
    for _ in range(_STEPS):  # it has one valley, so the golden section finds its bottom
        left, right = high - golden * (high - low), low + golden * (high - low)
        if _brier(log_odds / math.exp(left), labels) < _brier(
                log_odds / math.exp(right), labels):
            high = right
        else:
            low = left
    return math.exp((low + high) / 2)


def _brier(log_odds: Numbers, labels: Numbers) -> float:
    """Mean square of what a probability lacks."""
    return float(np.mean((1 / (1 + np.exp(-np.clip(log_odds, -700, 700))) - labels) ** 2))
