from __future__ import annotations

import numpy as np
import pytest
import torch

from sentiment.models.batches import by_length, make_batch


def test_a_batch_is_padded_to_its_own_longest_review() -> None:
    batch = make_batch([[5, 6, 7], [8], np.array([9, 10], dtype=np.int32)])
    assert batch.ids.t().tolist() == [[5, 6, 7], [8, 0, 0], [9, 10, 0]]
    assert batch.lengths.tolist() == [3, 1, 2]
    assert batch.ids.dtype == batch.lengths.dtype == torch.int64


def test_a_review_without_a_word_is_one_no_word() -> None:
    batch = make_batch([[], []])
    assert batch.ids.tolist() == [[0, 0]]
    assert batch.lengths.tolist() == [1, 1]


@pytest.mark.parametrize(("count", "size"), [(1, 32), (31, 32), (32, 32), (33, 32), (100, 7)])
def test_groups_hold_every_review_once_and_ascend_in_length(count: int, size: int) -> None:
    lengths = np.random.default_rng(1).integers(0, 500, count)
    groups = list(by_length(lengths, size))
    order = np.concatenate(groups)
    assert sorted(order.tolist()) == list(range(count))
    assert (np.diff(lengths[order]) >= 0).all()
    assert all(len(group) == size for group in groups[:-1])


@pytest.mark.parametrize(("lengths", "groups"), [
    ([10, 20, 30, 40], [[0, 1, 2], [3]]),
    ([50, 10, 50, 10], [[1, 3], [0], [2]]),
    ([400, 100, 1], [[2], [1], [0]]),  # no review is cut
    ([0, 0, 0, 0, 0], [[0, 1, 2, 3], [4]]),
])
def test_groups_hold_at_most_so_many_words_padding_included(
        lengths: list[int], groups: list[list[int]]) -> None:
    found = by_length(np.array(lengths), size=4, words=90)
    assert [group.tolist() for group in found] == groups


def test_reviews_of_one_length_keep_their_order() -> None:
    [group] = by_length(np.full(20, 7), 32)
    assert group.tolist() == list(range(20))


def test_no_reviews_make_no_group() -> None:
    assert list(by_length(np.empty(0, dtype=np.int64), 32)) == []
