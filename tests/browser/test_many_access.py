"""Many reviews by keyboard, by ear, on a phone, in the dark and from right to left."""

from __future__ import annotations

import threading

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from browser.reading import (
    Reply,
    choose,
    headline,
    judge,
    numbered,
    open_many,
    read,
    start,
    upload,
    wait_for,
)

PATIENCE_S = 10
LONG = "L" + "o" * 300 + "ng"


def press(page: Page, *keys: str) -> None:
    for key in keys:
        page.keyboard.press(key)


def test_the_keyboard_is_enough(page: Page, reply: Reply) -> None:
    reply(judge)
    press(page, "Tab", "Tab", "Enter")  # the link to many reviews
    expect(page.get_by_label("Reviews, one on each line")).to_be_visible()
    press(page, "Tab")
    expect(page.get_by_label("Reviews, one on each line")).to_be_focused()
    page.keyboard.type("0.9 Good\n0.1 Bad\n0.2 Bad")
    press(page, "Control+Enter")
    expect(headline(page)).to_have_text("3 reviews read")
    page.get_by_role("button", name="Download as CSV").focus()
    press(page, "Tab", "ArrowRight")
    expect(page.get_by_label("Negative 2")).to_be_checked()
    press(page, "Tab", "Tab", "Tab", "Enter")  # past row and outcome to the probability
    expect(page.get_by_role("columnheader", name="Likely positive")).to_have_attribute(
        "aria-sort", "ascending")
    press(page, "Tab", "Tab", "Enter")
    expect(page.locator("#result")).to_be_focused()
    expect(page.get_by_label("Film review")).to_have_value("0.1 Bad")


def test_everything_that_can_be_focused_shows_it(page: Page, reply: Reply) -> None:
    reply(judge)
    open_many(page)
    upload(page, "a.csv", "text,label\n0.9 Good,1\n0.1 Bad,0\n")
    start(page)
    wait_for(page, "done")
    page.get_by_role("link", name="Many reviews").focus()
    names = []
    while True:
        press(page, "Tab")
        # What is hidden behind a label is marked on the label.
        name, marked = page.evaluate(
            """() => {
              const node = document.activeElement;
              const marks = [node, node.nextElementSibling, node.closest("label")].filter(Boolean);
              return [node === document.body ? "" : node.id || node.value || node.className,
                      marks.some((one) => getComputedStyle(one).outlineStyle === "solid")];
            }""")
        if name == "":
            break
        assert marked, name
        names.append(name)
    assert names == ["remove", "text-column", "label-column", "has-header", "file", "send-many",
                     "download", "all", "number", "kind", "probability", "text", "excerpt",
                     "excerpt"]


def test_stopping_and_going_on_by_keyboard_do_not_lose_the_place(
    page: Page, reply: Reply, gate: threading.Event
) -> None:
    gate.clear()
    reply(judge)
    open_many(page)
    read(page, ["0.9 Good"])
    page.get_by_role("button", name="Stop").press("Enter")
    expect(page.get_by_role("button", name="Read the other 1")).to_be_focused()
    press(page, "Enter")
    expect(page.get_by_role("button", name="Stop")).to_be_focused()
    gate.set()
    expect(page.get_by_role("button", name="Download as CSV")).to_be_focused()


def test_the_arrows_of_the_columns_are_not_read_out(page: Page, reply: Reply) -> None:
    reply(judge)
    open_many(page)
    read(page, ["0.9 Good"])
    wait_for(page, "done")
    for name in ("Row", "Outcome", "Likely positive", "Review"):
        expect(page.get_by_role("button", name=name, exact=True)).to_be_visible()


def test_what_happens_is_said(page: Page, reply: Reply, gate: threading.Event) -> None:
    gate.clear()
    reply(judge)
    open_many(page)
    upload(page, "a.txt", "0.9 Good\n\n0.1 Bad\n")
    expect(page.get_by_role("status")).to_have_text("a.txt: 2 reviews. Line 2: blank, left out.")
    start(page)
    expect(page.get_by_role("status")).to_have_text("Reading 2 reviews.")
    expect(page.locator("#outcome")).to_have_attribute("aria-busy", "true")
    expect(page.locator("[aria-busy=true] [role=status]")).to_have_count(0)  # not kept back
    gate.set()
    expect(page.get_by_role("status")).to_have_text("2 reviews read.")
    expect(page.locator("#outcome")).to_have_attribute("aria-busy", "false")


