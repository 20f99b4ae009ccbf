"""Which process holds and works on which reviews, however the hosts were given them."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import chain
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from contract.cluster.hosts import Place
from contract.errors import UserError
from sentiment.learning.data import NO_DATA, Data, Rows
from sentiment.learning.distributed import Group
from sentiment.learning.gathering import Spread, agree, shared, spread_out


@dataclass
class Share:
    """The reviews of one process."""

    host: int
    reviews: int
    sharded: bool = False
    fingerprint: str = "same"


class Heard(Group):
    """A process that hears what the others would say."""

    def __init__(self, rank: int, shares: list[Share]) -> None:
        super().__init__(Place(rank, len(shares), host=shares[rank].host))
        self._shares = shares

    def gather(self, value: Any) -> list[Any]:
        every = [[rank, *dataclasses.astuple(share)] for rank, share in enumerate(self._shares)]
        assert every[self.place.rank] == value
        return every


def spread_over(shares: list[Share]) -> list[Spread]:
    """What each of the processes finds out."""
    return [spread_out(Heard(rank, shares), "train", share.reviews, share.sharded,
                       share.fingerprint) for rank, share in enumerate(shares)]


def data_of(spread: Spread) -> Data:
    """Reviews of different lengths."""
    count = len(spread.held.numbers)
    return Data([np.zeros(int(number) % 7, np.int32) for number in spread.held.numbers],
                np.zeros(count, np.float32), spread.held)


def numbers_of(data: Data, rows: Rows | None = None) -> list[int]:
    assert data.held is not None
    return [int(number) for number in data.held.numbers[data.mine(rows)]]


def in_order(parts: Iterable[list[int]]) -> list[int]:
    return sorted(chain.from_iterable(parts))


SHARDED = st.lists(st.tuples(st.integers(0, 40), st.integers(1, 3)), min_size=1, max_size=4).map(
    lambda hosts: [Share(host, reviews, sharded=True)
                   for host, (reviews, processes) in enumerate(hosts) for _ in range(processes)])
REPLICATED = st.tuples(st.integers(1, 40), st.lists(st.booleans(), min_size=1, max_size=6)).filter(
    lambda made: any(made[1])).map(
    lambda made: [Share(host, made[0] * has) for host, has in enumerate(made[1])])


@given(shares=SHARDED | REPLICATED, seed=st.integers(0, 9))
def test_each_review_of_a_batch_is_the_work_of_one_process(shares: list[Share], seed: int) -> None:
    found = [data_of(spread) for spread in spread_over(shares)]
    total = found[0].total
    batch = np.random.default_rng(seed).permutation(total)[:10]
    assert {data.total for data in found} == {total}
    assert in_order(numbers_of(data, batch) for data in found) == sorted(batch.tolist())
    assert in_order(map(numbers_of, found)) == [*range(total)]


@given(shares=SHARDED | REPLICATED, turn=st.integers(0, 5))
def test_a_run_of_reviews_stays_whole_among_those_that_hold_it(
    shares: list[Share], turn: int
) -> None:
    every = [data_of(spread) for spread in spread_over(shares)]
    rows = np.arange(every[0].total)
    found = [data.mine_whole(rows, turn) for data in every]
    assert in_order(data.held.numbers[places].tolist() for data, places in zip(
        every, found, strict=True) if data.held) == rows.tolist()
    assert all(len(places) in (0, len(data)) for data, places in zip(every, found, strict=True))


@given(shares=SHARDED | REPLICATED)
def test_one_process_speaks_for_each_review(shares: list[Share]) -> None:
    spoken = [spread.held.numbers.tolist() for spread in spread_over(shares) if spread.speaks]
    assert in_order(spoken) == [*range(spread_over(shares)[0].total)]


@given(shares=SHARDED, others=st.integers(1, 30), seed=st.integers(0, 9))
def test_chosen_and_joined_reviews_are_numbered_anew(
    shares: list[Share], others: int, seed: int
) -> None:
    first = spread_over(shares)
    then = spread_over([Share(share.host, others) for share in shares])
    mask = np.random.default_rng(seed).random(first[0].total) < 0.5
    joined = []
    for one, other in zip(first, then, strict=True):
        held = one.held.chosen(mask).then(other.held)
        joined.append(Data([np.zeros(1, np.int32)] * len(held.numbers),
                           np.zeros(len(held.numbers), np.float32), held))
    assert joined[0].total == mask.sum() + others
    assert in_order(map(numbers_of, joined)) == [*range(joined[0].total)]


def test_processes_that_share_reviews_have_as_many_words_to_learn() -> None:
    shares = [Share(host, 512) for host in range(4)]
    words = [sum(len(data.sequences[place]) for place in data.mine())
             for data in map(data_of, spread_over(shares))]
    assert max(words) - min(words) <= 6


def test_reviews_that_should_be_the_same_and_are_not_are_refused() -> None:
    with pytest.raises(UserError, match="'train' is not sharded, but hosts number 2 and 1 hold"):
        spread_over([Share(0, 3), Share(1, 3, fingerprint="other")])


@pytest.mark.parametrize(("shares", "alike"), [
    ([Share(0, 3), Share(1, 3), Share(2, 0, fingerprint="none")], True),
    ([Share(0, 3, True), Share(1, 0, True, "none")], True),
    ([Share(0, 3, True), Share(1, 2, True, "other")], False)])
def test_the_fingerprint_is_that_of_one_host_unless_several_have_shards(
    shares: list[Share], alike: bool
) -> None:
    found = {spread.fingerprint for spread in spread_over(shares)}
    assert len(found) == 1
    assert (found == {"same"}) == alike


def test_without_reviews_there_is_no_work() -> None:
    assert (NO_DATA.total, len(NO_DATA), NO_DATA.mine().tolist()) == (0, 0, [])
    [spread] = spread_over([Share(0, 4)])
    assert data_of(spread).then(NO_DATA).total == 4


class Told(Group):
    """A process that is told what all say."""

    def __init__(self, *said: Any) -> None:
        super().__init__(Place(size=len(said)))
        self._said = list(said)

    def gather(self, value: Any) -> list[Any]:
        return self._said


@pytest.mark.parametrize(("said", "found"), [
    ((None, {"film": 2}, {"film": 2}), {"film": 2}), ((None, None), None)])
def test_whoever_has_no_dictionary_is_given_that_of_the_others(
    said: tuple[dict[str, int] | None, ...], found: dict[str, int] | None
) -> None:
    assert shared(Told(*said), said[0], "the word_dict") == found


def test_hosts_that_disagree_are_told_about_what() -> None:
    with pytest.raises(UserError, match="the word_dict is not the same on all hosts"):
        shared(Told({"film": 2}, {"film": 3}), None, "the word_dict")
    with pytest.raises(UserError, match="the model is not the same on all hosts"):
        agree(Told("", "abc"), "", "the model")
