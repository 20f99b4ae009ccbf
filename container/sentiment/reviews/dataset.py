"""A channel's files as labelled reviews: which layout it is, which files count, what is bad.

Three layouts are told apart by content type, suffix and header:

- folders `pos/*.txt` and `neg/*.txt`, one review a file, as in the IMDB archive;
- tables of texts: CSV with a header, or JSON Lines (`sentiment.reviews.tables`);
- the course project's rows of ids without a header (`sentiment.reviews.encoded`).

A pipe has a layout of its own (`sentiment.reviews.piped`).
"""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, TypeVar

from contract.errors import UserError
from contract.inputs.jobconfig import Channel
from sentiment import labels
from sentiment.reviews import encoded, piped, tables
from sentiment.reviews.ragged import Ids, Ragged
from sentiment.reviews.sources import UNLABELLED_FOLDER, Source, find_sources
from sentiment.reviews.spool import Texts

log = logging.getLogger(__name__)

_KINDS = ("expected pos/*.txt and neg/*.txt, a .csv with a header, a .jsonl, or encoded rows with "
          "word_dict")

T = TypeVar("T")

_SIDES = {"pos": labels.POSITIVE, "neg": labels.NEGATIVE}


class Example(NamedTuple):
    """A labelled review: its text, or the ids of its words where it was encoded before."""

    label: int
    review: str | Ids


@dataclass
class Reviews:
    """All labelled reviews of a channel, in the order of its files."""

    labels: list[int] = field(default_factory=list)
    texts: Sequence[str] = ()
    encoded: Sequence[Ids] = ()
    """Ids instead of texts; `vocabulary` says what they stand for."""
    vocabulary: Mapping[str, int] | None = None
    unlabelled: Sequence[str] = ()
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
                 whole: bool = True, check: Callable[[], None] = lambda: None) -> Reviews:
    """Read a whole channel; `check` is called for every review and may raise to stop.

    Args:
        channel: files, or a pipe.
        max_bad_rows: how many rows that cannot be used are left out before it is an error.
        unlabelled: whether to read the folder `unsup` beside `pos` and `neg` too.
        whole: whether both classes must be there; a shard may lack one, or all reviews.
        check: called while bytes are waited for, too.

    Raises:
        UserError: with file and line, what was found and what was expected.
        PlatformError: there is no room for the texts.
    """
    bad, beside, vocabulary = BadRows(max_bad_rows), Texts(), None
    examples: Iterator[Example]
    if channel.pipe:
        examples = map(Example._make, piped.read(channel, channel.pipe, bad.add, check))
    else:
        sources = find_sources(channel, unlabelled, check)
        if unlabelled:
            sources, others = _parted(sources)
            beside.extend(_checked(_texts(others, bad), check))
        found = _folder_examples(channel, sources, bad)
        if found is None:
            sources, vocabulary = encoded.take_word_dict(sources)
            found = _table_examples(channel, sources, vocabulary, bad)
        examples = found
    reviews = _collected(channel, _checked(examples, check), vocabulary)
    reviews.unlabelled = beside
    if whole:
        require_both_classes(channel.name, reviews.counts)
    return reviews


def read_texts(channel: Channel, *, max_bad_rows: int = 0,
               check: Callable[[], None] = lambda: None) -> Texts:
    """The texts of a channel of reviews without labels: `.txt` files, CSV, JSON Lines, or a pipe.

    Labels that stand beside them are not looked at.

    Raises:
        UserError, PlatformError: as `read_reviews`.
    """
    bad = BadRows(max_bad_rows)
    if channel.pipe:
        pairs = piped.read(channel, channel.pipe, bad.add, check, labelled=False)
        return Texts(_checked((text for _, text in pairs), check))
    return Texts(_checked(_unlabelled_texts(channel, bad, check), check))


def require_both_classes(channel: str, counts: Mapping[str, int]) -> None:
    """Raises UserError: the channel has no review, or all of them have the same label."""
    if not any(counts.values()):
        raise UserError(f"channel {channel!r} has no labelled review; {_KINDS}")
    for name, count in counts.items():
        if count == 0:
            raise UserError(f"channel {channel!r}: class {name!r} is empty; every review "
                            f"found ({sum(counts.values())} in all) has the other label")


def _collected(channel: Channel, examples: Iterator[Example],
               vocabulary: Mapping[str, int] | None) -> Reviews:
    """The examples, texts or ids, where many of them take little memory."""
    reviews, texts = Reviews(vocabulary=vocabulary), Texts()

    def encoded_reviews() -> Iterator[Ids]:
        for label, review in examples:
            reviews.labels.append(label)
            if isinstance(review, str):
                texts.append(review)
            else:
                yield review

    reviews.encoded, reviews.texts = Ragged.of(encoded_reviews()), texts
    if texts and reviews.encoded:
        raise UserError(f"channel {channel.name!r} mixes texts and encoded rows; give one kind")
    if not reviews.encoded:
        reviews.vocabulary = None
    return reviews


def _checked(items: Iterator[T], check: Callable[[], None]) -> Iterator[T]:
    for item in items:
        check()
        yield item


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
    rest: list[Source] = []
    beside: list[Source] = []
    for source in sources:
        path = source.path
        unlabelled = path.suffix == ".txt" and path.parent.name == UNLABELLED_FOLDER
        (beside if unlabelled else rest).append(source)
    return rest, beside


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
        with tables.opened(source, channel.content_type) as table:
            if table.kind is None:
                ignored.append(source.name)
                if len(ignored) == len(sources):
                    raise UserError(f"{ignored[0]}: of no kind that is read here; {_KINDS}")
            elif table.kind == "encoded":
                yield from map(Example._make, encoded.read_rows(table, vocabulary, bad.add))
            else:
                yield from map(Example._make, tables.READERS[table.kind](table, bad.add, True))
    if ignored:
        log.warning("channel %s: %d files of unknown kind left out, the first is %s",
                    channel.name, len(ignored), ignored[0])


def _unlabelled_texts(channel: Channel, bad: BadRows,
                      check: Callable[[], None]) -> Iterator[str]:
    for source in find_sources(channel, True, check):
        if source.path.suffix == ".txt":
            yield from _texts([source], bad)
            continue
        with tables.opened(source, channel.content_type) as table:
            if table.kind is None or table.kind == "encoded":
                raise UserError(f"{source.name}: of no kind that is read here; expected texts "
                                "without labels as .txt files, a .csv with a header, or a .jsonl")
            for _, text in tables.READERS[table.kind](table, bad.add, False):
                yield text
