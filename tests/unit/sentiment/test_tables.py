"""Rows that cannot be used: each is named with its file, its line, and what was expected."""

from __future__ import annotations

import gzip
import tracemalloc
from collections.abc import Callable
from itertools import chain, repeat

import pytest

from contract.errors import UserError
from contract.inputs.jobconfig import Channel
from sentiment.reviews.dataset import read_reviews
from sentiment.reviews.sources import find_sources
from sentiment.reviews.tables import LONGEST_LINE, READERS, Table, opened

MakeChannel = Callable[..., Channel]

HEADER = "label,text\n"
GOOD = "1,fine\n0,dull\n"

BAD_CSV = {
    "label": (HEADER + GOOD + "maybe,x\n", "a.csv line 4: label is 'maybe', expected 0/1"),
    "label after a text of two lines": (
        HEADER + '1,"two\nlines"\n7,x\n', "a.csv line 4: label is '7'"),
    "label of a text of two lines": (HEADER + '1,a\nx,"two\nlines"\n', "a.csv line 3: label"),
    "too many columns": (
        HEADER + "1,fine, but long\n", "a.csv line 2: found 3 columns, expected 2 as in the head"),
    "too few columns": (HEADER + GOOD + "1\n", "a.csv line 4: found 1 columns, expected 2"),
    "not UTF-8": (HEADER.encode() + b"1,caf\xe9\n",
                  "a.csv line 2: byte 0xe9 is not UTF-8; save the file as UTF-8"),
    "UTF-16": ((HEADER + GOOD).encode("utf-16"), "a.csv line 1: byte 0xff is not UTF-8"),
}
BROKEN_CSV = {
    "unclosed quote": (HEADER + '1,"fine\n0,dull\n1,more\n', "a.csv line 2: unexpected end"),
    "quote in the middle": (HEADER + GOOD + '1,"fine" film\n', "a.csv line 4: ',' expected"),
    "wrong header": ("stars,review\n9,fine\n",
                     "a.csv line 1: expected a header with the columns"),
    "no header": ("1,fine\n0,dull\n", "a.csv line 1: expected a header with the columns"),
    "binary": (b"\0\1\2\3,\n", "a.csv line 1: expected a header with the columns"),
}
BAD_JSON_LINES = {
    "not JSON": ('{"label": 1, "text"\n', "a.jsonl line 1: not a JSON object: Expecting ':'"),
    "one document over several lines": ('{\n"label": 1}\n', "a.jsonl line 1: not a JSON object"),
    "a list": ('[1, "fine"]\n', "a.jsonl line 1: found a JSON list, expected an object"),
    "no label": ('{"text": "fine"}\n', "a.jsonl line 1: expected {\"label\": ..., \"text\""),
    "no text": ('{"label": 1, "body": "x"}\n', "found the keys body, label"),
    "a text that is none": ('{"label": 1, "text": 5}\n', "a.jsonl line 1: expected"),
    "label": ('{"label": 0, "text": "x"}\n\n{"label": 3, "text": "x"}\n', "line 3: label is 3"),
    "label of another type": ('{"label": true, "text": "x"}\n', "line 1: label is True"),
    "deep nesting": ('{"label": 1, "text": ' + "[" * 100_000 + "\n", "a.jsonl line 1: "),
    "not UTF-8": (b'{"label": 1, "text": "caf\xe9"}\n', "a.jsonl line 1: byte 0xe9 is not UTF-8"),
}


@pytest.mark.parametrize(("content", "message"), [*BAD_CSV.values(), *BROKEN_CSV.values()],
                         ids=[*BAD_CSV, *BROKEN_CSV])
def test_a_bad_csv_row_is_named(
    content: str | bytes, message: str, make_channel: MakeChannel
) -> None:
    with pytest.raises(UserError) as caught:
        read_reviews(make_channel({"a.csv": content}))
    assert str(caught.value).startswith("train/a.csv line ")
    assert message in str(caught.value)[:200]


