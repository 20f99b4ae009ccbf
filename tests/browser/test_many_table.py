"""The table of many reviews, its download, and the way from a row to its explanation."""

from __future__ import annotations

import csv
import io
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect

from browser.reading import (
    Reply,
    choose,
    column,
    download,
    headline,
    judge,
    numbered,
    open_many,
    read,
    start,
    upload,
    wait_for,
)

MIXED = ["0.9 Beta", "0.5 alpha", "0.1 Gamma", "0.8 Delta 10", "0.7 Delta 9"]


def head(page: Page, name: str) -> Locator:
    return page.get_by_role("columnheader", name=name)


def rows_of(content: str) -> list[dict[str, str]]:
    assert content.startswith("\ufeff")
    return list(csv.DictReader(io.StringIO(content[1:], newline=""), strict=True))


@pytest.mark.parametrize(
    ("name", "up"),
    [
        ("Row", [1, 2, 3, 4, 5]),
        ("Outcome", [1, 4, 5, 2, 3]),
        ("Likely positive", [3, 2, 5, 4, 1]),
        ("Review", [3, 2, 5, 4, 1]),
    ],
)
def test_a_column_sorts_both_ways(page: Page, reply: Reply, name: str, up: list[int]) -> None:
    reply(judge)
    open_many(page)
    read(page, MIXED)
    wait_for(page, "done")
    other = "Outcome" if name == "Review" else "Review"
    head(page, other).get_by_role("button").click()
    head(page, name).get_by_role("button").click()
    expect(head(page, name)).to_have_attribute("aria-sort", "ascending")
    assert column(page, "number") == [str(number) for number in up]
    head(page, name).get_by_role("button").click()
    expect(head(page, name)).to_have_attribute("aria-sort", "descending")
    expect(page.locator("th[aria-sort]")).to_have_count(1)
    assert column(page, "number")[0] == str(up[-1])


def test_the_outcomes_can_be_shown_apart(page: Page, reply: Reply) -> None:
    reply(judge)
    open_many(page)
    read(page, MIXED)
    wait_for(page, "done")
    expect(page.locator("#filter label:visible")).to_have_text(
        ["All 5", "Negative 1", "Could not tell 1", "Positive 3"])
    choose(page, "Positive")
    assert column(page, "number") == ["1", "4", "5"]
    expect(page.get_by_role("status")).to_have_text("Reviews 1\u20133 of 3.")
    choose(page, "All")
    assert len(column(page, "number")) == 5


def test_an_outcome_that_no_review_has_says_so(page: Page, reply: Reply) -> None:
    reply(judge)
    open_many(page)
    read(page, ["0.9 Good"])
    wait_for(page, "done")
    choose(page, "Negative")
    expect(page.locator("#no-rows")).to_be_visible()
    expect(page.locator("#rows tr")).to_have_count(0)


def test_long_tables_come_in_pages(page: Page, reply: Reply) -> None:
    reply(judge)
    open_many(page)
    read(page, numbered(120))
    wait_for(page, "done")
    back, on = (page.get_by_role("button", name=name) for name in ("Previous", "Next"))
    expect(page.locator("#page")).to_have_text("1\u201350 of 120")
    expect(back).to_be_disabled()
    on.click()
    on.click()
    expect(page.locator("#page")).to_have_text("101\u2013120 of 120")
    expect(on).to_be_disabled()
    assert column(page, "number") == [str(number) for number in range(101, 121)]
    choose(page, "Could not tell")
    expect(page.get_by_role("group", name="Pages")).to_be_hidden()


def explained(request: dict[str, Any]) -> tuple[int, object]:
    """As `judge`, and where it is asked to explain, the second word counted."""
    status, answer = judge(request)
    if request.get("explain"):
        start = request["text"].index(" ") + 1
        words = [{"start": start, "end": start + 4, "contribution": 1.0}]
        assert isinstance(answer, dict)
        return status, {**answer, "words": words}
    return status, answer


@pytest.mark.parametrize("way", ["button", "cell"])
def test_a_review_is_explained_and_back_leads_to_its_row(
    page: Page, reply: Reply, sent: list[Any], way: str
) -> None:
    reply(explained)
    reviews = [f"0.9 Good film number {i}" for i in range(45)]
    open_many(page)
    read(page, reviews)
    wait_for(page, "done")
    row = page.locator("#rows tr").nth(40)
    row.locator(".excerpt" if way == "button" else ".chance").click()
    expect(page.locator("#headline")).to_have_text("Positive")
    expect(page.locator("#text mark")).to_have_text("Good")
    expect(page.locator("#result")).to_be_focused()
    assert sent[-1] == {"text": reviews[40], "explain": True}
    page.go_back()
    expect(row.get_by_role("button")).to_be_focused()
    expect(row).to_be_in_viewport()
    assert len(sent) == 2


