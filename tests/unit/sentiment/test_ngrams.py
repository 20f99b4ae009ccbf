"""Features of a review, their numbers, and the sum of their weights."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from sentiment.learning.data import Data
from sentiment.learning.ngram_training import (
    NgramLearner,
    choose_features,
    condensed,
    prior_weights,
    rare_below,
    ratios,
)
from sentiment.models.batches import make_batch
from sentiment.models.network import Ids
from sentiment.models.ngrams import HASH_BITS, Hashes, Index, hashes

VOCABULARY = 40
IDS = st.lists(st.integers(1, VOCABULARY - 1), max_size=30)

REVIEWS = [np.array(row, dtype=np.int32) for row in (
    [2, 3, 4, 5], [2, 3, 4], [2, 3, 9], [7, 8], [], [2])]


def _features(ids: Sequence[int]) -> set[int]:
    return {*hashes(ids).tolist()}


def test_reviews_of_one_and_two_words_have_the_features_that_fit() -> None:
    assert [len(hashes([5] * count)) for count in range(6)] == [0, 1, 3, 7, 12, 18]


@given(ids=IDS)
def test_hashes_have_their_bits_and_no_more(ids: list[int]) -> None:
    assert all(0 <= found < 1 << HASH_BITS for found in _features(ids))


@pytest.mark.parametrize(("one", "other"), [
    ([2, 3], [3, 2]), ([2, 9, 3], [2, 9, 9, 3]), ([2, 3, 4], [2, 4, 3]), ([2], [3])])
def test_order_and_distance_of_words_count(one: list[int], other: list[int]) -> None:
    assert _features(one) != _features(other)


def test_the_same_words_elsewhere_are_the_same_features() -> None:
    assert _features([2, 3, 4]) < _features([9, 9, 9, 9, 2, 3, 4, 9])


def _known(count: int, seed: int) -> Hashes:
    """Hashes, many of them in one drawer of the index."""
    drawn = np.random.default_rng(seed).choice(1 << 10, count, replace=False)
    return np.sort(drawn).astype(np.int32)


@given(ids=IDS, seed=st.integers(0, 100), share=st.integers(0, 100))
def test_an_index_numbers_known_features_from_1(ids: list[int], seed: int, share: int) -> None:
    own = hashes(ids)
    some = own[np.random.default_rng(seed).integers(0, 100, len(own)) < share]
    known = np.unique(np.concatenate([some, _known(300, seed)]))
    numbers = {value: number for number, value in enumerate(known.tolist(), 1)}
    expected = sorted({numbers[value] for value in own.tolist() if value in numbers})
    assert Index(known).numbers(ids).tolist() == expected


def test_features_that_enough_reviews_have_are_chosen() -> None:
    counts: dict[int, int] = {}
    for ids in REVIEWS:
        for feature in _features(ids.tolist()):
            counts[feature] = counts.get(feature, 0) + 1
    for rare in (2, 3):
        expected = sorted(feature for feature, count in counts.items() if count >= rare)
        assert choose_features(REVIEWS, rare).tolist() == expected


def test_where_none_is_frequent_enough_any_is_chosen() -> None:
    chosen = choose_features([REVIEWS[3]], 2)
    assert chosen.tolist() == sorted(_features([7, 8]))


@pytest.mark.parametrize(("reviews", "least"), [(10, 2), (14_999, 2), (15_000, 3), (75_000, 8)])
def test_few_reviews_make_features_rare_sooner(reviews: int, least: int) -> None:
    assert rare_below(reviews) == least


def _expected(positive: list[int], negative: list[int]) -> list[float]:
    """Ratios, from how many positive and negative reviews or runs have each feature."""
    good, bad = np.array(positive) + 1, np.array(negative) + 1
    found: list[float] = (np.log(good / good.sum()) - np.log(bad / bad.sum())).tolist()
    return found


def test_a_ratio_compares_the_shares_of_both_classes() -> None:
    sequences = [np.array(row, np.int32) for row in ([1, 2], [1], [2], [])]
    found = ratios(Data(sequences, np.array([1, 1, 0, 0.25], np.float32)), features=3)
    assert found[0] == 0
    assert found[1:].tolist() == pytest.approx(_expected([2, 1, 0], [0, 1, 0]))


def test_what_only_neighbours_have_counts_once() -> None:
    reviews = 200  # of each class, so runs of two
    together, apart = range(4), range(0, reviews, reviews // 4)

    def those(*places: range) -> list[Ids]:
        return [np.array([feature for feature, found in enumerate(places, 1) if at in found],
                         np.int32) for at in range(reviews)]

    sequences = [*those(together, apart), *those(apart, together)]
    found = ratios(Data(sequences, np.repeat(np.array([1, 0], np.float32), reviews)), features=2)
    assert found[1:].tolist() == pytest.approx(_expected([2, 4], [4, 2]))


def _learner() -> tuple[NgramLearner, Hashes]:
    """Weights as after some learning, and the hashes that they belong to."""
    known = np.unique(np.concatenate([hashes(ids) for ids in REVIEWS]))
    torch.manual_seed(3)
    learner = NgramLearner(torch.cat([torch.zeros(1), torch.randn(len(known))]))
    with torch.no_grad():
        learner.factors.normal_()
        learner.bias.fill_(0.3)
    return learner.eval(), known


def test_the_model_that_is_kept_says_what_was_learned() -> None:
    learner, known = _learner()
    model = condensed(learner.weights({}), known, VOCABULARY)
    batch = make_batch([model.prepare(ids) for ids in REVIEWS])
    torch.testing.assert_close(model(batch.ids, batch.lengths),
                               learner(batch.ids, batch.lengths).detach(), atol=5e-3, rtol=0)


def test_a_learner_begins_where_its_prior_ends() -> None:
    """The prior knows half of the features; the others add nothing yet."""
    learner, known = _learner()
    earlier = condensed(learner.weights({}), known, VOCABULARY, most=len(known) // 2)
    again = NgramLearner(torch.randn(len(known) + 1), prior_weights(earlier, known)).eval()
    batch = make_batch([Index(known).numbers(ids) for ids in REVIEWS])
    theirs = make_batch([earlier.prepare(ids) for ids in REVIEWS])
    torch.testing.assert_close(again(batch.ids, batch.lengths).detach(),
                               earlier(theirs.ids, theirs.lengths), atol=1e-5, rtol=0)
    assert torch.equal(again.weights({}), prior_weights(earlier, known))


def test_what_is_learned_is_added_to_the_prior() -> None:
    learner, known = _learner()
    prior = torch.linspace(-1, 1, len(known) + 1)
    both = NgramLearner(learner.scale, prior)
    both.load_state_dict(learner.state_dict())
    torch.testing.assert_close(both.weights({}), learner.weights({}) + prior)


def test_the_features_that_weigh_most_are_kept() -> None:
    learner, known = _learner()
    weights = learner.weights({})
    model = condensed(weights, known, VOCABULARY, most=5)
    largest = weights[1:].abs().argsort(descending=True)[:5].sort().values
    assert model.hashes.tolist() == known[largest].tolist()
    model.check()


def test_divided_log_odds_are_smaller_by_as_much() -> None:
    learner, known = _learner()
    model = condensed(learner.weights({}), known, VOCABULARY)
    batch = make_batch([model.prepare(ids) for ids in REVIEWS])
    before = model(batch.ids, batch.lengths)
    model.divide(2.0)
    torch.testing.assert_close(model(batch.ids, batch.lengths), before / 2)
