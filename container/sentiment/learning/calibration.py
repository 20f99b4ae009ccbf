"""Probabilities that mean what they say.

One number, the temperature, divides all log-odds (Guo, Pleiss, Sun, Weinberger: On Calibration of
Modern Neural Networks, 2017, arXiv:1706.04599). It changes no label. It is chosen so that reviews
that were not learned from are told as surely, on average, as they are told rightly. The temperature
that makes their labels most likely is higher: a few that are certain and wrong weigh most in it,
and all others are then doubted too much.

So that a few reviews which are all told apart do not make it certain of everything, one more that
is right and one that is wrong are added (Laplace's rule of succession).
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

Numbers = npt.NDArray[np.float64]

_STEPS = 60
_LARGEST = 100.0


def temperature(log_odds: Numbers, labels: Numbers) -> float:
    """The temperature at which mean confidence is accuracy, between 1/100 and 100.

    Args:
        log_odds: of being positive, shape (reviews,).
        labels: 1 or 0, shape (reviews,).
    """
    right = float(((log_odds > 0) == (labels > 0.5)).sum())
    accuracy = (right + 1) / (len(labels) + 2)
    low, high = -math.log(_LARGEST), math.log(_LARGEST)
    for _ in range(_STEPS):  # the higher the temperature, the lower the confidence
        middle = (low + high) / 2
        if _confidence(log_odds / math.exp(middle)) > accuracy:
            low = middle
        else:
            high = middle
    return min(_LARGEST, max(1 / _LARGEST, math.exp((low + high) / 2)))


def _confidence(log_odds: Numbers) -> float:
    """Mean probability of the labels that are given."""
    return float(np.mean(1 / (1 + np.exp(-np.abs(log_odds)))))
