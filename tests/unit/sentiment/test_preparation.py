"""Which reviews are set aside to choose by."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sentiment.learning.preparation import _validation_rows

Mask = npt.NDArray[np.bool_]


def _one_by_one(labels: list[int], fraction: float, seed: int) -> Mask:
    """Reviews set aside without regard to their neighbours, as the course project's model does."""
    mask = np.zeros(len(labels), dtype=bool)
    random = np.random.default_rng(seed)
    for label in (0, 1):
        rows = np.flatnonzero(np.array(labels) == label)
        count = min(max(round(len(rows) * fraction), 1), len(rows) - 1) if fraction else 0
        mask[random.permutation(rows)[:count]] = True
    return mask


LABELS = st.lists(st.integers(0, 1), min_size=2, max_size=60).filter(lambda made: len({*made}) == 2)


@given(labels=LABELS, fraction=st.floats(0, 0.5), seed=st.integers(0, 2**32 - 1))
def test_runs_of_one_are_reviews_drawn_one_by_one(
    labels: list[int], fraction: float, seed: int
) -> None:
    drawn = _validation_rows(labels, fraction, seed, run=1)
    assert drawn.tolist() == _one_by_one(labels, fraction, seed).tolist()


@given(labels=LABELS, fraction=st.floats(0, 0.5), run=st.integers(1, 100))
def test_both_classes_are_on_both_sides_in_the_same_share(
    labels: list[int], fraction: float, run: int
) -> None:
    drawn = _validation_rows(labels, fraction, 1, run)
    alone = _one_by_one(labels, fraction, 1)
    positive = np.array(labels) == 1
    assert drawn[positive].sum() == alone[positive].sum()
    assert drawn[~positive].sum() == alone[~positive].sum()


def _runs(mask: Mask) -> list[int]:
    """Lengths of the runs of rows that are set aside."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], mask, [False]])))
    return [int(end - start) for start, end in zip(edges[::2], edges[1::2], strict=True)]


def test_neighbours_are_set_aside_together() -> None:
    labels = [0] * 2000 + [1] * 2000
    lengths = _runs(_validation_rows(labels, 0.1, 1, run=20))
    assert sum(lengths) == 400
    assert all(length % 20 == 0 for length in lengths)


def test_classes_by_turns_are_neighbours_among_their_own() -> None:
    labels = [0, 1] * 2000
    chosen = _validation_rows(labels, 0.1, 1, run=20)
    assert all(length % 20 == 0 for length in _runs(chosen[::2]) + _runs(chosen[1::2]))


@pytest.mark.parametrize(("reviews", "longest"), [(60, 1), (199, 1), (200, 2), (1000, 10)])
def test_among_few_reviews_runs_are_short(reviews: int, longest: int) -> None:
    mask = _validation_rows([0] * reviews + [1] * reviews, 0.5, 3, run=100)
    assert min(_runs(mask[:reviews])) == longest


def test_the_seed_chooses() -> None:
    drawn = [_validation_rows([0, 1] * 500, 0.1, seed, 100).tolist() for seed in (1, 1, 2)]
    assert drawn[0] == drawn[1] != drawn[2]