@pytest.mark.parametrize(("content", "message"), BAD_JSON_LINES.values(), ids=BAD_JSON_LINES)
def test_a_bad_json_line_is_named(
    content: str | bytes, message: str, make_channel: MakeChannel
) -> None:
    with pytest.raises(UserError) as caught:
        read_reviews(make_channel({"a.jsonl": content}))
    assert str(caught.value).startswith("train/a.jsonl line ")
    assert message in str(caught.value)[:200]


@pytest.mark.parametrize("name", ["pos/1.txt", "pos/1.txt.gz"])
def test_a_review_that_is_not_utf8_is_named_with_its_line(
    name: str, make_channel: MakeChannel
) -> None:
    content = b"fine\nfine\ncaf\xe9"
    channel = make_channel({name: gzip.compress(content) if name.endswith(".gz") else content,
                            "neg/1.txt": "dull"})
    with pytest.raises(UserError, match=rf"^train/{name} line 3: byte 0xe9 is not UTF-8"):
        read_reviews(channel)


@pytest.mark.parametrize("name", [name for name in BAD_CSV if name != "UTF-16"])
def test_bad_rows_up_to_the_limit_are_left_out(name: str, make_channel: MakeChannel) -> None:
    content = BAD_CSV[name][0]
    channel = make_channel({"a.csv": content, "b.csv": HEADER + GOOD})
    assert read_reviews(channel, max_bad_rows=1).texts[-2:] == ["fine", "dull"]


def test_one_bad_row_more_than_the_limit_ends_it(make_channel: MakeChannel) -> None:
    channel = make_channel({"a.csv": HEADER + GOOD + "x,a\ny,b\n", "b.jsonl": "{}\n"})
    with pytest.raises(UserError, match=r"b\.jsonl line 1.*bad row number 3; max_bad_rows is 2"):
        read_reviews(channel, max_bad_rows=2)
    assert len(read_reviews(channel, max_bad_rows=3)) == 2


@pytest.mark.parametrize("name", BROKEN_CSV)
def test_a_file_that_is_broken_as_a_whole_is_never_tolerated(
    name: str, make_channel: MakeChannel
) -> None:
    channel = make_channel({"a.csv": BROKEN_CSV[name][0], "b.csv": HEADER + GOOD})
    with pytest.raises(UserError, match=r"^train/a\.csv line"):
        read_reviews(channel, max_bad_rows=1000)


