from __future__ import annotations

import csv
import io
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from playwright.sync_api import Error, Page

Call = Callable[..., Any]


def fields(records: list[dict[str, Any]]) -> list[list[str]]:
    return [record["fields"] for record in records]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", []),
        ("a", [["a"]]),
        ("a,b\nc,d", [["a", "b"], ["c", "d"]]),
        ("a,b\r\nc,d\r\n", [["a", "b"], ["c", "d"]]),
        ("a\rb\r", [["a"], ["b"]]),
        ("a,\n,b\n,", [["a", ""], ["", "b"], ["", ""]]),
        ("a\n\nb", [["a"], [""], ["b"]]),
        ('"a,b","c\nd"\n', [["a,b", "c\nd"]]),
        ('"a ""quoted"" word"', [['a "quoted" word']]),
        ('""', [[""]]),
        ('""""', [['"']]),
        ('a "word" in quotes,b', [['a "word" in quotes', "b"]]),
        (" a , b ", [[" a ", " b "]]),
        ("é🎬,ف\n", [["é🎬", "ف"]]),
    ],
)
def test_records_are_read_as_rfc_4180_has_them(
    call: Call, text: str, expected: list[list[str]]
) -> None:
    assert fields(call("csv.js", "parseCsv", text)) == expected


def test_a_record_knows_the_line_on_which_it_begins(call: Call) -> None:
    text = 'a\r\n"b\r\nb\nb",b\n\nc\rd'
    assert [record["line"] for record in call("csv.js", "parseCsv", text)] == [1, 2, 5, 6, 7]


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ('a\n"b\nc,d\n', "A quote that opens on line 2 is never closed"),
        ('"', "A quote that opens on line 1 is never closed"),
        ('a\n"b\nc" d\n', "On line 3 there is text after a closing quote"),
        ('"a"b', "On line 1 there is text after a closing quote"),
    ],
)
def test_broken_quotes_refuse_the_whole_text(call: Call, text: str, why: str) -> None:
    with pytest.raises(Error, match=why):
        call("csv.js", "parseCsv", text)


@pytest.mark.parametrize(
    ("text", "width"),
    [
        ("review,label\ngood,1\n", 2),
        ("review;label\ngood, really;1\n", 2),
        ('"review";"label"\n"good; really";1\n', 2),
        ("review\tlabel\ngood\t1\n", 2),
        ("review\nGood; really good\nBad\n", 1),
        ("Good; really good\nBad\n", 1),
        ('review\n"Good; really"\n', 1),
        ("", 0),
    ],
)
def test_the_delimiter_is_found_out(call: Call, text: str, width: int) -> None:
    records = call("csv.js", "parseTable", text)
    assert {len(row) for row in fields(records)} == ({width} if width else set())


@pytest.mark.parametrize(
    ("value", "cell"),
    [
        ("plain", "plain"),
        ("", ""),
        ("a,b", '"a,b"'),
        ('"a"', '"""a"""'),
        ("a\nb", '"a\nb"'),
        ("a\rb", '"a\rb"'),
        ("=1+1", "'=1+1"),
        ("+1", "'+1"),
        ("-1", "'-1"),
        ("@SUM(A1)", "'@SUM(A1)"),
        ("\t=1", "'\t=1"),
        ("\r=1", '"\'\r=1"'),
        ("\n=1", '"\'\n=1"'),
        ("\uff1d1+1", "'\uff1d1+1"),
        ("\uff20SUM(A1)", "'\uff20SUM(A1)"),
        ('=HYPERLINK("x","y")', '"\'=HYPERLINK(""x"",""y"")"'),
        ("'=1", "'=1"),
        (" =1", " =1"),
        (0.25, "0.25"),
        (-1, "-1"),
    ],
)
def test_a_cell_is_quoted_and_never_a_formula(call: Call, value: object, cell: str) -> None:
    assert call("csv.js", "writeCsv", [[value]]) == f"\ufeff{cell}\r\n"


# A carriage return alone ends a line for us; Python's reader is told the same by newline="".
TEXTS = st.lists(st.lists(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"),
                                  max_size=8), min_size=2, max_size=3),
                 min_size=1, max_size=4)


def safe(text: str) -> str:
    return f"'{text}" if text[:1] in set("=+-@\t\r\n\uff1d\uff0b\uff0d\uff20") else text


@given(rows=TEXTS)
def test_what_is_written_can_be_read_by_others_and_by_ourselves(
    blank: Page, call: Call, rows: list[list[str]]
) -> None:
    written = call("csv.js", "writeCsv", rows).removeprefix("\ufeff")
    expected = [[safe(text) for text in row] for row in rows]
    assert list(csv.reader(io.StringIO(written, newline=""), strict=True)) == expected
    assert fields(call("csv.js", "parseCsv", written)) == expected
