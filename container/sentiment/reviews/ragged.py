"""Reviews of different lengths as ids in one array, which takes little more than the ids do."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Sequence
from typing import Any, Self, overload

import numpy as np
import numpy.typing as npt

Ids = npt.NDArray[np.int32]


class Ragged(Sequence[Ids]):
    """The rows of a table whose rows differ in length.

    Memory: 4 bytes an id and 12 bytes a row. Some of the rows share the ids with all of them.
    """

    def __init__(self, ids: Ids, starts: npt.NDArray[np.int64],
                 lengths: npt.NDArray[np.int32]) -> None:
        """`ids` of all rows; where each row starts among them, and how many it has."""
        self._ids, self._starts, self.lengths = ids, starts, lengths

    @classmethod
    def of(cls, rows: Iterable[Sequence[int] | Ids]) -> Self:
        """Copies the rows, one after the other."""
        ids, lengths = array("i"), array("i")
        for row in rows:
            ids.frombytes(np.asarray(row, np.int32).tobytes())
            lengths.append(len(row))
        counts = np.array(lengths, np.int32)
        starts = np.cumsum(counts, dtype=np.int64) - counts
        return cls(np.frombuffer(ids, np.int32) if ids else np.empty(0, np.int32), starts, counts)

    def __len__(self) -> int:
        return len(self.lengths)

    @overload
    def __getitem__(self, place: int) -> Ids: ...
    @overload
    def __getitem__(self, place: slice | npt.NDArray[Any]) -> Ragged: ...
    def __getitem__(self, place: int | slice | npt.NDArray[Any]) -> Ids | Ragged:
        """One row; or some of them, by a slice, a mask, or their places."""
        starts, lengths = self._starts[place], self.lengths[place]
        if isinstance(starts, np.ndarray):
            return Ragged(self._ids, starts, lengths)
        return self._ids[starts:starts + lengths]
