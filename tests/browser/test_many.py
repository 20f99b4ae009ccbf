"""Many reviews: what is sent, what comes of it, and what happens when that fails."""

from __future__ import annotations

import threading
from collections import deque
from typing import Any

import pytest
from playwright.sync_api import Page, expect

import corpus
from browser.reading import (
    Reply,
    column,
    headline,
    judge,
    numbered,
    open_many,
    read,
    texts,
    upload,
    verdict,
)
from runtime_standin import Fault

PATIENCE_S = 10


def test_the_address_chooses_one_or_many(page: Page) -> None:
    one, many = (page.get_by_role("link", name=name) for name in ("One review", "Many reviews"))
    expect(one).to_have_attribute("aria-current", "page")
    many.click()
    expect(page).to_have_url(page.url.partition("#")[0] + "#many")
    expect(many).to_have_attribute("aria-current", "page")
    expect(page.get_by_role("heading", level=1)).to_have_text("How do these reviews feel?")
    expect(page).to_have_title("How do these reviews feel?")
    expect(page.get_by_label("Film review")).to_be_hidden()
    page.reload()
    expect(page.get_by_label("Reviews, one on each line")).to_be_visible()
    page.go_back()
    expect(page.get_by_label("Film review")).to_be_visible()


def test_counts_and_shares_of_three_outcomes(page: Page, reply: Reply) -> None:
    reply(judge)
    open_many(page)
    read(page, ["0.9 Good", "0.6 Well", "0.1 Bad", "0.2 Worse", "", "0.7 Fine", "0.61 Nice"])
    expect(headline(page)).to_have_text("6 reviews read")
    shares = {kind: page.locator(f"#{kind}-share").text_content()
              for kind in ("positive", "unsure", "negative")}
    assert shares == {"positive": "50%", "unsure": "17%", "negative": "33%"}
    expect(page.locator("#positive-count")).to_have_text("3")
    assert column(page, "tag") == ["Positive", "Could not tell", "Negative", "Negative", "Positive",
                                   "Positive"]
    assert column(page, "chance") == ["90%", "60%", "10%", "20%", "70%", "61%"]


def test_the_charts_show_the_same(page: Page, reply: Reply) -> None:
    reply(judge)
    open_many(page)
    read(page, ["0.01 Bad", "0.03 Bad", "0.99 Good", "0.5 Well"])
    expect(headline(page)).to_have_text("4 reviews read")
    shares = page.locator("#shares rect").evaluate_all(
        """bars => bars.map(
             (bar) => ["x", "width"].map((name) => parseFloat(bar.getAttribute(name))))""")
    assert shares == [[0, 50], [50, 25], [75, 25]]
    heights = page.locator("#spread rect").evaluate_all(
        "bars => bars.map((bar) => parseFloat(bar.getAttribute('height')))")
    assert {i: height for i, height in enumerate(heights) if height} == {0: 100, 10: 50, 19: 50}
    expect(page.get_by_role("img")).to_have_accessible_name(
        "How likely the reviews are to be positive: 50% at 0 to 20%, 0% at 20 to 40%, "
        "25% at 40 to 60%, 0% at 60 to 80%, 25% at 80 to 100%")


def test_reviews_go_in_batches_and_stay_in_order(
    page: Page, reply: Reply, sent: list[Any]
) -> None:
    reply(judge)
    reviews = numbered(250)
    open_many(page)
    read(page, reviews)
    expect(headline(page)).to_have_text("250 reviews read")
    assert sorted(len(request["instances"]) for request in sent) == [50, 100, 100]
    assert sorted(texts(sent)) == sorted(reviews)
    assert column(page, "excerpt") == reviews[:50]
    assert column(page, "tag")[:3] == [
        {"positive": "Positive", "negative": "Negative"}[str(verdict(review)["label"])]
        for review in reviews[:3]]


THROTTLED = Fault(400, "ThrottlingException")
BUSY = Fault(503, "ServiceUnavailable")


