"""Figures of a classifier with two classes. Pure functions: labels are 1 (positive) or 0.

`probabilities` are those of the positive class. A figure that nothing is known about is None.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import groupby, pairwise
from typing import NamedTuple

BINS = 10
Z_95 = 1.959964


class Confusion(NamedTuple):
    """How many of each label were called what."""

    true_positive: int
    false_positive: int
    true_negative: int
    false_negative: int

    @property
    def accuracy(self) -> float | None:
        return _share(self.true_positive + self.true_negative, sum(self))

    @property
    def interval(self) -> tuple[float, float]:
        """The 95% interval of the accuracy."""
        return wilson(self.true_positive + self.true_negative, sum(self))

    @property
    def positive(self) -> Scores:
        return _scores(self.true_positive, self.false_positive, self.false_negative)

    @property
    def negative(self) -> Scores:
        return _scores(self.true_negative, self.false_negative, self.false_positive)


class Scores(NamedTuple):
    """Of one class: how many are found, and how many of those called so are so."""

    precision: float | None
    recall: float | None
    f1: float | None


def confusion(labels: Sequence[int], predicted: Sequence[int]) -> Confusion:
    pairs = list(zip(labels, predicted, strict=True))
    return Confusion(pairs.count((1, 1)), pairs.count((0, 1)),
                     pairs.count((0, 0)), pairs.count((1, 0)))


def _scores(right: int, wrong: int, missed: int) -> Scores:
    return Scores(_share(right, right + wrong), _share(right, right + missed),
                  _share(2 * right, 2 * right + wrong + missed))


def _share(part: int, whole: int) -> float | None:
    return part / whole if whole else None


def wilson(hits: int, count: int) -> tuple[float, float]:
    """Wilson's 95% interval of a share: it stays between 0 and 1, and needs no many cases."""
    if count == 0:
        return 0.0, 1.0
    share, z2 = hits / count, Z_95 ** 2
    middle = (share + z2 / (2 * count)) / (1 + z2 / count)
    half = Z_95 / (1 + z2 / count) * math.sqrt(
        share * (1 - share) / count + z2 / (4 * count * count))
    return max(0.0, middle - half), min(1.0, middle + half)


class Bin(NamedTuple):
    """Answers whose probability is from `low` up to but not including `high` (1 is in the last)."""

    low: float
    high: float
    size: int
    mean: float | None
    """Mean probability: what was said."""
    positive: float | None
    """Share of the positive: what was so."""


def reliability(labels: Sequence[int], probabilities: Sequence[float],
                bins: int = BINS) -> list[Bin]:
    """Said against found, in `bins` of equal width; empty ones are there too."""
    members: list[list[tuple[float, int]]] = [[] for _ in range(bins)]
    for label, probability in zip(labels, probabilities, strict=True):
        members[min(int(probability * bins), bins - 1)].append((probability, label))
    return [Bin(number / bins, (number + 1) / bins, len(found),
                sum(said for said, _ in found) / len(found) if found else None,
                sum(label for _, label in found) / len(found) if found else None)
            for number, found in enumerate(members)]


def calibration_error(bins: Sequence[Bin]) -> float | None:
    """Expected calibration error: by how much said and found differ, on average over answers."""
    count = sum(one.size for one in bins)
    differences = sum(one.size * abs(one.mean - one.positive) for one in bins
                      if one.mean is not None and one.positive is not None)
    return differences / count if count else None


def brier(labels: Sequence[int], probabilities: Sequence[float]) -> float | None:
    """Mean square of probability less label: 0 is perfect, 0.25 is a coin's."""
    squares = [(said - label) ** 2 for label, said in zip(labels, probabilities, strict=True)]
    return sum(squares) / len(squares) if squares else None


def roc(labels: Sequence[int], probabilities: Sequence[float]) -> list[tuple[float, float]]:
    """(false positive rate, true positive rate) for every threshold; empty with one class only."""
    positive = sum(labels)
    negative = len(labels) - positive
    if not positive or not negative:
        return []
    ranked = sorted(zip(probabilities, labels, strict=True), reverse=True)
    points, found, wrong = [(0.0, 0.0)], 0, 0
    for _, equal in groupby(ranked, key=lambda pair: pair[0]):
        sides = [label for _, label in equal]
        found += sum(sides)
        wrong += len(sides) - sum(sides)
        points.append((wrong / negative, found / positive))
    return points


def area(points: Sequence[tuple[float, float]]) -> float | None:
    """Area under a ROC curve: the chance that a positive is put above a negative."""
    if not points:
        return None
    return sum((right[0] - left[0]) * (left[1] + right[1]) / 2
               for left, right in pairwise(points))


def percentile(values: Sequence[float], percent: float) -> float | None:
    """Between the two nearest ranks, linearly, as numpy does it."""
    if not values:
        return None
    ranked = sorted(values)
    place = (len(ranked) - 1) * percent / 100
    below = math.floor(place)
    above = min(below + 1, len(ranked) - 1)
    return ranked[below] + (ranked[above] - ranked[below]) * (place - below)
