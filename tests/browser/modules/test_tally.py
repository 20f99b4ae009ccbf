from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

Call = Callable[..., Any]
Row = dict[str, Any]


def row(number: int, kind: str, probability: float | None = None, text: str = "a film",
        given: str = "") -> Row:
    return {"number": number, "line": number + 1, "text": text, "given": given, "kind": kind,
            "probability": probability, "reason": "too odd" if kind == "failed" else "",
            "retry": False}


ROWS = [
    row(1, "positive", 0.9, "b", "positive"),
    row(2, "failed", None, "c", "negative"),
    row(3, "negative", 0.1, "a10", "positive"),
    row(4, "unsure", 0.5, "a9", "positive"),
    row(5, "waiting", None, "D", "negative"),
    row(6, "positive", 0.7, "é", "unknown"),
]


def numbers(rows: list[Row]) -> list[int]:
    return [one["number"] for one in rows]


@pytest.mark.parametrize(
    ("probability", "kind"),
    [(0.61, "positive"), (0.6, "unsure"), (0.4, "unsure"), (0.39, "negative")],
)
def test_an_answer_has_the_outcome_that_one_review_has(
    call: Call, probability: float, kind: str
) -> None:
    label = "positive" if probability > 0.5 else "negative"
    answer = {"label": label, "probability": probability}
    changed = call("tally.js", "answered", row(1, "waiting"), answer)
    assert (changed["kind"], changed["probability"]) == (kind, probability)


@pytest.mark.parametrize(
    ("kind", "message", "reason", "retry"),
    [
        ("refused", "too odd", "The review was not accepted: too odd", False),
        ("failed", "", "The server has a problem", True),
        ("malformed", "", "The answer made no sense", True),
    ],
)
def test_a_failure_has_its_reason(
    call: Call, kind: str, message: str, reason: str, retry: bool
) -> None:
    changed = call("tally.js", "failed", row(1, "waiting"), {"kind": kind, "message": message})
    assert (changed["kind"], changed["reason"], changed["retry"]) == ("failed", reason, retry)
    assert call("tally.js", "isOpen", changed) is retry


def test_records_become_rows(call: Call) -> None:
    records = [{"line": 2, "text": "good", "given": "positive", "problem": ""},
               {"line": 5, "text": "{", "given": "", "problem": "not JSON"}]
    good, bad = call("tally.js", "toRows", records)
    assert (good["number"], good["line"], good["kind"]) == (1, 2, "waiting")
    assert (bad["number"], bad["kind"], bad["reason"]) == (2, "failed", "Not sent: not JSON")
    assert [call("tally.js", "isOpen", one) for one in (good, bad)] == [True, False]


def test_counts(call: Call) -> None:
    assert call("tally.js", "tally", ROWS) == {
        "positive": 2, "unsure": 1, "negative": 1, "failed": 1, "waiting": 1, "read": 4, "total": 6}


def test_only_a_label_and_a_clear_outcome_are_compared(call: Call) -> None:
    assert call("tally.js", "agreement", ROWS) == {"compared": 2, "agreed": 1}


@pytest.mark.parametrize(
    ("probability", "part", "kind"),
    [
        (0, 0, "negative"),
        (0.05, 1, "negative"),
        (0.399, 7, "negative"),
        (0.4, 8, "unsure"),
        (0.5, 10, "unsure"),
        (0.6, 11, "unsure"),
        (0.601, 12, "positive"),
        (0.95, 18, "positive"),
        (1, 19, "positive"),
    ],
)
def test_the_histograms_parts_have_the_colour_of_their_outcome(
    call: Call, probability: float, part: int, kind: str
) -> None:
    bins = call("tally.js", "histogram", [row(1, kind, probability), row(2, "failed")])
    assert [i for i, count in enumerate(bins) if count] == [part]
    assert call("tally.js", "kindOfBin", part) == kind


