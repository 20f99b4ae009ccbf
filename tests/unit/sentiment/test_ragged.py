from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sentiment.reviews.ragged import Ragged

ROWS = st.lists(st.lists(st.integers(0, 2**31 - 1), max_size=5), max_size=8)


def _lists(rows: Ragged) -> list[list[int]]:
    return [row.tolist() for row in rows]


@given(rows=ROWS)
def test_rows_come_back_as_they_were(rows: list[list[int]]) -> None:
    made = Ragged.of(rows)
    assert _lists(made) == rows
    assert len(made) == len(rows)
    assert _lists(Ragged.of(map(np.array, rows))) == rows


@given(rows=ROWS.filter(bool), data=st.data())
def test_some_rows_are_taken_by_place_slice_or_mask(rows: list[list[int]],
                                                    data: st.DataObject) -> None:
    made = Ragged.of(rows)
    place = data.draw(st.integers(-len(rows), len(rows) - 1))
    assert made[place].tolist() == rows[place]
    assert _lists(made[1:-1]) == rows[1:-1]
    mask = np.array(data.draw(st.lists(st.booleans(), min_size=len(rows), max_size=len(rows))))
    kept = [row for row, keep in zip(rows, mask, strict=True) if keep]
    places = np.flatnonzero(mask)
    assert _lists(made[mask]) == _lists(made[places]) == kept
    assert [made[int(place)].tolist() for place in places] == kept


def test_a_place_beyond_the_end_is_an_error() -> None:
    with pytest.raises(IndexError):
        Ragged.of([[1]])[1]


def test_some_rows_share_the_ids_of_all() -> None:
    made = Ragged.of([[1, 2], [3]])
    assert np.shares_memory(made[1:][0], made[1])


def test_memory_is_that_of_the_ids() -> None:
    rows, length = 10_000, 100
    tracemalloc.start()
    try:
        made = Ragged.of([7] * length for _ in range(rows))
        assert len(made) == rows
        assert tracemalloc.get_traced_memory()[0] < 1.15 * rows * (4 * length + 12)
    finally:
        tracemalloc.stop()
