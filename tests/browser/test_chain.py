"""The page in front of the real model: nothing between the two is scripted."""

from __future__ import annotations

from playwright.sync_api import Page, expect


def read(page: Page, text: str) -> None:
    page.get_by_label("Film review", exact=True).fill(text)
    page.get_by_role("button", name="Read it").click()


def test_the_models_verdict_and_words_are_shown(
    page: Page, chain_of_any_shape: str, reviews: dict[str, str]
) -> None:
    page.goto(chain_of_any_shape)
    for liked, title in (("positive", "Positive"), ("negative", "Negative")):
        read(page, reviews[liked])
        expect(page.locator("#headline")).to_have_text(title)
        expect(page.locator(f"#text mark.{liked}").first).to_be_visible()


def test_words_stand_where_they_stand_in_the_review(
    page: Page, chain: str, reviews: dict[str, str]
) -> None:
    text = f"🎬 “Très” 👩‍👩‍👧 — {reviews['positive']}"
    page.goto(chain)
    read(page, text)
    expect(page.locator("#headline")).to_have_text("Positive")
    assert page.locator("#text").text_content() == text
    assert all(word.split() == [word] for word in page.locator("#text mark").all_text_contents())


def test_a_review_that_is_too_long_is_refused_by_the_handler(
    page: Page, chain: str, complaints: list[str]
) -> None:
    page.goto(chain)
    read(page, "long " * 5000)
    expect(page.locator("#problem-said")).to_have_text(
        "review 1 has 25000 characters; at most 20000 are taken")
    complaints.clear()


# What that page does: it posts a string and reads the answer as a number.
COURSE_PROJECTS_PAGE = """
(review) => new Promise((resolve, reject) => {
  const request = new XMLHttpRequest();
  request.onload = () => resolve(parseFloat(request.responseText));
  request.onerror = reject;
  request.open("POST", "/predict", true);
  request.send(review);
})
"""


def test_the_course_projects_page_gets_a_number(
    page: Page, chain: str, reviews: dict[str, str]
) -> None:
    page.goto(chain)
    assert page.evaluate(COURSE_PROJECTS_PAGE, reviews["positive"]) == 1
    assert page.evaluate(COURSE_PROJECTS_PAGE, reviews["negative"]) == 0
