"""What the processes that train together find out about their reviews by asking each other.

A channel is either replicated, and whoever has it holds the same reviews, or sharded by the
platform, and each host holds others. Either way its reviews are numbered as if one process had
read them all: those of the first host first (requirement D5).
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from contract.errors import UserError
from sentiment.learning.data import Held
from sentiment.learning.distributed import Group


@dataclass(frozen=True)
class Spread:
    """How the reviews of a channel lie over all processes."""

    group: Group
    held: Held
    speaks: bool
    """Whether this process speaks for the reviews it holds, so that each is counted once."""
    fingerprint: str
    """Of all reviews: on one host, or replicated, that of the reviews themselves."""

    @property
    def total(self) -> int:
        return self.held.total

    @property
    def for_data(self) -> Held | None:
        """None where nobody else holds or does anything."""
        return self.held if self.group.place.size > 1 else None

    def chosen(self, mask: npt.NDArray[np.bool_]) -> Held | None:
        """The same of the reviews in `mask`, shape (total,)."""
        return self.held.chosen(mask) if self.group.place.size > 1 else None

    def everywhere(self, values: Sequence[int]) -> npt.NDArray[np.int64]:
        """The values of all reviews, shape (total,), from those of the reviews held."""
        found = np.zeros(self.total, np.int64)
        if self.speaks:
            found[self.held.numbers] = values
        return self.group.add(found)

    def words(self, count: Callable[[Iterable[str]], Counter[str]],
              texts: Iterable[str]) -> Counter[str]:
        """The counts of the words of all texts, in the order of first appearance."""
        total: Counter[str] = Counter()
        for counts in self.group.gather(count(texts) if self.speaks else {}):
            total.update(counts)
        return total


def spread_out(group: Group, channel: str, reviews: int, sharded: bool, fingerprint: str) -> Spread:
    """Number the reviews of a channel over all processes.

    Args:
        group: all processes; each calls this, whether it has the channel or not.
        channel: its name, for messages.
        reviews: how many this process has read.
        sharded: whether the platform has given each host others.
        fingerprint: of those that this process has read.

    Raises:
        UserError: hosts that should have the same reviews have different ones.
    """
    place = group.place
    every = [_Share(*share) for share in group.gather(
        [place.rank, place.host, reviews, sharded, fingerprint])]
    holders = [share for share in every if share.reviews]
    if any(share.sharded for share in every):
        speakers = [share for at, share in enumerate(holders)
                    if not at or holders[at - 1].host != share.host]
        before = sum(share.reviews for share in speakers if share.host < place.host)
        sharers = [share.rank for share in holders if share.host == place.host]
    else:
        speakers, before = holders[:1], 0
        sharers = [share.rank for share in holders]
        for share in holders:
            if share.fingerprint != holders[0].fingerprint:
                raise UserError(
                    f"channel {channel!r} is not sharded, but hosts number {share.host + 1} and "
                    f"{holders[0].host + 1} hold different reviews; set its S3DataDistributionType "
                    "to ShardedByS3Key, or give all hosts the same")
    index = sharers.index(place.rank) if reviews else 0
    held = Held(sum(share.reviews for share in speakers), before + np.arange(reviews),
                np.full(reviews, index), np.full(reviews, len(sharers)))
    return Spread(group, held, any(share.rank == place.rank for share in speakers),
                  joint_fingerprint([share.fingerprint for share in speakers] or [fingerprint]))


@dataclass(frozen=True)
class _Share:
    """What one process says of a channel."""

    rank: int
    host: int
    reviews: int
    sharded: bool
    fingerprint: str


def agree(group: Group, value: object, what: str) -> None:
    """Raises UserError: a value, anything that JSON can hold, is not the same in all processes."""
    values = group.gather(value)
    if any(found != values[0] for found in values):
        raise UserError(f"{what} is not the same on all hosts; give all hosts the same")


def shared(group: Group, value: Mapping[str, int] | None, what: str) -> dict[str, int] | None:
    """The value of all processes that have one; None if none has.

    Raises:
        UserError: they have different ones.
    """
    every = group.gather(dict(value) if value is not None else None)
    values: list[dict[str, int]] = [found for found in every if found is not None]
    if any(found != values[0] for found in values):
        raise UserError(f"{what} is not the same on all hosts; give all hosts the same")
    return values[0] if values else None


def joint_fingerprint(parts: Sequence[str]) -> str:
    """Of reviews that lie in several parts; cut in other places, they are other data."""
    return parts[0] if len(parts) == 1 else hashlib.sha256("".join(parts).encode()).hexdigest()
