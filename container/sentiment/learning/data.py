"""Encoded reviews, and which of them a process holds and works on.

Rows are numbered over all processes. A process may hold all of them, those of its host, or none;
what a number of processes hold alike they share the work on.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from sentiment.learning.distributed import Group

Rows = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Held:
    """The rows that one process holds, and its part in the work on them."""

    total: int
    """Rows there are in all processes."""
    numbers: Rows
    """Of the rows held, among all of them; ascending."""
    index: Rows
    """Which of the processes that hold a row this one is; of each row held."""
    sharers: Rows
    """How many processes hold a row; of each row held."""

    def places(self, rows: Rows) -> Rows:
        """Where those of `rows` that are held lie, in the order of `rows`."""
        found = np.searchsorted(self.numbers, rows)
        found[found == len(self.numbers)] = 0
        return found[self.numbers[found] == rows] if len(self.numbers) else found[:0]

    def chosen(self, mask: npt.NDArray[np.bool_]) -> Held:
        """The same of the rows in `mask`, shape (total,), numbered anew."""
        anew, here = np.cumsum(mask) - 1, mask[self.numbers]
        return Held(int(mask.sum()), anew[self.numbers[here]], self.index[here],
                    self.sharers[here])

    def then(self, other: Held) -> Held:
        """These rows, and the others numbered after all of these."""
        return Held(self.total + other.total,
                    np.concatenate([self.numbers, self.total + other.numbers]),
                    np.concatenate([self.index, other.index]),
                    np.concatenate([self.sharers, other.sharers]))


@dataclass(frozen=True)
class Data:
    """Encoded reviews and their labels."""

    sequences: Sequence[npt.NDArray[np.int32]]
    labels: npt.NDArray[np.float32]
    """1 for positive, or the probability of that, shape (reviews,)."""
    held: Held | None = None
    """None: all reviews there are, and nobody else works on them."""

    def __len__(self) -> int:
        """Reviews that this process holds."""
        return len(self.sequences)

    @property
    def total(self) -> int:
        """Reviews that all processes hold."""
        return len(self) if self.held is None else self.held.total

    def lengths(self, places: Rows) -> Rows:
        return np.fromiter((len(self.sequences[place]) for place in places), np.int64, len(places))

    def mine(self, rows: Rows | None = None) -> Rows:
        """Places of those of `rows` that this process works on; of all rows, unless some are given.

        Over all processes, each of `rows` is in one of the answers.
        """
        if rows is None:
            rows = np.arange(self.total)
        if self.held is None:
            return rows
        places = self.held.places(rows)
        # Sharers take turns from the shortest to the longest, so that all have as much to do.
        places = places[np.argsort(self.lengths(places), kind="stable")]
        sharers = self.held.sharers[places]
        for number in np.unique(sharers):
            turns = np.flatnonzero(sharers == number)
            index = self.held.index[places[turns]]
            sharers[turns[index == np.arange(len(turns)) % number]] = 0
        mine: Rows = places[sharers == 0]
        return mine

    def mine_whole(self, rows: Rows, turn: int) -> Rows:
        """Places of all of `rows` that this process holds, if it is its turn; otherwise none.

        Whoever holds the same rows takes turns, so over all processes each row is in one answer.
        """
        if self.held is None:
            return rows
        places = self.held.places(rows)
        mine: Rows = places[self.held.index[places] == turn % self.held.sharers[places]]
        return mine

    def everywhere(self, group: Group, places: Rows,
                   values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """Values of all rows, shape (total,), from those at `mine()` places of each process."""
        found: npt.NDArray[np.float64] = np.zeros(self.total)
        found[places if self.held is None else self.held.numbers[places]] = values
        return group.add(found)

    def here(self, values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """Those of the rows held, from the values of all rows."""
        if self.held is None:
            return values
        return values[self.held.numbers]

    def then(self, other: Data) -> Data:
        """These reviews and the others after them."""
        held = (None if self.held is None or other.held is None
                else self.held.then(other.held))
        return Data([*self.sequences, *other.sequences],
                    np.concatenate([self.labels, other.labels]), held)


NO_DATA = Data([], np.zeros(0, np.float32), Held(0, *np.zeros((3, 0), np.int64)))
"""No reviews in any process."""
