"""Reviews through a pipe: end to end, in records, and as attributes of a manifest."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contract.errors import UserError
from contract.inputs import recordio
from contract.inputs.jobconfig import Channel, InputMode
from piping import feeding, part, wrapped
from sentiment.reviews import tables
from sentiment.reviews.dataset import read_reviews, read_texts
from sentiment.reviews.piped import record_lines

REVIEWS = [(1, 'Fine, "really"\nfine.'), (0, "Très dull.")]
TEXTS = [text for _, text in REVIEWS]
CSV = 'label,text\n1,"Fine, ""really""\nfine."\n0,Très dull.\n'
LINES = "".join(json.dumps({"label": label, "text": text}) + "\n" for label, text in REVIEWS)

# Content, whether it is RecordIO, and the content type.
KINDS: dict[str, tuple[bytes, bool, str | None]] = {
    "CSV": (CSV.encode(), False, "text/csv"),
    "CSV without a content type": (CSV.encode(), False, None),
    "CSV, no last line end": (CSV.rstrip().encode(), False, "text/csv; label_size=1"),
    "gzip": (gzip.compress(CSV.encode()), False, "text/csv"),
    "gzip of several objects": (
        b"".join(gzip.compress(line.encode()) for line in LINES.splitlines(keepends=True)),
        False, None),
    "JSON Lines": (LINES.encode(), False, "application/jsonlines"),
    "JSON Lines without a content type": (LINES.encode(), False, None),
    "a record of CSV": (wrapped(CSV), True, "text/csv"),
    "a record of JSON Lines": (wrapped(LINES), True, "application/jsonlines"),
    "a record a line": (wrapped(*LINES.splitlines()), True, None),
    "attributes": (wrapped(TEXTS[0], "1", TEXTS[1], "0"), True, "application/x-recordio"),
    "attributes without a content type": (wrapped(TEXTS[0], "pos", TEXTS[1], "neg"), True, None),
    "attributes, quoted labels": (wrapped(TEXTS[0], '"positive"', TEXTS[1], "0\n"), True, None),
    "attributes in parts": (
        part(TEXTS[0][:3].encode(), recordio.FIRST) + part(TEXTS[0][3:].encode(), recordio.LAST)
        + wrapped("1", TEXTS[1], "0"), True, None),
}


def _channel(directory: Path, record_io: bool = False, content_type: str | None = None,
             name: str = "train") -> Channel:
    return Channel(name, directory / name, content_type, InputMode.PIPE, record_io=record_io)


@pytest.mark.parametrize("kind", KINDS)
def test_reviews_come_through_a_pipe(kind: str, tmp_path: Path) -> None:
    content, record_io, content_type = KINDS[kind]
    with feeding(tmp_path, ("train_0", [content[:7], content[7:]])):
        reviews = read_reviews(_channel(tmp_path, record_io, content_type))
    assert list(zip(reviews.labels, reviews.texts, strict=True)) == REVIEWS


@pytest.mark.parametrize(("content", "record_io", "content_type"), [
    (2 * CSV.encode(), False, None),
    (2 * ("\ufeff" + CSV).encode(), False, "text/csv"),
    (2 * LINES.encode(), False, None),
    (wrapped(CSV, CSV), True, "text/csv"),
    (wrapped(CSV.rstrip(), CSV.rstrip()), True, "text/csv"),
    (wrapped(LINES.rstrip(), "\ufeff" + LINES), True, "application/jsonlines"),
], ids=["CSV", "CSV with byte-order marks", "JSON Lines", "CSV records",
        "CSV records without a last line end", "JSON Lines records"])
def test_objects_follow_each_other(content: bytes, record_io: bool, content_type: str | None,
                                   tmp_path: Path) -> None:
    with feeding(tmp_path, ("train_0", [content])):
        reviews = read_reviews(_channel(tmp_path, record_io, content_type))
    assert list(zip(reviews.labels, reviews.texts, strict=True)) == 2 * REVIEWS


@pytest.mark.parametrize(("content", "record_io", "content_type"), [
    ('text\n"Fine, ""really""\nfine."\nTrès dull.\n'.encode(), False, "text/csv"),
    (LINES.encode(), False, None),
    (wrapped(LINES), True, None),
    (wrapped(*TEXTS), True, "text/plain"),
], ids=["CSV", "JSON Lines", "JSON Lines records", "text records"])
def test_reviews_without_labels_come_through_a_pipe(
    content: bytes, record_io: bool, content_type: str | None, tmp_path: Path
) -> None:
    with feeding(tmp_path, ("unlabelled_0", [content])):
        texts = read_texts(_channel(tmp_path, record_io, content_type, "unlabelled"))
    assert list(texts) == TEXTS


@pytest.mark.parametrize(("records", "content_type"), [
    (("", CSV), "text/csv"), (("", "", LINES), None), (("", LINES.rstrip(), ""), None),
], ids=["CSV", "JSON Lines", "and behind it"])
def test_an_object_without_content_is_passed_over(records: tuple[str, ...],
                                                  content_type: str | None, tmp_path: Path) -> None:
    """S3's consoles make such an object for a folder, and it comes first."""
    with feeding(tmp_path, ("train_0", [wrapped(*records)])):
        reviews = read_reviews(_channel(tmp_path, True, content_type))
    assert list(zip(reviews.labels, reviews.texts, strict=True)) == REVIEWS


