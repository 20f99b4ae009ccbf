from __future__ import annotations

import bs4
import pytest
from bs4 import BeautifulSoup

from sentiment.text import markup
from sentiment.text.markup import PARSER_BUDGET, visible_characters, visible_text

HOSTILE = {
    "unclosed tags": "<a " * 30_000,
    "opened tags": "<a>" * 30_000,
    "nested tags": "<div>" * 15_000 + "x" + "</div>" * 15_000,
    "angles": "<" * 100_000,
    "comment starts": "<!--" * 25_000,
    "declarations": "<![" * 30_000,
    "instructions": "<?" * 50_000,
    "ampersands": "&" * 100_000,
    "open references": "&#" * 50_000,
    "references": "&amp" * 25_000,
    "one long reference": "&#" + "1" * 90_000 + ";",
    "attributes": "<a " + "b=1 " * 25_000,
    "quotes": "<a b='" + "x" * 90_000,
}


def _soup(text: str) -> str:
    return BeautifulSoup(text, "html.parser").get_text()


@pytest.mark.parametrize("text", [
    "plain text", "a<br />b", "<i>a</i> <B>b</B>", "a &amp; b", "&lt;b&gt; stays",
    "<script>gone</script>kept", "<!-- gone -->kept", "5 < 6", "R&B", "<p class='x'>a</p>",
    "<<br />b>", "&am<i>p;", "<b<br />r>", "</br>", "<unknown>kept</unknown>", "x<", "x&",
])
def test_it_sees_what_beautiful_soup_sees(text: str) -> None:
    assert visible_text(text).split() == _soup(text).split()


@pytest.mark.parametrize("text", ["", "plain", "a<br /><br />b", "<i>a</i>", "fish & chips"])
def test_the_parser_is_spared_for_ordinary_reviews(
    text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(markup, "_parsed", lambda text: pytest.fail(f"parsed {text!r}"))
    visible_text(text)


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_markup_never_costs_more_than_the_parser_budget(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    parsed: list[str] = []

    class Counting(BeautifulSoup):
        def __init__(self, text: str, parser: str) -> None:
            parsed.append(text)
            super().__init__(text, parser)

    monkeypatch.setattr(bs4, "BeautifulSoup", Counting)
    visible_text(HOSTILE[name])
    assert all(text.count("<") * len(text) <= PARSER_BUDGET for text in parsed)


@pytest.mark.timeout(60)  # it takes a second; without the budget it is minutes
@pytest.mark.parametrize("name", HOSTILE)
def test_places_in_hostile_markup_are_found_in_time(name: str) -> None:
    text = HOSTILE[name]
    assert all(0 <= start < end <= len(text) for _, start, end in visible_characters(text))


@pytest.mark.parametrize(("text", "places"), [
    ("ab", [("a", 0, 1), ("b", 1, 2)]),
    ("a<br />b", [("a", 0, 1), ("b", 7, 8)]),
    ("&amp;x", [("&", 0, 5), ("x", 5, 6)]),
    ("&#65;x", [("A", 0, 5), ("x", 5, 6)]),
    ("&#x41x", [("A", 0, 5), ("x", 5, 6)]),
    ("a\n<i>b</i>", [("a", 0, 1), ("\n", 1, 2), ("b", 5, 6)]),
    ("<style>a</style>b", [("b", 16, 17)]),
])
def test_each_visible_character_has_its_place(
    text: str, places: list[tuple[str, int, int]]
) -> None:
    assert visible_characters(text) == places


def test_markup_that_beautiful_soup_rejects_still_gives_its_text() -> None:
    text = "good <![if x]> film"
    assert "good" in visible_text(text)
    assert "film" in visible_text(text)
