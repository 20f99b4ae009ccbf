"""The files of a channel: found in a fixed order, opened as streams, archives looked into.

Sources: requirements T14-T17. A channel may be a mount that is fast only when each file is read
once from front to back, so files are never sought in, mapped or opened twice; a pipe cannot be.
"""

from __future__ import annotations

import gzip
import io
import os
import tarfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, BinaryIO, cast

from contract.errors import UserError
from contract.inputs.archives import BROKEN, StrictMember, Watched
from contract.inputs.jobconfig import Channel
from contract.inputs.pipes import open_pipe
from sentiment.reviews.spool import Spool

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

UNLABELLED_FOLDER = "unsup"
"""Of the IMDB archive."""

_ARCHIVES = (".tar", ".tar.gz", ".tgz")
_PIECE = 1 << 20
# Left by jobs that wrote the data, or by the platform itself.
_NOT_DATA = ("_SUCCESS", "manifest", "-manifest", ".manifest")


@dataclass(frozen=True, slots=True)
class Source:
    """A file, a member of an archive or a pipe, with the name that messages call it by."""

    name: str
    """Channel and path below it: `train/pos/0_9.txt`."""
    path: PurePosixPath
    """Path below the channel, `.gz` removed."""
    _open: Callable[[], BinaryIO]

    @contextmanager
    def stream(self) -> Iterator[BinaryIO]:
        """The bytes, decompressed; open it once.

        Raises:
            UserError: compressed data that ends early or is damaged.
        """
        try:
            with self._open() as stream:
                yield stream
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            raise UserError(f"{self.name}: compressed data is damaged or cut off ({error}); "
                            "upload the file again") from error

    def read(self) -> bytes:
        """All bytes; raises UserError as `stream` does."""
        with self.stream() as stream:
            return stream.read()


def find_sources(channel: Channel, unlabelled: bool = False,
                 check: Callable[[], None] = lambda: None) -> list[Source]:
    """All data files of a channel, sorted by path, with the members of tar archives in place.

    Hidden, empty and manifest files are passed over, and the unlabelled two thirds of the IMDB
    archive unless they are asked for. `check` is called while archives are read; it may raise.

    Raises:
        UserError: an archive is damaged or cut off.
        PlatformError: there is no room for what is in an archive.
        OSError: a folder cannot be looked into.
    """
    sources: list[Source] = []
    for file in _files(channel.directory):
        relative = PurePosixPath(file.relative_to(channel.directory).as_posix())
        if file.name.lower().endswith(_ARCHIVES):
            sources += _members(file, f"{channel.name}/{relative}", unlabelled, check)
        else:
            sources.append(_file_source(file, relative, channel.name))
    return sorted(sources, key=lambda source: source.path.parts)


def pipe_source(pipe: Path, check: Callable[[], None]) -> Source:
    """The pipe of a channel; `check` is called while it is waited for, and may raise to stop."""
    return Source(pipe.name, PurePosixPath(), lambda: open_pipe(pipe, check))


def _files(directory: Path) -> Iterator[Path]:
    for folder, folders, files in os.walk(directory, followlinks=True, onerror=_refuse):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(files):
            path = Path(folder, name)
            if _is_data(name) and path.is_file() and path.stat().st_size > 0:
                yield path


def _refuse(error: OSError) -> None:
    """A folder that this user may not look into is no reason to learn from fewer reviews."""
    if not isinstance(error, FileNotFoundError):  # which has no reviews
        raise error


def _is_data(name: str) -> bool:
    return not name.startswith(".") and not name.endswith(_NOT_DATA)


def _file_source(file: Path, relative: PurePosixPath, channel: str) -> Source:
    return _source(f"{channel}/{relative}", relative, lambda: file.open("rb"),
                   lambda: cast(BinaryIO, gzip.open(file, "rb")))


def _source(name: str, path: PurePosixPath, plain: Callable[[], BinaryIO],
            unpacked: Callable[[], BinaryIO]) -> Source:
    if path.suffix.lower() == ".gz":
        return Source(name, path.with_suffix(""), unpacked)
    return Source(name, path, plain)


def _members(archive: Path, name: str, unlabelled: bool,
             check: Callable[[], None]) -> list[Source]:
    """The regular files in an archive, read in one pass and laid aside.

    Nothing is extracted, so a member's path can do no harm.
    """
    sources = []
    contents = Spool()
    try:
        with _decompressed(archive) as file, \
                tarfile.open(fileobj=cast(BinaryIO, watched := Watched(file, check)), mode="r|",
                             tarinfo=StrictMember) as tar:
            for member in tar:
                path = PurePosixPath(member.name)
                if not member.isfile() or member.size == 0 or not _is_data(path.name):
                    continue
                if UNLABELLED_FOLDER in path.parts and not unlabelled:
                    continue
                if member.issparse():  # a few bytes may say that a terabyte of zeros follows
                    raise UserError(f"{name}: {path} is a sparse file; pack it as a plain one")
                first, stream = len(contents), cast(BinaryIO, tar.extractfile(member))
                while piece := stream.read(_PIECE):
                    contents.append(piece)
                opened = partial(_opened, contents, first, len(contents))
                sources.append(_source(f"{name}:{path}", path, opened, partial(_unpacked, opened)))
            while watched.read(_PIECE):  # to the end, where gzip has its checksum
                pass
    except BROKEN as error:
        raise UserError(f"{name}: archive is damaged or cut off ({error}); upload it again") \
            from error
    return sources


@contextmanager
def _decompressed(archive: Path) -> Iterator[BinaryIO]:
    with archive.open("rb") as file:
        if file.peek(2)[:2] == b"\x1f\x8b":
            with gzip.open(file) as content:
                yield cast(BinaryIO, content)
        else:
            yield file


def _opened(contents: Spool, first: int, last: int) -> BinaryIO:
    """The pieces from `first` to before `last`, which are one file, as a stream."""
    if last - first == 1:
        return io.BytesIO(*contents.pieces(first, last))
    return io.BufferedReader(_Pieces(contents, first, last), _PIECE)


def _unpacked(opened: Callable[[], BinaryIO]) -> BinaryIO:
    return cast(BinaryIO, gzip.GzipFile(fileobj=opened()))


class _Pieces(io.RawIOBase):
    def __init__(self, contents: Spool, first: int, last: int) -> None:
        self._contents = contents
        self._places = iter(range(first, last))
        self._rest = memoryview(b"")

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer) -> int:
        if not self._rest and (place := next(self._places, None)) is not None:
            self._rest = memoryview(*self._contents.pieces(place, place + 1))
        target = memoryview(buffer).cast("B")
        size = min(len(target), len(self._rest))
        target[:size], self._rest = self._rest[:size], self._rest[size:]
        return size
