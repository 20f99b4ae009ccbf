"""Probabilities that mean what they say.

One number, the temperature, divides all log-odds, so that the labels of reviews that were not
learned from are as likely as can be (Guo, Pleiss, Sun, Weinberger: On Calibration of Modern Neural
Networks, 2017, arXiv:1706.04599). It changes no label.

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
    """The temperature with the smallest cross entropy, between 1/100 and 100.

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
        if _cross_entropy(log_odds / math.exp(left), labels) < _cross_entropy(
                log_odds / math.exp(right), labels):
            high = right
        else:
            low = left
    return math.exp((low + high) / 2)


def _cross_entropy(log_odds: Numbers, labels: Numbers) -> float:
    """Mean, in nats."""
    return float(np.mean(np.logaddexp(0, log_odds) - labels * log_odds))
