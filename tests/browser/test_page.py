from __future__ import annotations

import re
import threading
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect

Reply = Callable[..., None]

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


@pytest.mark.parametrize(
    ("probability", "title", "detail"),
    [
        (0.9999, "Positive", "More than 99% likely to be positive"),
        (0.93, "Positive", "93% likely to be positive"),
        (0.61, "Positive", "61% likely to be positive"),
        (0.6, "Could not tell", "Leans positive: 60% likely to be positive"),
        (0.54, "Could not tell", "Leans positive: 54% likely to be positive"),
        (0.46, "Could not tell", "Leans negative: 54% likely to be negative"),
        (0.4, "Could not tell", "Leans negative: 60% likely to be negative"),
        (0.39, "Negative", "61% likely to be negative"),
        (0, "Negative", "More than 99% likely to be negative"),
    ],
)
def test_three_outcomes(
    page: Page, reply: Reply, probability: float, title: str, detail: str
) -> None:
    reply({"label": "positive" if probability > 0.5 else "negative", "probability": probability})
    read(page, "A film about trains.")
    expect(headline(page)).to_have_text(title)
    expect(page.locator("#detail")).to_have_text(detail)
    expect(page.get_by_role("status")).to_have_text(f"{title}. {detail}.")
    expect(page.locator("#explanation")).to_be_hidden()
    expect(problem(page)).to_be_hidden()


def test_the_marker_stands_at_the_probability(page: Page, reply: Reply) -> None:
    page.emulate_media(reduced_motion="reduce")
    reply(POSITIVE)
    read(page, "Lovely.")
    expect(headline(page)).to_be_visible()
    at = page.evaluate(
        """() => {
          const marker = document.querySelector("#marker").getBoundingClientRect();
          const scale = document.querySelector(".answer .scale").getBoundingClientRect();
          return (marker.left + marker.width / 2 - scale.left) / scale.width;
        }"""
    )
    assert at == pytest.approx(0.93, abs=0.005)


def test_the_request_is_what_the_server_expects(
    page: Page, reply: Reply, sent: list[dict[str, Any]]
) -> None:
    reply(POSITIVE)
    text = "  Two lines,\nan “accent” é and a 🎬.  "
    with page.expect_request("**/predict") as request:
        read(page, text)
    expect(headline(page)).to_be_visible()
    assert request.value.method == "POST"
    assert request.value.headers["content-type"] == "application/json"
    assert sent == [{"text": text, "explain": True}]


def test_words_are_coloured_where_they_stand(page: Page, reply: Reply) -> None:
    text = "🎬🎬 A lovely film 👩‍👩‍👧, dull music.\nLovely end 🙂 all the same."
    words = [
        word(text, "dull", -0.5),
        word(text, "lovely", 1.0),
        word(text, "Lovely", 0.25),
        word(text, "film", 0.0),
        word(text, "🙂", 0.1),
    ]
    reply({**POSITIVE, "words": words})
    read(page, text)
    expect(headline(page)).to_be_visible()
    assert page.locator("#text").text_content() == text
    marks = page.locator("#text mark")
    expect(marks).to_have_text(["lovely", "dull", "Lovely", "🙂"])
    expect(marks.nth(0)).to_have_class("positive")
    expect(marks.nth(1)).to_have_class("negative")
    strengths = marks.evaluate_all(
        "all => all.map((mark) => Number(mark.style.getPropertyValue('--strength')))"
    )
    assert strengths == [1, 0.5, 0.25, 0.1]
    colours = marks.evaluate_all("all => all.map((mark) => getComputedStyle(mark).backgroundColor)")
    assert len(set(colours)) == 4


def test_the_same_facts_are_listed_as_text(page: Page, reply: Reply) -> None:
    text = "lovely dull lovely bland fine"
    words = [
        word(text, "lovely", 1.0),
        word(text, "lovely", 0.5, occurrence=1),
        word(text, "dull", -0.25),
        word(text, "bland", -0.75),
        word(text, "fine", 0.001),
    ]
    reply({**POSITIVE, "words": words})
    read(page, text)
    expect(page.locator("#positive-words li")).to_have_text(["lovely +1.00", "lovely +0.50"])
    expect(page.locator("#negative-words li")).to_have_text(["bland \u22120.75", "dull \u22120.25"])


def test_a_side_without_words_says_so(page: Page, reply: Reply) -> None:
    reply({**POSITIVE, "words": [word("fine", "fine", 0.5)]})
    read(page, "fine")
    expect(page.locator("#negative-words li")).to_have_text(["no word"])


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


