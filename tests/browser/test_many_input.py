"""Where many reviews come from: the form, files of three kinds, and what they say of themselves."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from browser.reading import (
    Reply,
    choose,
    column,
    headline,
    judge,
    numbered,
    open_many,
    read,
    start,
    texts,
    upload,
)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("reviews.txt", "0.9 Good, really\r\n0.1 Bad\r\n"),
        ("reviews.csv", 'id,review\n1,"0.9 Good, really"\n2,0.1 Bad\n'),
        ("reviews.jsonl", '{"text": "0.9 Good, really"}\n"0.1 Bad"\n'),
        ("REVIEWS.TXT", "\ufeff0.9 Good, really\n0.1 Bad"),
    ],
)
def test_a_file_is_read(
    page: Page, reply: Reply, sent: list[Any], name: str, content: str
) -> None:
    reply(judge)
    open_many(page)
    upload(page, name, content)
    expect(page.locator("#source-name")).to_have_text(name)
    expect(page.locator("#preview li")).to_have_text(["0.9 Good, really", "0.1 Bad"])
    page.get_by_role("button", name="Read 2 reviews").click()
    expect(headline(page)).to_have_text("2 reviews read")
    assert texts(sent) == ["0.9 Good, really", "0.1 Bad"]


DROP = """
([target, names]) => {
  const dataTransfer = new DataTransfer();
  for (const name of names) {
    dataTransfer.items.add(new File(["0.9 Good\\n0.1 Bad"], name));
  }
  const event = new DragEvent("drop", { dataTransfer, bubbles: true, cancelable: true });
  document.querySelector(target).dispatchEvent(event);
  return event.defaultPrevented;
}
"""


@pytest.mark.parametrize(
    ("target", "names", "source", "problem"),
    [
        ("#drop", ["a.txt"], "a.txt", ""),
        ("#reviews", ["a.txt"], "a.txt", ""),
        ("#outcome", ["a.txt"], "", ""),
        ("#drop", ["a.txt", "b.txt"], "",
         "One file at a time, please. Put the reviews together in one file."),
    ],
)
def test_a_file_can_be_dropped(
    page: Page, target: str, names: list[str], source: str, problem: str
) -> None:
    open_many(page)
    assert page.evaluate(DROP, [target, names])  # the browser does not open it
    expect(page.locator("#source-name")).to_have_text(source)
    expect(page.locator("#gather-problem")).to_have_text(problem)


@pytest.mark.parametrize(
    ("name", "content", "problem"),
    [
        ("a.pdf", b"x", "a.pdf: Files may be .txt, .csv or .jsonl."),
        ("a.txt", "good\nschön".encode("latin-1"), "a.txt: Line 2 is not UTF-8."),
        ("a.csv", b'text\n"good\n', "a.csv: A quote that opens on line 2 is never closed."),
        ("a.csv", b"", "a.csv: there is no review in it."),
    ],
)
def test_a_file_that_cannot_be_used_says_why(
    page: Page, sent: list[Any], name: str, content: bytes, problem: str
) -> None:
    open_many(page)
    upload(page, name, content)
    expect(page.get_by_role("alert")).to_contain_text(problem)
    start(page)
    expect(page.get_by_role("alert")).to_contain_text("Nothing to read yet")
    assert sent == []


def test_a_file_that_is_too_large_is_not_opened(page: Page, tmp_path: Path) -> None:
    large = tmp_path / "large.txt"
    with large.open("wb") as file:
        file.truncate(50_000_001)
    open_many(page)
    page.locator("#file").set_input_files(large)
    expect(page.get_by_role("alert")).to_have_text(
        "large.txt: The file is larger than 50 MB. Cut it into parts.")


def test_a_removed_file_leaves_the_typed_reviews(page: Page, reply: Reply, sent: list[Any]) -> None:
    reply(judge)
    open_many(page)
    page.get_by_label("Reviews, one on each line").fill("0.9 Typed")
    upload(page, "a.txt", "0.1 From a file")
    page.get_by_role("button", name="Remove").click()
    expect(page.get_by_label("Reviews, one on each line")).to_be_focused()
    page.get_by_role("button", name="Read 1 review").click()
    expect(headline(page)).to_have_text("1 review read")
    assert texts(sent) == ["0.9 Typed"]


def test_a_long_text_that_is_pasted_goes_past_the_form(page: Page) -> None:
    open_many(page)
    page.get_by_label("Reviews, one on each line").fill("0.9 Typed\n")
    page.evaluate("""
        (text) => {
          const clipboardData = new DataTransfer();
          clipboardData.setData("text/plain", text);
          const event = new ClipboardEvent(
            "paste", { clipboardData, bubbles: true, cancelable: true });
          document.querySelector("#reviews").dispatchEvent(event);
        }""", "\n".join(numbered(8000)))
    expect(page.locator("#source-name")).to_have_text("Pasted text")
    expect(page.locator("#source-size")).to_have_text("8,001 reviews")
    expect(page.get_by_label("Reviews, one on each line")).to_be_hidden()


def test_columns_can_be_chosen(page: Page, reply: Reply, sent: list[Any]) -> None:
    reply(judge)
    open_many(page)
    upload(page, "a.csv", "title,comment,grade\n0.2 Tin,0.9 A film that I liked,pos\n")
    expect(page.get_by_label("The reviews are in")).to_have_value("1")
    page.get_by_label("The reviews are in").select_option("title")
    page.get_by_label("Their labels are in").select_option("grade")
    page.get_by_label("The first row holds").uncheck()
    expect(page.locator("#preview li")).to_have_text(["title", "0.2 Tin"])
    page.get_by_label("The first row holds").check()
    page.get_by_role("button", name="Read 1 review").click()
    expect(page.locator("#agreement")).to_have_text(
        "Of 1 review with a label and a clear outcome, 0% agrees.")
    assert texts(sent) == ["0.2 Tin"]


def test_one_review_that_agrees_is_said_in_the_singular(page: Page, reply: Reply) -> None:
    reply(judge)
    open_many(page)
    upload(page, "a.csv", "label,text\n1,0.9 Good\n")
    start(page)
    expect(page.locator("#agreement")).to_have_text(
        "Of 1 review with a label and a clear outcome, 100% agrees.")


def test_labels_are_compared(page: Page, reply: Reply) -> None:
    reply(judge)
    open_many(page)
    upload(page, "a.csv",
           "label,text\n1,0.9 Good\n0,0.8 Irony\nneg,0.1 Bad\n1,0.5 Well\n7,0.9 So\n")
    expect(page.locator("#remarks li")).to_contain_text("Line 6: the label is not one of")
    start(page)
    expect(page.locator("#agreement")).to_have_text(
        "Of 3 reviews with a label and a clear outcome, 67% agree.")
    choose(page, "Against the label")
    assert column(page, "excerpt") == ["0.8 Irony"]
    assert column(page, "reason") == ["Label: negative"]


def test_what_cannot_be_sent_is_said_before_and_keeps_its_row(
    page: Page, reply: Reply, sent: list[Any]
) -> None:
    reply(judge)
    open_many(page)
    upload(page, "a.jsonl", f'"0.9 Good"\n\n{{"txt": 1}}\n"{"x" * 20_001}"\n"0.1 Bad"\n')
    expect(page.locator("#remarks li")).to_have_text([
        "Line 2: blank, left out.",
        "Line 3, not sent: JSON without a “text” or a “review”.",
        "Line 4, not sent: longer than 20,000 characters."])
    page.get_by_role("button", name="Read 2 reviews").click()
    expect(headline(page)).to_have_text("2 of 4 reviews read")
    assert texts(sent) == ["0.9 Good", "0.1 Bad"]
    assert column(page, "tag") == ["Positive", "Not read", "Not read", "Negative"]
    assert column(page, "reason")[2] == "Not sent: longer than 20,000 characters"
    expect(page.get_by_role("button", name="again")).to_be_hidden()


@pytest.mark.parametrize("reviews", [[], ["", "  "]])
def test_nothing_to_read_is_said(page: Page, sent: list[Any], reviews: list[str]) -> None:
    open_many(page)
    read(page, reviews)
    expect(page.get_by_role("alert")).to_contain_text("Nothing to read yet")
    expect(page.get_by_label("Reviews, one on each line")).to_be_focused()
    assert sent == []


def test_examples_are_one_click(page: Page, reply: Reply, sent: list[Any]) -> None:
    reply(judge)
    open_many(page)
    page.get_by_role("button", name="Try examples").click()
    expect(headline(page)).to_have_text("10 reviews read")
    assert len(texts(sent)) == 10
