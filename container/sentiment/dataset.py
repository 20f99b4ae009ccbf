"""A channel's files as labelled reviews: which layout it is, which files count, what is bad.

Three layouts are told apart by content type, suffix and header:

- folders `pos/*.txt` and `neg/*.txt`, one review a file, as in the IMDB archive;
- tables of texts: CSV with a header, or JSON Lines (`sentiment.tables`);
- the course project's rows of ids without a header (`sentiment.encoded`).
"""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from contract.errors import UserError
from contract.jobconfig import Channel
from sentiment import encoded, labels, tables
from sentiment.sources import UNLABELLED_FOLDER, Source, find_sources

log = logging.getLogger(__name__)

_KINDS = ("expected pos/*.txt and neg/*.txt, a .csv with a header, a .jsonl, or encoded rows with "
          "word_dict")

_SIDES = {"pos": labels.POSITIVE, "neg": labels.NEGATIVE}


class Example(NamedTuple):
    """A labelled review: its text, or the ids of its words where it was encoded before."""

    label: int
    review: str | npt.NDArray[np.int32]


@dataclass
class Reviews:
    """All labelled reviews of a channel, in the order of its files."""

    labels: list[int] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)
    encoded: list[npt.NDArray[np.int32]] = field(default_factory=list)
    """Ids instead of texts; `vocabulary` says what they stand for."""
    vocabulary: Mapping[str, int] | None = None
    unlabelled: list[str] = field(default_factory=list)
    """Texts of reviews beside them whose label nobody knows; only where they are asked for."""

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def counts(self) -> dict[str, int]:
        return {name: self.labels.count(label) for label, name in enumerate(labels.NAMES)}

    def fingerprint(self) -> str:
        """SHA-256 over labels and reviews in order, in hexadecimal."""
        digest = hashlib.sha256()
        for label, text in zip(self.labels, self.texts, strict=False):
            content = text.encode("utf-8", "surrogatepass")
            digest.update(b"%d %d " % (label, len(content)) + content)
        for label, ids in zip(self.labels, self.encoded, strict=False):
            digest.update(b"%d %d " % (label, len(ids)) + ids.tobytes())
        if self.vocabulary is not None:
            digest.update(json.dumps(sorted(self.vocabulary.items())).encode())
        return digest.hexdigest()


