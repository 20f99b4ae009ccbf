"""Unpacking an archive that others have made: plain files, below one folder, and only so much.

Source: requirement N9. A model.tar.gz has three files, ours and the course project's.
"""

from __future__ import annotations

import gzip
import os
import tarfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path, PurePath
from typing import IO, Protocol, Self, cast

from contract.errors import UserError

MOST_FILES = 1000
MOST_BYTES = 2**31
"""Of the unpacked archive with all its headers."""

MOST_FOLDERS = 100
"""In a path."""

MOST_BYTES_OF_PATH = 1000

BROKEN = (tarfile.TarError, EOFError, zlib.error, gzip.BadGzipFile, ValueError, RecursionError)
"""What Python's modules raise for an archive that is damaged, or made to do harm."""

_PIECE = 2**20
_LARGEST_HEADER = 2**20
_EMPTY_READS = 100
_TELLING = (tarfile.XHDTYPE, tarfile.XGLTYPE, tarfile.SOLARIS_XHDTYPE, tarfile.GNUTYPE_LONGNAME,
            tarfile.GNUTYPE_LONGLINK)
"""Headers that tell of the member behind them; their content is held in memory."""


def extract(archive: Path, folder: Path, *, check: Callable[[], None] = lambda: None,
            most_files: int = MOST_FILES, most_bytes: int = MOST_BYTES) -> None:
    """As `unpack`, all at once."""
    for _ in unpack(archive, folder, check=check, most_files=most_files, most_bytes=most_bytes):
        pass


def unpack(archive: Path, folder: Path, *, check: Callable[[], None] = lambda: None,
           most_files: int = MOST_FILES, most_bytes: int = MOST_BYTES) -> Iterator[Path]:
    """Unpack a `.tar.gz` into the empty `folder`; `check` is called now and then, and may raise.

    Owners, modes and dates are not taken over. What was unpacked before an error stays.

    Yields:
        Each file, when it is there.

    Raises:
        UserError: the archive is damaged, too large, or has anything but folders and plain files
            with paths inside it.
    """
    name, files = archive.name, 0
    if archive.is_dir():
        raise UserError(f"{name} is a folder, and no .tar.gz; pack it")
    try:
        with gzip.open(archive) as content:
            bounded = cast(IO[bytes], _Bounded(content, check, most_bytes, name))
            with tarfile.open(fileobj=bounded, mode="r|", tarinfo=StrictMember) as tar:
                for member in tar:
                    inside = _inside(name, member)
                    path = folder / inside
                    if member.isdir():
                        path.mkdir(parents=True, exist_ok=True)
                        continue
                    files += 1
                    if files > most_files:
                        raise UserError(f"{name} has more than {most_files} files; pack only what "
                                        "is needed")
                    _write(cast(IO[bytes], tar.extractfile(member)), path)
                    yield path
            while bounded.read(_PIECE):  # to the end, where gzip has its checksum
                pass
    except BROKEN as error:
        raise UserError(f"{name} is damaged, or no .tar.gz ({error}); fetch or upload it "
                        "again") from error
    except (FileExistsError, NotADirectoryError, IsADirectoryError) as error:
        raise UserError(f"{name} has {str(inside)!r} twice; pack it again") from error


class StrictMember(tarfile.TarInfo):
    """Reads headers strictly: tarfile takes a header that is cut or damaged for a happy end."""

    @classmethod
    def fromtarfile(cls, tarfile_: tarfile.TarFile) -> Self:
        try:
            return super().fromtarfile(tarfile_)
        except tarfile.EOFHeaderError:  # type: ignore[attr-defined]
            raise  # the block of zeros after the last member
        except tarfile.HeaderError as error:
            raise tarfile.ReadError(str(error)) from error

    @classmethod
    def frombuf(cls, buf: bytes | bytearray, encoding: str, errors: str) -> Self:
        member = super().frombuf(buf, encoding, errors)
        if member.size < 0 or (member.type in _TELLING and member.size > _LARGEST_HEADER):
            raise tarfile.ReadError("a header with an impossible size")
        return member


class Readable(Protocol):
    """What an archive is read from."""

    def read(self, size: int, /) -> bytes: ...


class Watched:
    """A stream for tarfile: `check` is called for each piece, and its end is an end.

    tarfile skips a member by reading as often as its header says, and goes on at the end of the
    file: a few bytes could keep it busy for ever.
    """

    def __init__(self, stream: Readable, check: Callable[[], None]) -> None:
        self._stream, self._check = stream, check
        self._empty = 0

    def read(self, size: int) -> bytes:
        """Raises EOFError: much more is asked for than there is; and what `check` raises."""
        self._check()
        piece = self._stream.read(size)
        self._empty = 0 if piece else self._empty + 1
        if self._empty > _EMPTY_READS:
            raise EOFError("it ends before its last member does")
        return piece


class _Bounded(Watched):
    """A stream that ends in an error where there is more in it than there may be."""

    def __init__(self, stream: Readable, check: Callable[[], None], most: int, name: str) -> None:
        super().__init__(stream, check)
        self._most = self._left = most
        self._name = name

    def read(self, size: int) -> bytes:
        piece = super().read(size)
        self._left -= len(piece)
        if self._left < 0:
            raise UserError(f"{self._name} has more than {self._most} bytes unpacked; pack only "
                            "what is needed")
        return piece


def _inside(name: str, member: tarfile.TarInfo) -> PurePath:
    """The member's path, as this machine understands it, for it is here that it would escape.

    Raises UserError where it leads elsewhere, or to no plain file.
    """
    path = PurePath(member.name)
    if path.anchor or ".." in path.parts or "\0" in member.name:
        raise UserError(f"{name} has {member.name[:60]!r}, a path that leads out of it; it is not "
                        "used")
    # A sparse file is no plain one: a few bytes of it may say that a terabyte of zeros follows.
    if not (member.isreg() or member.isdir()) or member.issparse():
        raise UserError(f"{name} has {member.name[:60]!r}, which is neither a folder nor a plain "
                        "file; it is not used")
    if (len(path.parts) > MOST_FOLDERS or len(os.fsencode(path)) > MOST_BYTES_OF_PATH
            or any(len(os.fsencode(part)) > 255 for part in path.parts)):
        raise UserError(f"{name} has {member.name[:60]!r}..., a path that is too long; it is not "
                        "used")
    return path


def _write(source: IO[bytes], path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("xb") as target:
        while piece := source.read(_PIECE):
            target.write(piece)
