"""One review and its answer."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from browser.one_review import POSITIVE, headline, problem, read, word
from browser.reading import Reply


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


def test_the_page_may_reach_nothing_but_its_own_origin(page: Page, site: str) -> None:
    policy = page.locator("meta[http-equiv=Content-Security-Policy]").get_attribute("content")
    assert policy == (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
        "connect-src 'self'; base-uri 'none'; form-action 'none'; "
        "require-trusted-types-for 'script'")
    # A frame's ancestors can only be named in a header.
    header = page.request.get(site).headers["content-security-policy"]
    assert header.replace(" frame-ancestors 'none';", "") == policy
