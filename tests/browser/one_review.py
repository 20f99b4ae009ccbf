"""What tests of the one-review half do with the page, and see on it."""

from __future__ import annotations

import re

from playwright.sync_api import Locator, Page

POSITIVE = {"label": "positive", "probability": 0.93}


def read(page: Page, text: str) -> None:
    page.get_by_label("Film review").fill(text)
    page.get_by_role("button", name="Read it").click()


def headline(page: Page) -> Locator:
    return page.locator("#headline")


def problem(page: Page) -> Locator:
    return page.locator("#result .problem")


def word(text: str, part: str, contribution: float, occurrence: int = 0) -> dict[str, object]:
    """A word of an answer; Python's offsets are code points, as the contract says."""
    start = [match.start() for match in re.finditer(re.escape(part), text)][occurrence]
    return {"start": start, "end": start + len(part), "contribution": contribution}
