"""One review by keyboard, by screen reader, on a phone, in other scripts, without motion."""

from __future__ import annotations

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from browser.one_review import POSITIVE, headline, problem, read, word
from browser.reading import Reply


def test_trying_again_by_keyboard_does_not_lose_the_place(
    page: Page, reply: Reply, complaints: list[str]
) -> None:
    reply({}, 500)
    read(page, "A lovely film.")
    again = page.get_by_role("button", name="Try again")
    again.wait_for()
    reply(POSITIVE)
    again.press("Enter")
    expect(headline(page)).to_have_text("Positive")
    expect(page.locator("#result")).to_be_focused()
    complaints.clear()


@pytest.mark.parametrize("keys", ["Control+Enter", "Meta+Enter"])
def test_the_keyboard_is_enough(page: Page, reply: Reply, keys: str) -> None:
    reply(POSITIVE)
    for _ in range(3):  # past the two links
        page.keyboard.press("Tab")
    expect(page.get_by_label("Film review")).to_be_focused()
    page.keyboard.type("A lovely film.")
    page.keyboard.press(keys)
    expect(headline(page)).to_have_text("Positive")


def test_focus_is_visible(page: Page) -> None:
    for name in ("One review", "Many reviews", "Film review", "Read it", "Delighted"):
        page.keyboard.press("Tab")
        focused = page.locator(":focus")
        expect(focused).to_have_accessible_name(name)
        expect(focused).to_have_css("outline-style", "solid")


@pytest.mark.parametrize("width", [320, 390])
def test_a_phone_needs_no_sideways_scrolling(page: Page, reply: Reply, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 844})
    long = "L" + "o" * 300 + "ng"
    text = f"{long} and lovely https://example.org/{'x' * 200}"
    reply({**POSITIVE, "words": [word(text, long, 1.0), word(text, "lovely", 0.5)]})
    read(page, text)
    expect(headline(page)).to_be_in_viewport()
    assert page.evaluate("() => document.documentElement.scrollWidth") <= width


def test_text_from_right_to_left_is_set_so(page: Page, reply: Reply) -> None:
    reply(POSITIVE)
    read(page, "פילם נהדר")
    expect(headline(page)).to_be_visible()
    direction = "(node) => getComputedStyle(node).direction"
    assert page.locator("#text").evaluate(direction) == "rtl"
    assert page.get_by_label("Film review").evaluate(direction) == "rtl"


def test_still_where_motion_is_unwanted(page: Page) -> None:
    page.emulate_media(reduced_motion="reduce")
    moving = page.evaluate("() => getComputedStyle(document.querySelector('.marker')).transition")
    assert "0.5s" not in moving


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("state", ["idle", "positive", "unsure", "negative", "problem"])
def test_axe_finds_nothing(
    page: Page, reply: Reply, complaints: list[str], scheme: str, state: str
) -> None:
    page.emulate_media(
        color_scheme="dark" if scheme == "dark" else "light", reduced_motion="reduce"
    )
    text = "A lovely film with dull music and a fine end."
    words = [word(text, "lovely", 1.0), word(text, "dull", -1.0), word(text, "fine", 0.1)]
    chance = {"positive": 0.93, "unsure": 0.55, "negative": 0.05}.get(state)
    if chance is not None:
        label = "positive" if chance > 0.5 else "negative"
        reply({"label": label, "probability": chance, "words": words})
        read(page, text)
        expect(headline(page)).to_be_visible()
    elif state == "problem":
        reply({"error": {"code": 500, "message": "out of memory"}}, 500)
        read(page, text)
        expect(problem(page)).to_be_visible()
    results = Axe().run(page)
    assert results.violations_count == 0, results.generate_report()
    complaints.clear()