@pytest.mark.parametrize("fault", [THROTTLED, BUSY])
def test_a_busy_server_is_given_the_time_it_asks_for(
    page: Page, reply: Reply, sent: list[Any], script: deque[Fault], complaints: list[str],
    fault: Fault,
) -> None:
    page.clock.install()
    reply(judge)
    script.extend([fault] * 2)  # boto3 itself tries twice
    open_many(page)
    page.clock.pause_at(page.evaluate("Date.now() + 1000"))  # from here time goes when we say so
    with page.expect_response(lambda response: not response.ok):
        read(page, ["0.9 Good", "0.1 Bad"])
    detail = page.locator("#many-detail")
    while "waiting" not in detail.inner_text():  # it is drawn a moment later
        page.clock.run_for(50)
    assert detail.inner_text() == "0 of 2 · The server is not ready: waiting 6 s"
    page.clock.fast_forward(4000)
    assert sent == []
    page.clock.fast_forward(2000)
    page.clock.resume()
    expect(headline(page)).to_have_text("2 reviews read")
    assert texts(sent) == ["0.9 Good", "0.1 Bad"]
    complaints.clear()


def test_one_review_at_fault_does_not_take_others_with_it(
    page: Page, reply: Reply, complaints: list[str]
) -> None:
    def refuse(request: dict[str, Any]) -> tuple[int, object]:
        if any("odd" in text for text in request["instances"]):
            return 400, {"error": {"code": 400, "message": "the text is too odd"}}
        return judge(request)

    reply(refuse)
    reviews = numbered(40)
    reviews[17] = "odd"
    open_many(page)
    read(page, reviews)
    expect(headline(page)).to_have_text("39 of 40 reviews read")
    assert [i for i, tag in enumerate(column(page, "tag")) if tag == "Not read"] == [17]
    assert column(page, "reason")[17] == "The review was not accepted: the text is too odd"
    assert all("400" in line for line in complaints)
    complaints.clear()


@pytest.mark.parametrize(
    "answer",
    [
        {"predictions": []},
        {"predictions": [verdict("0.9"), verdict("0.1")]},
        {"predictions": [{"label": "positive", "probability": 0.2}]},
        {"predictions": {"0": verdict("0.9")}},
        verdict("0.9"),
        b"[",
    ],
)
def test_a_malformed_answer_is_never_a_result(page: Page, reply: Reply, answer: object) -> None:
    reply(answer)
    open_many(page)
    read(page, ["A lovely film."])
    expect(headline(page)).to_have_text("0 of 1 review read")
    assert column(page, "reason") == ["The answer made no sense"]
    expect(page.locator("#figures")).to_be_hidden()


def test_what_failed_can_be_tried_again(
    page: Page, reply: Reply, sent: list[Any], complaints: list[str]
) -> None:
    def fail(request: dict[str, Any]) -> tuple[int, object]:
        return (500, {}) if "0.1 Bad" in request["instances"] else judge(request)

    reply(fail)
    open_many(page)
    read(page, ["0.9 Good", "0.1 Bad"])
    expect(headline(page)).to_have_text("1 of 2 reviews read")
    assert column(page, "reason") == [
        "", "The server has a problem: the model failed; its log says why"]
    reply(judge)
    sent.clear()
    page.get_by_role("button", name="Try 1 again").click()
    expect(headline(page)).to_have_text("2 reviews read")
    assert texts(sent) == ["0.1 Bad"]
    assert column(page, "tag") == ["Positive", "Negative"]
    complaints.clear()


def test_a_lost_network_is_waited_for(page: Page, reply: Reply, complaints: list[str]) -> None:
    reply(judge)
    open_many(page)
    page.context.set_offline(True)
    read(page, ["0.9 Good"])
    expect(page.locator("#many-detail")).to_contain_text("No connection: waiting 1 s")
    page.context.set_offline(False)
    expect(headline(page)).to_have_text("1 review read")
    complaints.clear()