def test_markup_in_the_review_stays_text(page: Page, reply: Reply) -> None:
    text = "<img src=x onerror=alert(1)><script>alert(2)</script> lovely"
    reply({**POSITIVE, "words": [word(text, "<script>", 1.0), word(text, "lovely", 0.5)]})
    read(page, text)
    expect(headline(page)).to_be_visible()
    assert page.locator("#text").text_content() == text
    expect(page.locator("#positive-words li").first).to_have_text("<script> +1.00")
    expect(page.locator("#history-list li")).to_contain_text("<img src=x onerror=alert(1)>")
    assert page.locator("main img, main script").count() == 0


def test_markup_from_the_server_stays_text(page: Page, reply: Reply, complaints: list[str]) -> None:
    message = "<img src=x onerror=alert(1)><b>no</b>"
    reply({"error": {"code": 400, "message": message}}, 400)
    read(page, "A lovely film.")
    expect(page.locator("#problem-said")).to_have_text(message)
    assert page.locator("main img, main b").count() == 0
    assert all("400" in line for line in complaints)
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


def test_an_empty_review_is_not_sent(page: Page, sent: list[dict[str, Any]]) -> None:
    read(page, " \n ")
    expect(problem(page)).to_contain_text("Nothing to read yet")
    expect(page.get_by_label("Film review")).to_be_focused()
    assert sent == []


@pytest.mark.parametrize("name", ["Delighted", "Let down", "In two minds"])
def test_an_example_is_one_click(
    page: Page, reply: Reply, sent: list[dict[str, Any]], name: str
) -> None:
    reply(POSITIVE)
    page.get_by_role("button", name=name).click()
    expect(headline(page)).to_be_visible()
    assert [one["text"] for one in sent] == [page.get_by_label("Film review").input_value()]
    assert len(sent[0]["text"].split()) > 30


def test_history_brings_back_text_and_verdict(
    page: Page, reply: Reply, sent: list[dict[str, Any]]
) -> None:
    reply(POSITIVE)
    read(page, "The first film.")
    expect(headline(page)).to_have_text("Positive")
    reply({"label": "negative", "probability": 0.1})
    read(page, "The second film.")
    expect(headline(page)).to_have_text("Negative")
    entries = page.locator("#history-list button")
    expect(entries).to_have_text(["NegativeThe second film.", "PositiveThe first film."])
    entries.nth(1).click()
    expect(headline(page)).to_have_text("Positive")
    expect(page.get_by_label("Film review")).to_have_value("The first film.")
    assert len(sent) == 2
    page.reload()
    expect(page.locator("#history")).to_be_hidden()
    assert page.evaluate("() => localStorage.length + sessionStorage.length") == 0


def test_busy_and_then_only_the_newest_answer_counts(
    page: Page, reply: Reply, gate: threading.Event
) -> None:
    gate.clear()
    reply({"label": "negative", "probability": 0.1})
    with page.expect_event("requestfailed") as dropped:
        with page.expect_request("**/predict"):
            read(page, "The first film.")
        expect(page.locator("#result")).to_have_attribute("aria-busy", "true")
        expect(page.get_by_role("status")).to_have_text("Reading the review.")
        reply(POSITIVE)
        page.get_by_label("Film review").fill("The second film.")
        page.get_by_role("button", name="Reading").click()
    assert dropped.value.url.endswith("/predict")
    gate.set()
    expect(headline(page)).to_have_text("Positive")
    expect(page.locator("#result")).to_have_attribute("aria-busy", "false")
    expect(page.locator("#history-list li")).to_have_count(1)


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


def test_the_page_may_reach_nothing_but_its_own_origin(page: Page, site: str) -> None:
    policy = page.locator("meta[http-equiv=Content-Security-Policy]").get_attribute("content")
    assert policy == (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
        "connect-src 'self'; base-uri 'none'; form-action 'none'; "
        "require-trusted-types-for 'script'")
    # A frame's ancestors can only be named in a header.
    header = page.request.get(site).headers["content-security-policy"]
    assert header.replace(" frame-ancestors 'none';", "") == policy


def test_still_where_motion_is_unwanted(page: Page) -> None:
    page.emulate_media(reduced_motion="reduce")
    moving = page.evaluate("() => getComputedStyle(document.querySelector('.marker')).transition")
    assert "0.5s" not in moving


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("state", ["idle", "positive", "unsure", "negative", "problem"])
def test_axe_finds_nothing(
    page: Page, reply: Reply, complaints: list[str], scheme: str, state: str
) -> None:
    axe = pytest.importorskip("axe_playwright_python.sync_playwright")
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
    results = axe.Axe().run(page)
    assert results.violations_count == 0, results.generate_report()
    complaints.clear()
