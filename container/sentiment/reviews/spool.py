"""Many texts in little memory: in a file without a name, read back in any order."""

from __future__ import annotations

import errno
import os
import shutil
import tempfile
import weakref
from array import array
from collections.abc import Iterable, Iterator, Sequence
from typing import overload

from contract.errors import PlatformError

IN_MEMORY = 64 << 20
"""Bytes that need no file; it is made for more."""
KEPT_FREE = 64 << 20
"""Bytes of the disk that are left to others: a model, a log, a neighbour."""

_BLOCK = 1 << 20


class Spool:
    """Pieces of bytes in order; added at the end, read in any order, by one thread at a time.

    The file lies in TMPDIR (T31) and is gone with the process, however that ends.
    """

    def __init__(self) -> None:
        self._ends = array("Q", [0])
        self._file: int | None = None
        """A descriptor, closed with this object."""
        self._filed = 0
        self._rest = bytearray()
        """What comes after the first `_filed` bytes, which are in the file."""

    def __len__(self) -> int:
        return len(self._ends) - 1

    def append(self, piece: bytes) -> None:
        """Raises PlatformError: there is no room for it, or no place that can be written."""
        self._rest += piece
        self._ends.append(self._ends[-1] + len(piece))
        if len(self._rest) > (IN_MEMORY if self._file is None else _BLOCK):
            self._write()

    def pieces(self, first: int, last: int) -> list[bytes]:
        """Those from `first` to before `last`, read at once."""
        ends = self._ends[first:last + 1]
        content = self._read(ends[0], ends[-1])
        return [content[ends[at] - ends[0]:ends[at + 1] - ends[0]] for at in range(len(ends) - 1)]

    def __iter__(self) -> Iterator[bytes]:
        first = 0
        while first < len(self):
            last = first + 1
            while last < len(self) and self._ends[last + 1] - self._ends[first] <= _BLOCK:
                last += 1
            yield from self.pieces(first, last)
            first = last

    def _read(self, start: int, end: int) -> bytes:
        content = b""
        if self._file is not None and start < self._filed:
            content = os.pread(self._file, min(end, self._filed) - start, start)
        return content + self._rest[max(start - self._filed, 0):max(end - self._filed, 0)]

    def _write(self) -> None:
        place = "TMPDIR"
        try:
            place = tempfile.gettempdir()
            if self._file is None:
                with tempfile.TemporaryFile() as file:
                    self._file = os.dup(file.fileno())
                weakref.finalize(self, os.close, self._file)
            if shutil.disk_usage(place).free < len(self._rest) + KEPT_FREE:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            content = memoryview(bytes(self._rest))
            while content:
                content = content[os.write(self._file, content):]
        except OSError as error:
            if error.errno in (errno.ENOSPC, errno.EDQUOT):
                raise PlatformError(f"{place} has no room left for the reviews, {self._ends[-1]:,} "
                                    "bytes so far; raise VolumeSizeInGB, or set TMPDIR to a larger "
                                    "place") from error
            raise PlatformError(f"{place} cannot take the reviews ({error}); mount /tmp writable, "
                                "or set TMPDIR to a place that is") from error
        self._filed += len(self._rest)
        self._rest.clear()


class Texts(Sequence[str]):
    """Texts in a spool. Memory: 8 bytes a text, and `IN_MEMORY`."""

    def __init__(self, texts: Iterable[str] = ()) -> None:
        self._spool = Spool()
        self.extend(texts)

    def append(self, text: str) -> None:
        """Raises PlatformError as `Spool.append` does."""
        self._spool.append(text.encode("utf-8", "surrogatepass"))

    def extend(self, texts: Iterable[str]) -> None:
        for text in texts:
            self.append(text)

    def __len__(self) -> int:
        return len(self._spool)

    @overload
    def __getitem__(self, place: int) -> str: ...
    @overload
    def __getitem__(self, place: slice) -> list[str]: ...
    def __getitem__(self, place: int | slice) -> str | list[str]:
        places = range(len(self))[place]
        return (self._at(places) if isinstance(places, int)
                else [self._at(each) for each in places])

    def __iter__(self) -> Iterator[str]:
        return map(_decoded, self._spool)

    def _at(self, place: int) -> str:
        return _decoded(*self._spool.pieces(place, place + 1))


def _decoded(piece: bytes) -> str:
    return piece.decode("utf-8", "surrogatepass")