@pytest.mark.parametrize("selected", ["#list-title", "#rows tr:first-child .excerpt"])
def test_a_click_opens_a_review_unless_it_selects_its_text(
    page: Page, reply: Reply, selected: str
) -> None:
    reply(judge)
    open_many(page)
    read(page, ["0.9 Good", "0.1 Bad"])
    wait_for(page, "done")
    page.locator(selected).evaluate("(node) => getSelection().selectAllChildren(node)")
    # As the browser ends a selection by mouse: with a click, and the selection in place.
    page.locator("#rows tr:first-child .excerpt").evaluate(
        """(node) => node.dispatchEvent(new MouseEvent("click", { bubbles: true, detail: 1 }))""")
    assert page.url.endswith("#one" if selected == "#list-title" else "#many")


def test_a_new_run_takes_the_place_of_the_last(page: Page, reply: Reply) -> None:
    reply(judge)
    open_many(page)
    read(page, numbered(120))
    wait_for(page, "done")
    page.get_by_role("button", name="Next").click()
    others = [f"0.1 Bad {i}" for i in range(60)]
    read(page, others)
    expect(headline(page)).to_have_text("60 reviews read")
    assert column(page, "excerpt") == others[:50]


def test_the_download_has_every_review_in_its_first_order(
    page: Page, reply: Reply, complaints: list[str]
) -> None:
    def refuse(request: dict[str, Any]) -> tuple[int, object]:
        if any("odd" in text for text in request["instances"]):
            return 400, {"error": {"code": 400, "message": "too odd"}}
        return judge(request)

    reply(refuse)
    open_many(page)
    upload(page, "May 2024.csv",
           'label,text\n1,"0.9 Good, ""really""\nso"\n\n1,odd\n0,0.5 Well\n1,a,b\n')
    start(page)
    wait_for(page, "done")
    head(page, "Likely positive").get_by_role("button").click()
    choose(page, "Not read")
    name, content = download(page)
    assert name == "May 2024-sentiment.csv"
    assert rows_of(content) == [
        {"number": "1", "line": "2", "review": '0.9 Good, "really"\nso', "outcome": "positive",
         "probability": "0.9", "reason": "", "label": "positive"},
        {"number": "2", "line": "5", "review": "odd", "outcome": "not read", "probability": "",
         "reason": "The review was not accepted: too odd", "label": "positive"},
        {"number": "3", "line": "6", "review": "0.5 Well", "outcome": "could not tell",
         "probability": "0.5", "reason": "", "label": "negative"},
        {"number": "4", "line": "7", "review": "1,a,b", "outcome": "not read", "probability": "",
         "reason": "Not sent: not 2 columns as in the first row; put texts with commas in quotes",
         "label": ""},
    ]
    complaints.clear()


def test_no_cell_of_the_download_is_a_formula(page: Page, reply: Reply) -> None:
    reply(judge)
    reviews = ["=1+1", "+good", "-bad", "@SUM(A1)", '=HYPERLINK("http://x.test","y")', "\t=1"]
    open_many(page)
    upload(page, "a.txt", "\n".join(reviews))
    start(page)
    wait_for(page, "done")
    assert [row["review"] for row in rows_of(download(page)[1])] == [f"'{text}" for text in reviews]


def test_the_download_can_be_read_again(page: Page, reply: Reply, sent: list[Any]) -> None:
    reply(judge)
    open_many(page)
    read(page, ["0.9 Good, “really”", "0.1 שלום"])
    wait_for(page, "done")
    upload(page, *download(page))
    start(page)
    expect(headline(page)).to_have_text("2 reviews read")
    assert sent[0] == sent[1]


ATTACK = "<img src=x onerror=alert(1)><script>alert(2)</script>"


def test_markup_in_reviews_files_and_headers_stays_text(page: Page, reply: Reply) -> None:
    reply(judge)
    open_many(page)
    upload(page, f"{ATTACK}.csv".replace("/", ""), f'"{ATTACK}",sentiment\n"0.9 {ATTACK}",pos\n')
    expect(page.locator("#source-name")).to_contain_text("<img src=x onerror=alert(1)>")
    expect(page.get_by_label("The reviews are in").locator("option").first).to_contain_text("<img")
    expect(page.locator("#preview li")).to_have_text(f"0.9 {ATTACK}")
    start(page)
    wait_for(page, "done")
    assert column(page, "excerpt") == [f"0.9 {ATTACK}"]
    assert page.locator("main img, main script").count() == 0


@pytest.mark.parametrize("state", ["done", "problem"])
def test_markup_from_the_server_stays_text(
    page: Page, complaints: list[str], state: str
) -> None:
    status = 400 if state == "done" else 404
    page.route("**/predict", lambda route: route.fulfill(
        status=status, json={"error": {"message": ATTACK}}))
    open_many(page)
    read(page, ["A lovely film."])
    wait_for(page, state)
    shown = page.locator("#rows .reason" if state == "done" else "#many-said")
    expect(shown).to_contain_text(ATTACK)
    assert page.locator("main img, main script").count() == 0
    complaints.clear()