@pytest.mark.parametrize("suffix", ["csv", "jsonl"])
def test_compressed_data_that_is_cut_off_is_named(suffix: str, make_channel: MakeChannel) -> None:
    rows = {"csv": HEADER + GOOD * 500, "jsonl": '{"label": 1, "text": "fine"}\n' * 500}
    content = gzip.compress(rows[suffix].encode())
    channel = make_channel({f"a.{suffix}.gz": content[:len(content) // 2]})
    with pytest.raises(UserError, match=rf"^train/a\.{suffix}\.gz: compressed data is damaged"):
        read_reviews(channel, max_bad_rows=1000)


@pytest.mark.parametrize(("name", "content", "content_type", "kind"), [
    ("a.csv", "label,text", None, "csv"),
    ("a.csv", "1,2,7,9", None, "encoded"),
    ("a.csv", '"1","2","7","9"', None, "encoded"),
    ("a.csv", "1,5", None, "csv"),
    ("a.txt", "label,text", "text/csv", "csv"),
    ("a.txt", "label,text", "Text/CSV; label_size=1", "csv"),
    ("a.txt", "label,text", None, None),
    ("a.bin", "{", "application/x-ndjson", "jsonl"),
    ("a.ndjson", "{", None, "jsonl"),
    ("a", '{"label": 1}', None, "jsonl"),
    ("a", "label,text", None, "csv"),
    ("a", "just words", None, None),
])
def test_the_kind_follows_suffix_then_content_type_then_content(
    name: str, content: str, content_type: str | None, kind: str | None, make_channel: MakeChannel
) -> None:
    [source] = find_sources(make_channel({name: content}))
    with opened(source, content_type) as table:
        assert table.kind == kind
        assert b"".join(table.lines) == content.encode()


def _refuse(place: str, problem: object) -> None:
    pytest.fail(f"{place}: {problem}")


@pytest.mark.parametrize(("kind", "head", "row"), [
    ("csv", b"label,text\n", b"1," + b"x" * 5000 + b"\n"),
    ("jsonl", b"\n", b'{"label": 1, "text": "' + b"x" * 5000 + b'"}\n'),
])
def test_tables_are_read_as_streams(kind: str, head: bytes, row: bytes) -> None:
    table = Table("train/a", kind, chain([head], repeat(row, 4000)))  # 20 MB in all
    tracemalloc.start()
    try:
        labels = [label for label, _ in READERS[kind](table, _refuse, True)]
        assert labels == [1] * 4000
        assert tracemalloc.get_traced_memory()[1] < 1_000_000
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("again", ["label,text\n", "label,text\r\n", "\ufefflabel,text\n"])
def test_the_header_may_come_again(again: str, make_channel: MakeChannel) -> None:
    reviews = read_reviews(make_channel({"a.csv": HEADER + GOOD + again + GOOD}))
    assert reviews.labels == [1, 0, 1, 0]
    assert list(reviews.texts) == ["fine", "dull"] * 2


def test_another_header_in_the_middle_is_a_bad_row(make_channel: MakeChannel) -> None:
    channel = make_channel({"a.csv": HEADER + GOOD + "text,label\n"})
    with pytest.raises(UserError, match=r"^train/a\.csv line 4: label is 'text', expected 0/1"):
        read_reviews(channel)


def test_a_line_without_an_end_is_refused_before_it_fills_the_memory() -> None:
    lines = (line for line in [b"x" * LONGEST_LINE])
    with pytest.raises(UserError, match=r"^train/a line 1: longer than 33,554,432 bytes"):
        list(READERS["jsonl"](Table("train/a", "jsonl", lines), _refuse, True))


@pytest.mark.parametrize("line", [
    '{"source": "fine", "label": 1}', '{"label": "pos", "text": "fine", "source": "a magazine"}',
    '{"source": "fine", "label": 1, "label-metadata": {"job-name": "x"}}'])
def test_a_line_of_a_manifest_is_a_review(line: str) -> None:
    table = Table("train/a", "jsonl", iter([line.encode()]))
    assert list(READERS["jsonl"](table, _refuse, True)) == [(1, "fine")]


def test_an_address_instead_of_a_text_is_a_bad_row(make_channel: MakeChannel) -> None:
    channel = make_channel({"a.jsonl": '{"source-ref": "s3://bucket/1.txt", "label": 1}\n'})
    with pytest.raises(UserError, match=r"^train/a\.jsonl line 1: source-ref is an address in S3"):
        read_reviews(channel)


@pytest.mark.parametrize("place", [0, 1, 2])
def test_a_row_of_several_lines_with_bad_bytes_in_one_is_left_out_as_a_whole(place: int) -> None:
    lines = [b'1,"one\n', b"two\n", b'three"\n']
    lines[place] = lines[place].replace(b"e", b"\xe9").replace(b"w", b"\xe9")
    content = HEADER.encode() + b"0,dull\n" + b"".join(lines) + b"1,fine\n"
    said: list[str] = []
    rows = list(READERS["csv"](Table("a.csv", "csv", iter(content.splitlines(True))),
                                lambda where, what: said.append(f"{where}: {what}"), True))
    assert rows == [(0, "dull"), (1, "fine")]
    assert said == [f"a.csv line {place + 3}: byte 0xe9 is not UTF-8; save the file as UTF-8"]
