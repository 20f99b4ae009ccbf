"""One review without an answer: what went wrong, and what to do about it."""

from __future__ import annotations

import threading

import pytest
from playwright.sync_api import Page, expect

from browser.one_review import POSITIVE, headline, problem, read
from browser.reading import Reply


@pytest.mark.parametrize(
    "answer",
    [
        b"positive",
        b"<!doctype html>",
        b"",
        None,
        [],
        {},
        {"label": "positive"},
        {"probability": 0.9},
        {"label": "great", "probability": 0.9},
        {"label": "positive", "probability": "0.9"},
        {"label": "positive", "probability": 1.2},
        {"label": "positive", "probability": 0.2},
        {"label": "positive", "probability": 0.9, "words": "lovely"},
        {"label": "positive", "probability": 0.9, "words": [None]},
        {**POSITIVE, "words": [{"start": 0, "end": 99, "contribution": 1}]},
        {**POSITIVE, "words": [{"start": 3, "end": 3, "contribution": 1}]},
        {**POSITIVE, "words": [{"start": 0, "end": 3, "contribution": None}]},
        {
            **POSITIVE,
            "words": [
                {"start": 0, "end": 3, "contribution": 1},
                {"start": 2, "end": 4, "contribution": 1},
            ],
        },
    ],
)
def test_a_malformed_answer_is_never_a_verdict(page: Page, reply: Reply, answer: object) -> None:
    reply(answer)
    read(page, "A lovely film.")
    expect(problem(page)).to_contain_text("The answer made no sense")
    expect(headline(page)).to_be_hidden()
    expect(page.locator("#history")).to_be_hidden()


@pytest.mark.parametrize(
    ("given", "status", "title", "message"),
    [
        (400, 400, "The review was not accepted", "something about the text"),
        (413, 413, "The review was not accepted", "something about the text"),
        (500, 502, "The server has a problem", "the model failed; its log says why"),
        (503, 503, "The server is not ready", "the model is busy; try again in a few seconds"),
        (504, 504, "That took too long",
         "the model did not answer in time; try again, or send less"),
    ],
)
def test_an_error_shows_the_message_and_what_to_do(
    page: Page, reply: Reply, complaints: list[str],
    given: int, status: int, title: str, message: str,
) -> None:
    # The verdict in the body must not count: the status says that there is none.
    error = {"code": given, "message": "something about the text"}
    reply({**POSITIVE, "error": error}, given)
    read(page, "Oh no")
    expect(problem(page)).to_contain_text(title)
    expect(page.locator("#problem-said")).to_have_text(message)
    expect(page.get_by_role("status")).to_contain_text(message)
    expect(page.get_by_role("button", name="Try again")).to_be_visible(visible=status >= 500)
    expect(headline(page)).to_be_hidden()
    assert all(str(status) in line for line in complaints)
    complaints.clear()


@pytest.mark.parametrize("body", ["oops", '{"message": "Internal Server Error"}'])
def test_an_error_of_the_gateway_itself_is_an_error_too(
    page: Page, complaints: list[str], body: str
) -> None:
    page.route("**/predict", lambda route: route.fulfill(status=502, body=body))
    read(page, "A lovely film.")
    expect(problem(page)).to_contain_text("The server has a problem")
    expect(page.locator("#problem-said")).to_be_hidden()
    complaints.clear()


def test_no_network_and_then_trying_again(page: Page, reply: Reply, complaints: list[str]) -> None:
    reply(POSITIVE)
    page.context.set_offline(True)
    read(page, "A lovely film.")
    expect(problem(page)).to_contain_text("No connection")
    page.context.set_offline(False)
    page.get_by_role("button", name="Try again").click()
    expect(headline(page)).to_have_text("Positive")
    complaints.clear()


@pytest.mark.parametrize(
    ("status", "title", "again"),
    [
        (429, "The server is not ready", True),
        (403, "This page is not set up right", False),
        (404, "This page is not set up right", False),
    ],
)
def test_what_is_not_the_reviews_fault_is_not_called_so(
    page: Page, complaints: list[str], status: int, title: str, again: bool
) -> None:
    page.route("**/predict", lambda route: route.fulfill(status=status, body="{}"))
    read(page, "A lovely film.")
    expect(problem(page)).to_contain_text(title)
    expect(problem(page)).to_contain_text("Nothing is wrong with the text")
    expect(page.get_by_role("button", name="Try again")).to_be_visible(visible=again)
    complaints.clear()


def test_a_model_that_is_down(page: Page, lonely_site: str, complaints: list[str]) -> None:
    page.goto(lonely_site)
    read(page, "A lovely film.")
    expect(problem(page)).to_contain_text("The server is not ready")
    expect(page.locator("#problem-said")).to_have_text("the model is not deployed")
    complaints.clear()


def test_no_answer_within_half_a_minute(page: Page, gate: threading.Event) -> None:
    # A clock of the test's own cannot reach AbortSignal.timeout, so its time is cut short instead.
    page.add_init_script(
        """
        const timeout = AbortSignal.timeout.bind(AbortSignal);
        AbortSignal.timeout = (ms) => timeout(ms === 30000 ? 100 : ms);
        """
    )
    page.reload()
    gate.clear()
    read(page, "A lovely film.")
    expect(problem(page)).to_contain_text("That took too long")
    expect(page.get_by_role("button", name="Try again")).to_be_visible()