def test_an_empty_text_before_all_others_is_a_text(tmp_path: Path) -> None:
    with feeding(tmp_path, ("train_0", [wrapped("", "0", "fine", "1")])):
        reviews = read_reviews(_channel(tmp_path, record_io=True))
    assert list(zip(reviews.labels, reviews.texts, strict=True)) == [(0, ""), (1, "fine")]


def test_gzip_is_known_by_its_first_byte_alone(tmp_path: Path) -> None:
    content = gzip.compress(LINES.encode())
    with feeding(tmp_path, ("train_0", [content[:1], content[1:]])):
        assert list(read_reviews(_channel(tmp_path, False, None)).texts) == TEXTS


BAD: dict[str, tuple[bytes, bool, str | None, str]] = {
    "nothing": (b"", False, None, "channel 'train' has no labelled review"),
    "no records": (b"", True, None, "channel 'train' has no labelled review"),
    "a bad row": (b"label,text\n7,x\n", False, None, "train_0 line 2: label is '7', expected"),
    "a row that runs into a header": (
        b"label,text\n1,finelabel,text\n0,x\n", False, None, "train_0 line 2: found 3 columns"),
    "words": (b"just words\n", False, None, "train_0: of no kind that is read here; expected CSV"),
    "records in gzip": (wrapped(gzip.compress(CSV.encode())), True, "text/csv",
                        "train_0: the records are compressed; set the channel's CompressionType"),
    "gzip cut off": (gzip.compress(LINES.encode())[:-9], False, None,
                     "train_0: compressed data is damaged or cut off"),
    "rows of ids": (b"1,2,3,4\n", False, "text/csv", "train_0: rows of ids need a word_dict"),
    "no RecordIO": (CSV.encode(), True, None, "train_0 byte 0: no RecordIO record begins here"),
    "cut off": (wrapped(CSV)[:40], True, "text/csv", "train_0 byte 40: the RecordIO data is cut"),
    "no last label": (wrapped("fine", "1", "dull"), True, None,
                      "train_0 record 3: no record with its label follows; AttributeNames must"),
    "labels first": (wrapped("1", "fine", "0", "dull"), True, None,
                     "train_0 record 1: its label is 'fine', expected 0/1, neg/pos or negative/"),
    "an attribute in Latin-1": (wrapped("fine", "1", b"caf\xe9", "1"), True, None,
                                "train_0 record 3: byte 0xe9 is not UTF-8"),
}


@pytest.mark.parametrize("name", BAD)
def test_what_cannot_be_used_is_told_with_its_place(name: str, tmp_path: Path) -> None:
    content, record_io, content_type, message = BAD[name]
    with feeding(tmp_path, ("train_0", [content])), pytest.raises(UserError) as caught:
        read_reviews(_channel(tmp_path, record_io, content_type))
    assert str(caught.value).startswith(message)


def test_as_many_bad_records_as_allowed_are_left_out(tmp_path: Path) -> None:
    content = wrapped("fine", "1", "so so", "5", b"caf\xe9", "1", "dull", "0")
    with feeding(tmp_path, ("train_0", [content])):
        reviews = read_reviews(_channel(tmp_path, record_io=True), max_bad_rows=2)
    assert list(reviews.texts) == ["fine", "dull"]


@given(objects=st.lists(st.lists(st.binary(max_size=9).filter(lambda line: b"\n" not in line)),
                        max_size=4), size=st.integers(1, 7))
def test_lines_are_the_same_wherever_a_record_is_cut(objects: list[list[bytes]],
                                                     size: int) -> None:
    lines = [line + b"\n" for each in objects for line in each]
    pieces: list[tuple[bytes, bool]] = []
    for each in objects:
        content = b"\n".join(each) + (b"\n" if each and not each[-1] else b"")
        starts = range(0, max(1, len(content)), size)
        pieces += [(content[at:at + size], at == starts[-1]) for at in starts]
    assert list(record_lines(iter(pieces))) == lines


def test_a_line_without_an_end_comes_in_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tables, "LONGEST_LINE", 4)
    pieces = [(b"ab", False), (b"cd", False), (b"e", True)]
    assert list(record_lines(iter(pieces))) == [b"abcd\n", b"e\n"]
