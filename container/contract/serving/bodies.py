"""A request's body as a stream of bytes: read to its end, unpacked, in memory or on disk.

Sources: requirements S9, S10, S26. An asynchronous endpoint sends up to 1 GB, so what is long goes
to a file without a name in TMPDIR; it is gone when it is closed, or when the process ends.
"""

from __future__ import annotations

import gzip
import logging
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from tempfile import SpooledTemporaryFile
from typing import IO, Protocol, Self

from gunicorn.http.errors import ParseException

from contract.errors import RequestError, UserError
from contract.serving.gate import Deadline
from contract.serving.room import BODIES, Room

IN_MEMORY = 6 * 1024 * 1024
"""Bytes of one body, or of one answer, that are kept in memory; what is longer is kept on disk."""

_PIECE = 64 * 1024
_MEGABYTE = 1024 * 1024

# What reading raises when the client is gone or its chunks are damaged.
_BROKEN = (OSError, ParseException)

log = logging.getLogger(__name__)


class BrokenBodyError(UserError):
    """Nobody knows where the body ends, or another request begins, on this connection."""


class Readable(Protocol):
    """A source of bytes; `read` gives fewer than asked for only at the end."""

    def read(self, size: int, /) -> bytes: ...


class Spool:
    """Bytes that are written first and then read: in memory if they are few, or else on disk.

    In memory are `IN_MEMORY` bytes of one at most, and `room.BODIES` of all of a process.
    """

    _memory = Room(BODIES)

    def __init__(self, directory: str) -> None:
        self.size = 0
        self._in_memory = 0
        """Bytes that are taken for it."""
        self._on_disk = False
        self._file = SpooledTemporaryFile[bytes](dir=directory)

    def write(self, data: bytes) -> None:
        """Raises RequestError: 507, there is no room on disk."""
        with _room():
            if not self._on_disk and not self._keep(len(data)):
                self._file.rollover()
                self._leave_memory()
            self._file.write(data)
        self.size += len(data)

    def _keep(self, size: int) -> bool:
        """Whether so many bytes more can be kept in memory; they are taken then."""
        if self._in_memory + size > IN_MEMORY or not self._memory.take(size):
            return False
        self._in_memory += size
        return True

    def _leave_memory(self) -> None:
        self._memory.give_back(self._in_memory)
        self._in_memory, self._on_disk = 0, True

    def rewound(self) -> IO[bytes]:
        """The bytes from the first on; raises RequestError as `write` does."""
        with _room():
            self._file.seek(0)
        return self._file

    def emptied(self) -> Iterator[bytes]:
        """The bytes from the first on; closed after the last, or when nobody wants more."""
        try:
            file = self.rewound()
            while piece := file.read(_PIECE):
                yield piece
        finally:
            self.close()

    def close(self) -> None:
        with suppress(OSError):  # what could not be written is tried again here
            self._file.close()
        self._leave_memory()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


@contextmanager
def _room() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        log.warning("cannot keep a long body in TMPDIR: %s", error.strerror)
        raise RequestError(507, "there is no room for so long a body or answer in TMPDIR: "
                                f"{error.strerror}; send fewer records, or give it more disk") \
            from None


class Incoming:
    """A body on its way in."""

    def __init__(self, source: Readable, length: int | None, encoding: str,
                 deadline: Deadline) -> None:
        """Takes the request's Content-Length, if it has one, and its Content-Encoding.

        Raises:
            RequestError: 415 for an encoding other than gzip.
        """
        self._source, self._length, self._deadline = source, length, deadline
        self._received = 0
        self._start: bytes | None = None
        self._plain: Readable = self
        if encoding.strip().lower() == "gzip":
            self._plain = gzip.GzipFile(fileobj=self)  # type: ignore[call-overload]
        elif encoding.strip().lower() not in ("identity", ""):
            raise RequestError(415, f"Content-Encoding {encoding[:30]!r} is not supported; send "
                                    "gzip or none")

    def start(self) -> bytes:
        """The body's first bytes, which `spool` gives again; raises as that does."""
        if self._start is None:
            self._start = self._read_plain()
        return self._start

    def spool(self, limit: int, hint: str, directory: str) -> Spool:
        """The whole body, unpacked.

        Raises:
            UserError: it is cut off or damaged.
            RequestError: 408, it came too slowly; 413 beyond `limit` bytes, with the `hint` what to
                do; 504, it did not come before the deadline; 507, there is no room for it.
        """
        if self._length is not None and self._length > limit:
            raise _too_large(limit, hint)
        body = Spool(directory)
        try:
            piece = self.start()
            while piece:
                if body.size + len(piece) > limit:
                    raise _too_large(limit, hint)
                body.write(piece)
                piece = self._read_plain()
        except BaseException:
            body.close()
            raise
        return body

    def _read_plain(self) -> bytes:
        try:
            return self._plain.read(_PIECE)
        except (OSError, EOFError, zlib.error):  # of gzip: `read` raises our own errors
            raise UserError("the gzip body is damaged or cut off") from None

    def read(self, size: int) -> bytes:
        """The body as it was sent."""
        self._deadline.check()
        try:
            piece = self._source.read(size)
        except _BROKEN as error:
            if isinstance(error, BlockingIOError):
                raise RequestError(408, "the body stopped coming, or came too slowly; send it "
                                        "again") from None
            raise BrokenBodyError("the body is damaged or cut off; send it again") from None
        self._received += len(piece)
        if not piece and self._received < (self._length or 0):
            raise BrokenBodyError(f"the body is cut off: {self._received} bytes came, "
                                  f"Content-Length is {self._length}; send it again")
        return piece


def discard_rest(source: Readable, limit: int, deadline: Deadline) -> None:
    """Read what is left of a body that is refused, within reason.

    A client that is still sending would see a broken connection, and never the answer.
    """
    with suppress(*_BROKEN):
        while limit > 0 and deadline.left > 0 and (piece := source.read(_MEGABYTE)):
            limit -= len(piece)


def _too_large(limit: int, hint: str) -> RequestError:
    return RequestError(413, f"the body is larger than {limit} bytes; {hint}")
