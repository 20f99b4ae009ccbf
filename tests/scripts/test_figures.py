"""Figures against values worked out by hand, or from their definitions."""

from __future__ import annotations

from itertools import product

from cloud.scoring.figures import (
    Bin,
    area,
    brier,
    calibration_error,
    confusion,
    percentile,
    reliability,
    roc,
    wilson,
)

import pytest
from hypothesis import given
from hypothesis import strategies as st

# Ten reviews: of six positive ones four are found, of four negative ones three.
LABELS = [1, 1, 1, 1, 1, 1, 0, 0, 0, 0]
PREDICTED = [1, 1, 1, 1, 0, 0, 0, 0, 0, 1]


def test_what_was_called_what_is_counted() -> None:
    matrix = confusion(LABELS, PREDICTED)
    assert matrix == (4, 1, 3, 2)  # true and false positive, true and false negative
    assert matrix.accuracy == 0.7


def test_each_class_has_its_precision_recall_and_f1() -> None:
    matrix = confusion(LABELS, PREDICTED)
    assert matrix.positive == pytest.approx((4 / 5, 4 / 6, 8 / 11))
    assert matrix.negative == pytest.approx((3 / 5, 3 / 4, 6 / 9))


@pytest.mark.parametrize(("labels", "predicted", "positive"), [
    ([], [], (None, None, None)),
    ([1], [0], (None, 0, 0)),
    ([0], [1], (0, None, 0)),
    ([0], [0], (None, None, None)),
])
def test_what_is_not_known_is_none(labels: list[int], predicted: list[int],
                                   positive: tuple[float | None, ...]) -> None:
    assert confusion(labels, predicted).positive == positive


@pytest.mark.parametrize(("hits", "count", "low", "high"), [
    (8, 10, 0.4902, 0.9433), (0, 10, 0, 0.2775), (10, 10, 0.7225, 1), (0, 0, 0, 1),
    (21500, 25000, 0.8556, 0.8642),
])
def test_the_interval_of_a_share_is_wilsons(hits: int, count: int, low: float,
                                            high: float) -> None:
    assert wilson(hits, count) == pytest.approx((low, high), abs=5e-5)


def test_reliability_sets_said_against_found() -> None:
    bins = reliability([0, 1, 1, 1], [0.1, 0.4, 0.6, 1.0], bins=2)
    assert bins == [Bin(0, 0.5, 2, 0.25, 0.5), Bin(0.5, 1, 2, 0.8, 1)]
    assert calibration_error(bins) == pytest.approx((2 * 0.25 + 2 * 0.2) / 4)


@pytest.mark.parametrize(("probability", "number"), [
    (0.0, 0), (0.0999, 0), (0.1, 1), (0.3, 3), (0.6, 6), (0.7, 7), (0.999999, 9), (1.0, 9)])
def test_every_probability_has_one_bin_of_ten(probability: float, number: int) -> None:
    sizes = [one.size for one in reliability([1], [probability])]
    assert sizes == [int(place == number) for place in range(10)]


def test_the_brier_score_is_the_mean_square() -> None:
    assert brier([1, 0], [0.8, 0.4]) == pytest.approx((0.04 + 0.16) / 2)


@pytest.mark.parametrize(("labels", "probabilities", "points", "under"), [
    ([1, 0], [0.9, 0.1], [(0, 0), (0, 1), (1, 1)], 1),
    ([0, 1], [0.9, 0.1], [(0, 0), (1, 0), (1, 1)], 0),
    ([1, 0], [0.5, 0.5], [(0, 0), (1, 1)], 0.5),
    ([1, 1, 0, 0], [0.9, 0.4, 0.4, 0.1], [(0, 0), (0, 0.5), (0.5, 1), (1, 1)], 0.875),
])
def test_roc_has_a_point_for_each_threshold(
        labels: list[int], probabilities: list[float], points: list[tuple[float, float]],
        under: float) -> None:
    assert roc(labels, probabilities) == points
    assert area(points) == under


@given(st.lists(st.tuples(st.sampled_from([0, 1]), st.sampled_from([0.1, 0.2, 0.5, 0.7])),
                min_size=2, max_size=12))
def test_the_area_is_the_chance_of_the_right_order(pairs: list[tuple[int, float]]) -> None:
    labels, probabilities = map(list, zip(*pairs, strict=True))
    good = [said for label, said in pairs if label]
    bad = [said for label, said in pairs if not label]
    wins = [(high > low) + (high == low) / 2 for high, low in product(good, bad)]
    expected = pytest.approx(sum(wins) / len(wins)) if wins else None
    assert area(roc(labels, probabilities)) == expected


@pytest.mark.parametrize(("values", "percent", "expected"), [
    ([4, 1, 3, 2], 50, 2.5), ([4, 1, 3, 2], 90, 3.7), ([4, 1, 3, 2], 100, 4), ([7], 99, 7),
    ([1, 2, 3], 0, 1), ([], 50, None),
])
def test_percentiles_lie_between_the_ranks(values: list[float], percent: float,
                                           expected: float | None) -> None:
    assert percentile(values, percent) == pytest.approx(expected)


def test_no_answers_make_no_figures() -> None:
    assert brier([], []) is None
    assert calibration_error(reliability([], [])) is None
    assert area(roc([], [])) is None