def test_a_network_that_stays_away_keeps_what_is_there(
    page: Page, reply: Reply, gate: threading.Event, sent: list[Any], complaints: list[str]
) -> None:
    page.clock.install()
    reply(judge)
    gate.clear()
    open_many(page)
    with page.expect_request("**/predict"):
        read(page, numbered(150))
    expect(page.locator("#outcome")).to_have_attribute("aria-busy", "true")
    page.context.set_offline(True)
    gate.set()
    while page.locator("#outcome[data-state=running]").count():
        page.clock.fast_forward(30_000)
    expect(headline(page)).to_have_text("No connection")
    expect(page.locator("#many-detail")).to_contain_text("of 150 reviews have been read")
    page.context.set_offline(False)
    page.get_by_role("button", name="Read the other").click()
    expect(headline(page)).to_have_text("150 reviews read")
    complaints.clear()


def test_an_address_that_takes_no_reviews_ends_the_run(
    page: Page, complaints: list[str]
) -> None:
    page.route("**/predict", lambda route: route.fulfill(status=404, body="{}"))
    open_many(page)
    read(page, numbered(300))
    expect(headline(page)).to_have_text("This page is not set up right")
    expect(page.locator("#many-detail")).to_have_text(
        "0 of 300 reviews have been read and are kept. "
        "Nothing is wrong with the text. Tell whoever runs this page.")
    assert len(complaints) <= 2
    complaints.clear()


def test_stopping_keeps_what_is_there_and_can_be_gone_on_from(
    page: Page, reply: Reply, sent: list[Any]
) -> None:
    reviews = numbered(500)
    stopped = threading.Event()

    def hold(request: dict[str, Any]) -> tuple[int, object]:
        if request["instances"][0] not in reviews[:200]:
            stopped.wait(PATIENCE_S)
        return judge(request)

    reply(hold)
    open_many(page)
    read(page, reviews)
    expect(page.locator("#many-detail")).to_contain_text("200 of 500")
    with page.expect_event("requestfailed"):
        page.get_by_role("button", name="Stop").click()
    expect(headline(page)).to_have_text("Stopped")
    expect(page.locator("#many-detail")).to_have_text(
        "200 of 500 reviews have been read and are kept.")
    stopped.set()
    reply(judge)
    sent.clear()
    page.get_by_role("button", name="Read the other 300").click()
    expect(headline(page)).to_have_text("500 reviews read")
    assert sorted(set(texts(sent))) == sorted(reviews[200:])


def test_while_it_reads_the_progress_shows(
    page: Page, reply: Reply, gate: threading.Event, sent: list[Any]
) -> None:
    gate.clear()
    reply(judge)
    open_many(page)
    read(page, numbered(120))
    expect(headline(page)).to_have_text("Reading 120 reviews")
    expect(page.get_by_role("progressbar")).to_have_accessible_name("Reading 120 reviews")
    expect(page.get_by_role("progressbar")).to_have_attribute("max", "120")
    expect(page.locator("#many-detail")).to_have_text("0 of 120")
    page.locator("#many-form").evaluate("(form) => form.requestSubmit()")  # changes nothing
    gate.set()
    expect(headline(page)).to_have_text("120 reviews read")
    expect(page.get_by_role("progressbar")).to_be_hidden()
    assert len(texts(sent)) == 120


def test_ten_thousand_reviews_by_the_real_model(page: Page, chain: str) -> None:
    reviews = [text.replace("\n", " ") for _, text in corpus.reviews(10_000, seed=3)]
    page.goto(f"{chain}/#many")
    upload(page, "reviews.txt", "\n".join(reviews))
    page.get_by_role("button", name="Read 10,000 reviews").click()
    expect(headline(page)).to_have_text("10,000 reviews read", timeout=60_000)
    counts = [int((page.locator(f"#{kind}-count").text_content() or "").replace(",", ""))
              for kind in ("positive", "unsure", "negative")]
    assert sum(counts) == 10_000
    assert min(counts[0], counts[2]) > 2_000
    page.get_by_role("button", name="Likely positive").click()
    chances = [int(chance.strip("<>%")) for chance in column(page, "chance")]
    assert chances == sorted(chances)
    assert page.locator("#rows tr").count() == 50
    assert page.locator("*").count() < 1_000