@pytest.mark.parametrize(
    ("by", "descending", "expected"),
    [
        ("number", False, [1, 2, 3, 4, 5, 6]),
        ("number", True, [6, 5, 4, 3, 2, 1]),
        ("kind", False, [1, 6, 4, 3, 2, 5]),
        ("kind", True, [5, 2, 3, 4, 1, 6]),
        ("probability", False, [3, 4, 6, 1, 2, 5]),
        ("probability", True, [1, 6, 4, 3, 2, 5]),
        ("text", False, [4, 3, 1, 2, 5, 6]),
        ("text", True, [6, 5, 2, 1, 3, 4]),
    ],
)
def test_rows_are_sorted(call: Call, by: str, descending: bool, expected: list[int]) -> None:
    view = {"show": "all", "by": by, "descending": descending}
    assert numbers(call("tally.js", "arrange", ROWS, view)) == expected


@pytest.mark.parametrize(
    ("show", "expected"),
    [
        ("positive", [1, 6]),
        ("unsure", [4]),
        ("negative", [3]),
        ("unread", [2, 5]),
        ("disagreeing", [3]),
    ],
)
def test_rows_are_filtered(call: Call, show: str, expected: list[int]) -> None:
    view = {"show": show, "by": "number", "descending": False}
    assert numbers(call("tally.js", "arrange", ROWS, view)) == expected


@pytest.mark.parametrize(
    ("part", "whole", "shown"),
    [
        (0, 0, "0%"),
        (0, 7, "0%"),
        (7, 7, "100%"),
        (1, 3, "33%"),
        (1, 10_000, "<1%"),
        (9_999, 10_000, ">99%"),
        (99, 100, "99%"),
        (1, 100, "1%"),
    ],
)
def test_a_share_claims_neither_none_nor_all_too_early(
    call: Call, part: int, whole: int, shown: str
) -> None:
    assert call("tally.js", "percent", part, whole) == shown


@pytest.mark.parametrize(
    ("done", "total", "elapsed", "words"),
    [
        (0, 100, 60_000, ""),
        (10, 100, 1000, ""),
        (100, 100, 60_000, ""),
        (50, 100, 10_000, "about 10 seconds left"),
        (99, 100, 10_000, "about 5 seconds left"),
        (10, 100, 10_000, "about 2 minutes left"),
        (10, 80, 10_000, "about a minute left"),
        (10, 10_000, 60_000, "about 999 minutes left"),
    ],
)
def test_the_time_left_is_said_roughly(
    call: Call, done: int, total: int, elapsed: int, words: str
) -> None:
    assert call("tally.js", "timeLeft", done, total, elapsed) == words


def test_the_result_has_one_row_for_each_review_in_its_first_order(call: Call) -> None:
    table = call("tally.js", "resultTable", ROWS)
    assert table[0] == ["number", "line", "review", "outcome", "probability", "reason", "label"]
    assert table[1:4] == [
        [1, 2, "b", "positive", 0.9, "", "positive"],
        [2, 3, "c", "not read", "", "too odd", "negative"],
        [3, 4, "a10", "negative", 0.1, "", "positive"],
    ]
    assert table[4][3] == "could not tell"
    assert table[5][3:6] == ["not read", "", "Not sent yet"]
    assert table[6][6] == ""


def test_without_labels_the_result_has_no_column_for_them(call: Call) -> None:
    table = call("tally.js", "resultTable", [row(1, "positive", 0.9)])
    assert [len(cells) for cells in table] == [6, 6]


@pytest.mark.parametrize(
    ("source", "name"),
    [
        ("reviews.csv", "reviews-sentiment.csv"),
        ("Mai 2024.final.txt", "Mai 2024.final-sentiment.csv"),
        ("отзывы.jsonl", "отзывы-sentiment.csv"),
        ("<img src=x>.csv", "img srcx-sentiment.csv"),
        ("a/b\\c:d\n.csv", "abcd-sentiment.csv"),
        (".csv", "reviews-sentiment.csv"),
        ("x" * 300 + ".csv", "x" * 80 + "-sentiment.csv"),
    ],
)
def test_the_download_is_named_after_the_file(call: Call, source: str, name: str) -> None:
    assert call("tally.js", "downloadName", source) == name