def test_each_quarter_is_said(page: Page, reply: Reply) -> None:
    reviews = numbered(300)
    said = threading.Event()

    def hold(request: dict[str, list[str]]) -> tuple[int, object]:
        if request["instances"][0] != reviews[0]:
            said.wait(PATIENCE_S)
        return judge(request)

    reply(hold)
    open_many(page)
    read(page, reviews)
    expect(page.get_by_role("status")).to_have_text("25% read.")
    said.set()
    expect(page.get_by_role("status")).to_have_text("300 reviews read.")


def test_text_from_right_to_left_is_set_so(page: Page, reply: Reply) -> None:
    reply(judge)
    open_many(page)
    upload(page, "סרטים.txt", "פילם נהדר\nA lovely film.\n")
    assert page.locator("#preview li").first.evaluate(
        "(node) => getComputedStyle(node).direction") == "rtl"
    start(page)
    wait_for(page, "done")
    directions = page.locator("#rows .excerpt").evaluate_all(
        "all => all.map((node) => getComputedStyle(node).direction)")
    assert directions == ["rtl", "ltr"]


@pytest.mark.parametrize("width", [320, 390])
def test_a_phone_needs_no_sideways_scrolling(page: Page, reply: Reply, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 844})
    reply(judge)
    open_many(page)
    upload(page, f"{LONG[:80]}.csv", f"{LONG},label\n0.9 {LONG},0\nx,y,{LONG}\n")
    start(page)
    wait_for(page, "done")
    expect(headline(page)).to_be_in_viewport()
    assert page.evaluate("() => document.documentElement.scrollWidth") <= width
    boxes = [page.locator(f"#rows tr:first-child .{part}").bounding_box()
             for part in ("number", "tag", "chance", "review")]
    tops = [box["y"] for box in boxes if box]
    assert tops[0] == pytest.approx(tops[2], abs=4)
    assert tops[3] > tops[2]  # the review stands below, on the whole width


def test_still_where_motion_is_unwanted(page: Page) -> None:
    page.emulate_media(reduced_motion="reduce")
    moving = page.evaluate("""
        () => [...document.querySelectorAll("*")].filter(
          (node) => getComputedStyle(node).transitionDuration.split(", ").some((s) => s !== "0s"))
          .length""")
    assert moving == 0


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize(
    "state", ["idle", "loaded", "unusable", "running", "done", "unread", "stopped", "problem"])
def test_axe_finds_nothing(
    page: Page, reply: Reply, gate: threading.Event, complaints: list[str], scheme: str, state: str
) -> None:
    page.emulate_media(
        color_scheme="dark" if scheme == "dark" else "light", reduced_motion="reduce")
    reply(judge)
    open_many(page)
    if state == "unusable":
        upload(page, "a.pdf", "x")
        expect(page.get_by_role("alert")).to_contain_text("Files may be")
    elif state != "idle":
        upload(page, "a.csv", "label,text\n0,0.9 Good\n1,0.5 Well\n\n5,0.1 Bad\n1,a,b\n1,\n" * 20)
        expect(page.locator("#loaded")).to_be_visible()
    if state in ("running", "stopped"):
        gate.clear()
    if state == "problem":
        page.route("**/predict", lambda route: route.fulfill(
            status=404, json={"error": {"message": "no such page"}}))
    if state not in ("idle", "loaded", "unusable"):
        start(page)
        wait_for(page, {"problem": state, "done": "done", "unread": "done"}.get(state, "running"))
    if state == "stopped":
        page.get_by_role("button", name="Stop").click()
        wait_for(page, "stopped")
    if state == "unread":
        choose(page, "Not read")
    results = Axe().run(page)
    assert results.violations_count == 0, results.generate_report()
    complaints.clear()
