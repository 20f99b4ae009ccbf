"""One host's share of the reviews of a processing job.

Hosts never speak to each other. All of them see the same list of files and take turns, unless the
platform has given each its own.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import NamedTuple

from contract.errors import UserError
from contract.inputs.jobconfig import Channel
from contract.tasks import ProcessingJob
from sentiment import labels
from sentiment.reviews import tables
from sentiment.reviews.dataset import BadRows
from sentiment.reviews.sources import UNLABELLED_FOLDER, Source, find_sources

log = logging.getLogger(__name__)

_LABELS = {"pos": labels.POSITIVE, "neg": labels.NEGATIVE, UNLABELLED_FOLDER: tables.UNLABELLED}
"""By the folder of a file with one review."""


class Review(NamedTuple):
    """A review, and where it was found."""

    label: int
    """`tables.UNLABELLED` in the folder `unsup`."""
    text: str
    file: str
    number: int
    """Its place in the file, from 1."""
    test: bool | None
    """Whether it lies in `test` and not in `train`; None if there are no such two folders.

    Of a sharded input, a host may have got one of the two folders only.
    """


def read_share(channel: Channel, job: ProcessingJob, bad: BadRows, run: int) -> Iterator[Review]:
    """The reviews of this host in the order of the files, `run` neighbouring files together.

    Raises:
        UserError: a file cannot be used, or there is no labelled review on the only host.
    """
    sources = find_sources(channel, True, job.stop.raise_if_set)
    halves = {part for source in sources for part in source.path.parts[:-1]} & {"train", "test"}
    is_told = len(halves) == 2 or (halves and channel.sharded)
    found = False
    for source in _share(sources, channel, job, run):
        test = "test" in source.path.parts[:-1] if is_told else None
        for number, (label, text) in enumerate(_read(source, bad), 1):
            job.stop.raise_if_set()
            found = found or label != tables.UNLABELLED
            yield Review(label, text, source.name, number, test)
    if not found and job.hosts == 1:
        raise UserError(f"input {channel.name!r} has no labelled review: expected pos/*.txt and "
                        "neg/*.txt, a .csv with a header, or a .jsonl, also in a .tar.gz")


def _share(sources: Sequence[Source], channel: Channel, job: ProcessingJob,
           run: int) -> Iterator[Source]:
    if channel.sharded or job.hosts == 1:
        yield from sources
        return
    turn = 0
    for _, files in groupby(sources, _neighbourhood):
        for place, source in enumerate(files):
            if place and place % run == 0:
                turn += 1
            if turn % job.hosts == job.rank:
                yield source
        turn += 1


def _neighbourhood(source: Source) -> object:
    """Of one review a file, the folder; a table has its neighbours in itself."""
    return source.path.parent if source.path.suffix == ".txt" else source.path


def _read(source: Source, bad: BadRows) -> Iterator[tuple[int, str]]:
    """(label, text) of each review in a file; nothing of a file that is of no known kind."""
    if source.path.suffix == ".txt":
        label = _LABELS.get(source.path.parent.name)
        if label is not None:
            try:
                yield label, source.read().decode("utf-8-sig")
            except UnicodeDecodeError as error:
                bad.add(source.name, tables.not_utf8(error))
        return
    with tables.opened(source, None) as table:
        if table.kind == "encoded":
            raise UserError(f"{source.name}: rows of ids were made from texts; give the texts")
        if table.kind is None:
            log.info("%s is left out: of no kind that is read here", source.name)
        else:
            yield from tables.READERS[table.kind](table, bad.add, True)