class BadRows:
    """Counts rows that cannot be used; the first one beyond the limit ends the job."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.count = 0

    def add(self, place: str, problem: object) -> None:
        """Raises UserError: there are more bad rows than `max_bad_rows` allows."""
        self.count += 1
        if self.count > self.limit:
            tolerated = f" (bad row number {self.count}; max_bad_rows is {self.limit})"
            raise UserError(f"{place}: {problem}{tolerated if self.limit else ''}")
        log.warning("bad row left out: %s: %s", place, problem)


def read_reviews(channel: Channel, *, max_bad_rows: int = 0, unlabelled: bool = False,
                 check: Callable[[], None] = lambda: None) -> Reviews:
    """Read a whole channel; `check` is called for every review and may raise to stop.

    With `unlabelled`, the folder `unsup` beside `pos` and `neg` is read too.

    Raises:
        UserError: with file and line, what was found and what was expected.
    """
    sources = find_sources(channel, unlabelled)
    bad = BadRows(max_bad_rows)
    reviews = Reviews()
    if unlabelled:
        sources, beside = _parted(sources)
        for text in _texts(beside, bad):
            check()
            reviews.unlabelled.append(text)
    examples = _folder_examples(channel, sources, bad)
    if examples is None:
        sources, reviews.vocabulary = encoded.take_word_dict(sources)
        examples = _table_examples(channel, sources, reviews.vocabulary, bad)
    for example in examples:
        check()
        reviews.labels.append(example.label)
        if isinstance(example.review, str):
            reviews.texts.append(example.review)
        else:
            reviews.encoded.append(example.review)
    _check_whole(channel, reviews)
    return reviews


def read_texts(channel: Channel, *, max_bad_rows: int = 0,
               check: Callable[[], None] = lambda: None) -> list[str]:
    """The texts of a channel of reviews without labels: `.txt` files, CSV or JSON Lines.

    Labels that stand beside them are not looked at.

    Raises:
        UserError: as `read_reviews`.
    """
    bad = BadRows(max_bad_rows)
    found = []
    sources = find_sources(channel, unlabelled=True)
    for source in sources:
        kind = tables.kind_of(source, channel.content_type)
        if source.path.suffix == ".txt":
            texts = _texts([source], bad)
        elif kind is not None and kind in tables.READERS:
            texts = (text for _, text in tables.READERS[kind](source, bad.add, False))
        else:
            raise UserError(f"{source.name}: of no kind that is read here; expected texts without "
                            "labels as .txt files, a .csv with a header, or a .jsonl")
        for text in texts:
            check()
            found.append(text)
    return found


def _check_whole(channel: Channel, reviews: Reviews) -> None:
    if not reviews.labels:
        raise UserError(f"channel {channel.name!r} has no labelled review; {_KINDS}")
    if reviews.texts and reviews.encoded:
        raise UserError(f"channel {channel.name!r} mixes texts and encoded rows; give one kind")
    if not reviews.encoded:
        reviews.vocabulary = None
    for name, count in reviews.counts.items():
        if count == 0:
            raise UserError(f"channel {channel.name!r}: class {name!r} is empty; every review "
                            f"found ({len(reviews)} in all) has the other label")


def _folder_examples(channel: Channel, sources: list[Source],
                     bad: BadRows) -> Iterator[Example] | None:
    """The reviews of `pos` and `neg` folders, or None if the channel has no such folder."""
    files = [source for source in sources
             if source.path.suffix == ".txt" and source.path.parent.name in _SIDES]
    if not files:
        return None
    # The whole IMDB archive in one channel: its test reviews must not be learned from.
    side = "test" if channel.name == "test" else "train"
    halves = {half for source in files for half in source.path.parts if half in ("train", "test")}
    if len(halves) > 1 and channel.name == "validation":
        raise UserError("channel 'validation' holds both train and test reviews; give it only "
                        "those to choose the best epoch by")
    if len(halves) > 1:
        files = [source for source in files if side in source.path.parts]
    if len(files) < len(sources):
        log.info("channel %s: %d review files taken, %d other files left out", channel.name,
                 len(files), len(sources) - len(files))
    return _folder_reviews(files, bad)


def _parted(sources: list[Source]) -> tuple[list[Source], list[Source]]:
    """All but the unlabelled reviews of the IMDB archive, and those."""
    beside = [source for source in sources
              if source.path.suffix == ".txt" and source.path.parent.name == UNLABELLED_FOLDER]
    known = set(map(id, beside))
    return [source for source in sources if id(source) not in known], beside


def _folder_reviews(files: list[Source], bad: BadRows) -> Iterator[Example]:
    for source in files:
        for text in _texts([source], bad):
            yield Example(_SIDES[source.path.parent.name], text)


def _texts(files: list[Source], bad: BadRows) -> Iterator[str]:
    """The content of each file."""
    for source in files:
        content = source.read()
        try:
            text = content.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            line = content.count(b"\n", 0, error.start) + 1
            bad.add(f"{source.name} line {line}", tables.not_utf8(error))
            continue
        yield text


def _table_examples(channel: Channel, sources: list[Source],
                    vocabulary: Mapping[str, int] | None, bad: BadRows) -> Iterator[Example]:
    ignored = []
    for source in sources:
        kind = tables.kind_of(source, channel.content_type)
        if kind is None:
            ignored.append(source.name)
            if len(ignored) == len(sources):
                raise UserError(f"{ignored[0]}: of no kind that is read here; {_KINDS}")
        elif kind == "encoded":
            for label, ids in encoded.read_rows(source, vocabulary, bad.add):
                yield Example(label, ids)
        else:
            for label, text in tables.READERS[kind](source, bad.add, True):
                yield Example(label, text)
    if ignored:
        log.warning("channel %s: %d files of unknown kind left out, the first is %s",
                    channel.name, len(ignored), ignored[0])
