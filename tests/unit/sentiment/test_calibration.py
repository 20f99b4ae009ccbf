"""One temperature for all log-odds, fitted on reviews that were not learned from."""

from __future__ import annotations

import numpy as np
import pytest

from sentiment.learning.calibration import Numbers, temperature


def _told(log_odds: Numbers, true_temperature: float, seed: int) -> Numbers:
    """Labels drawn as log-odds of that temperature say."""
    chances = 1 / (1 + np.exp(-log_odds / true_temperature))
    return (np.random.default_rng(seed).random(len(log_odds)) < chances).astype(np.float64)


@pytest.mark.parametrize("expected", [0.2, 0.5, 1.0, 2.0, 7.0])
def test_a_known_temperature_is_found(expected: float) -> None:
    log_odds = np.random.default_rng(1).normal(0, 3 * expected, 20_000)
    assert temperature(log_odds, _told(log_odds, expected, 2)) == pytest.approx(expected, rel=0.05)


def test_dividing_by_it_leaves_nothing_to_divide_by() -> None:
    log_odds = np.random.default_rng(3).normal(0, 9, 5000)
    labels = _told(log_odds, 3.0, 4)
    divided = log_odds / temperature(log_odds, labels)
    assert temperature(divided, labels) == pytest.approx(1, rel=1e-6)


@pytest.mark.parametrize("scale", [0.1, 1.0, 100.0])
@pytest.mark.parametrize("reviews", [2, 10, 100])
def test_a_few_reviews_all_told_apart_make_it_certain_of_nothing(
    reviews: int, scale: float
) -> None:
    labels = (np.arange(reviews) % 2).astype(np.float64)
    log_odds = (labels - 0.5) * scale
    chance = 1 / (1 + np.exp(-log_odds.max() / temperature(log_odds, labels)))
    assert 0.5 < chance <= (reviews + 1) / (reviews + 2) + 1e-3


@pytest.mark.parametrize(("log_odds", "labels"), [
    ([0.0, 0.0], [1.0, 0.0]), ([5.0, -5.0], [0.0, 1.0]), ([3.0], [1.0]), ([1e4, -1e4], [1.0, 0.0]),
], ids=["all undecided", "all wrong", "one review", "very far apart"])
def test_it_is_never_beyond_its_bounds(log_odds: list[float], labels: list[float]) -> None:
    assert 0.01 <= temperature(np.array(log_odds), np.array(labels)) <= 100


def test_a_few_that_are_certain_and_wrong_do_not_make_it_doubt_all_others() -> None:
    log_odds = np.random.default_rng(5).normal(0, 3, 5000)
    labels = _told(log_odds, 1.0, 6)
    spoiled = np.append(log_odds, np.full(25, 30.0))
    assert temperature(spoiled, np.append(labels, np.zeros(25))) == pytest.approx(1, abs=0.15)
