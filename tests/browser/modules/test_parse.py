from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Error, Page

Call = Callable[..., Any]

BOM = "\ufeff"


def texts(parsed: dict[str, Any]) -> list[tuple[int, str]]:
    return [(record["line"], record["text"]) for record in parsed["records"]]


def decode(blank: Page, content: bytes) -> str:
    decoded: str = blank.evaluate(
        "async (bytes) => (await import('/parse.js')).decode(new Uint8Array(bytes))", list(content))
    return decoded


def table(call: Call, text: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """The guessed layout of a CSV text, and what is read by it."""
    read = call("parse.js", "readTable", text)
    return read["layout"], call("parse.js", "readRows", read, read["layout"])


@pytest.mark.parametrize(
    ("content", "text"),
    [
        ("Schön 🎬".encode(), "Schön 🎬"),
        (b"\xef\xbb\xbfA", "A"),
        ("Schön 🎬".encode("utf-16"), "Schön 🎬"),
        (b"\xfe\xff\x00A", "A"),
        (b"", ""),
    ],
)
def test_text_is_decoded(blank: Page, content: bytes, text: str) -> None:
    assert decode(blank, content) == text


@pytest.mark.parametrize(
    ("content", "why"),
    [
        ("gut\nschön\n".encode("latin-1"), "Line 2 is not UTF-8. Save the file as UTF-8"),
        (b"a\r\nb\r\n\xff\xff", "Line 3 is not UTF-8"),
        (b"PK\x03\x04\x14\x00\x00\x00", "This is not a text file"),
    ],
)
def test_what_is_no_text_is_refused_with_the_line(
    blank: Page, content: bytes, why: str
) -> None:
    with pytest.raises(Error, match=why):
        decode(blank, content)


@pytest.mark.parametrize(
    ("name", "kind"), [("a.txt", "txt"), ("A.B.CSV", "csv"), ("a b.jsonl", "jsonl")])
def test_the_kind_is_in_the_name(call: Call, name: str, kind: str) -> None:
    assert call("parse.js", "kindOf", name) == kind


@pytest.mark.parametrize("name", ["reviews", "reviews.xlsx", "reviews.csv.zip", ".csvx", ""])
def test_other_kinds_are_refused(call: Call, name: str) -> None:
    with pytest.raises(Error, match=r"Files may be \.txt, \.csv or \.jsonl"):
        call("parse.js", "kindOf", name)


@pytest.mark.parametrize(
    ("text", "records", "blank_lines"),
    [
        ("a\nb", [(1, "a"), (2, "b")], []),
        ("a\r\nb\r\n", [(1, "a"), (2, "b")], []),
        ("a\rb\r", [(1, "a"), (2, "b")], []),
        (f"{BOM}a\n", [(1, "a")], []),
        ("\na\n \t\n\nb\n", [(2, "a"), (5, "b")], [1, 3, 4]),
        (" a \n", [(1, " a ")], []),
        ("", [], []),
        ("\n", [], [1]),
        ("a\u2028b\n", [(1, "a\u2028b")], []),
    ],
)
def test_each_line_is_a_review(
    call: Call, text: str, records: list[tuple[int, str]], blank_lines: list[int]
) -> None:
    parsed = call("parse.js", "readLines", text)
    assert texts(parsed) == records
    assert parsed["blank"] == blank_lines


@pytest.mark.parametrize(
    ("line", "text", "given", "problem"),
    [
        ('"good"', "good", "", ""),
        ('{"text": "good"}', "good", "", ""),
        ('{"review": "good", "stars": 5}', "good", "", ""),
        ('{"text": "good", "label": "pos"}', "good", "positive", ""),
        ('{"review": "bad", "sentiment": 0}', "bad", "negative", ""),
        ('{"text": "fair", "label": "Neutral"}', "fair", "unknown", ""),
        ('{"text": "fair", "label": null}', "fair", "", ""),
        ('  {"text": "a\\nb"} ', "a\nb", "", ""),
        ('{"text": ""}', "", "", "an empty text"),
        ('{"text": "good"', '{"text": "good"', "", "not JSON"),
        ("good", "good", "", "not JSON"),
        ("5", "5", "", "JSON without a “text” or a “review”"),
        ("null", "null", "", "JSON without a “text” or a “review”"),
        ('["good"]', '["good"]', "", "JSON without a “text” or a “review”"),
        ('{"text": 5}', '{"text": 5}', "", "JSON without a “text” or a “review”"),
        ('{"comment": "good"}', '{"comment": "good"}', "",
         "JSON without a “text” or a “review”"),
    ],
)
def test_json_lines_are_strings_or_objects(
    call: Call, line: str, text: str, given: str, problem: str
) -> None:
    parsed = call("parse.js", "readJsonLines", f'\n{line}\n"next"\n')
    record, following = parsed["records"]
    assert record == {"line": 2, "text": text, "given": given, "problem": problem}
    assert following["text"] == "next"


@pytest.mark.parametrize(
    ("text", "header", "column", "label"),
    [
        ("review,sentiment\ngood,positive\n", True, 0, 1),
        ("id,label,text\n1,0,bad\n", True, 2, 1),
        ("Sentiment, Review \npos,good\n", True, 1, 0),
        ("text,review\nshort,a longer one\n", True, 0, -1),
        ("stars,comment\n5,a good film\n", True, 1, -1),
        ("who,comment\nAnna,a film that I liked a lot\n", True, 1, -1),
        ("Anna,good film\nBerta,a film that I liked\n", False, 1, -1),
        ("pos,good\nneg,a film that I did not like\n", False, 1, -1),
        ("good,1\nbad,0\n", False, 0, -1),
        ("5,a good film\n1,a bad film\n", False, 1, -1),
        ("a good film\na bad film\n", False, 0, -1),
        ("review\na good film\n", True, 0, -1),
        ("\n\nreview\na good film\n", True, 0, -1),
        ("review\n", True, 0, -1),
        ("", False, 0, -1),
    ],
)
def test_header_and_columns_are_guessed(
    call: Call, text: str, header: bool, column: int, label: int
) -> None:
    layout, _ = table(call, text)
    assert layout == {"header": header, "text": column, "label": label}


def test_a_table_is_read_by_its_layout(call: Call) -> None:
    text = f'{BOM}label,review\r\n1,"good, really\r\ngood"\r\n\r\n0,bad\r\nmaybe,"so ""so"""\r\n'
    _, parsed = table(call, text)
    assert texts(parsed) == [(2, "good, really\r\ngood"), (5, "bad"), (6, 'so "so"')]
    assert [record["given"] for record in parsed["records"]] == ["positive", "negative", "unknown"]
    assert parsed["blank"] == [4]


def test_another_column_can_be_chosen(call: Call) -> None:
    read = call("parse.js", "readTable", "title,text\nGlass,good\n")
    chosen = {"header": False, "text": 0, "label": -1}
    assert texts(call("parse.js", "readRows", read, chosen)) == [(1, "title"), (2, "Glass")]
    assert call("parse.js", "columnNames", read, chosen) == ["column 1", "column 2"]
    assert call("parse.js", "columnNames", read, read["layout"]) == ["title", "text"]


@pytest.mark.parametrize(
    ("row", "text", "problem"),
    [
        ("1,good,really", "1,good,really",
         "not 2 columns as in the first row; put texts with commas in quotes"),
        ("1", "1", "not 2 columns as in the first row; put texts with commas in quotes"),
        ("1,", "", "an empty text"),
    ],
)
def test_a_row_that_cannot_be_used_keeps_its_place(
    call: Call, row: str, text: str, problem: str
) -> None:
    _, parsed = table(call, f"label,text\n1,before\n{row}\n0,after\n")
    assert texts(parsed) == [(2, "before"), (3, text), (4, "after")]
    assert [record["problem"] for record in parsed["records"]] == ["", problem, ""]


@pytest.mark.parametrize(
    ("text", "is_long"),
    [("x" * 20_000, False), ("x" * 20_001, True), ("🎬" * 20_000, False), ("🎬" * 20_001, True)],
)
def test_the_limit_counts_characters_as_the_handler_does(
    call: Call, text: str, is_long: bool
) -> None:
    (record,) = call("parse.js", "readLines", text)["records"]
    assert record["problem"] == ("longer than 20,000 characters" if is_long else "")


@pytest.mark.parametrize(
    ("text", "remarks"),
    [
        ("a\nb\n", []),
        ("a\n\nb\n", ["Line 2: blank, left out."]),
        ("a" + "\n" * 8, ["Lines 2, 3, 4, 5, 6 and 2 more: blank, left out."]),
        ("a\n" + "x" * 20_001, ["Line 2, not sent: longer than 20,000 characters."]),
    ],
)
def test_what_is_not_as_expected_is_said_with_its_lines(
    call: Call, text: str, remarks: list[str]
) -> None:
    assert call("parse.js", "prepare", call("parse.js", "readLines", text))["remarks"] == remarks


def test_unknown_labels_are_said(call: Call) -> None:
    _, parsed = table(call, "label,text\n1,good\n5,fine\n")
    (remark,) = call("parse.js", "prepare", parsed)["remarks"]
    assert remark.startswith("Line 3: the label is not one of 0, 1, neg, pos")


def test_reviews_beyond_the_limit_are_left_out_and_said(blank: Page) -> None:
    count, remarks = blank.evaluate(
        """async () => {
          const { prepare, readLines } = await import("/parse.js");
          const { records, remarks } = prepare(readLines("\\n" + "good\\n".repeat(10002)));
          return [records.length, remarks];
        }""")
    assert count == 10_000
    assert remarks[0] == ("Of 10,002 reviews, the first 10,000 are taken. "
                          "Put those from line 10,002 on into another file.")
