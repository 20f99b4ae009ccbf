"""The website's modules without its page: they are imported and called in a real browser."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, Route

import gateway

ORIGIN = "http://website.test"

Call = Callable[..., Any]


def _fulfill(route: Route) -> None:
    """The website's files, and an empty page to import them from; no server is needed."""
    name = route.request.url.removeprefix(ORIGIN).lstrip("/")
    if name:
        route.fulfill(path=gateway.WEBSITE / name, content_type="text/javascript")
    else:
        route.fulfill(body="<!doctype html>", content_type="text/html")


@pytest.fixture(scope="session")
def blank(browser: Browser) -> Iterator[Page]:
    """An empty page of the website's origin."""
    page = browser.new_page()
    try:
        page.route(f"{ORIGIN}/**", _fulfill)
        page.goto(ORIGIN)
        yield page
    finally:
        page.close()


@pytest.fixture(scope="session")
def call(blank: Page) -> Call:
    """Call what a module exports: `call("csv.js", "parseCsv", text)`.

    Arguments and answers travel as plain data; what is thrown arrives as playwright's Error.
    """

    def call(module: str, name: str, *arguments: object) -> Any:
        return blank.evaluate(
            "async ([module, name, args]) => (await import(module))[name](...args)",
            [f"/{module}", name, arguments])

    return call
