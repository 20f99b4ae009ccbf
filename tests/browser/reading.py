"""What the tests of many reviews share: a scripted model, and steps on the page."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from playwright.sync_api import FilePayload, Locator, Page, expect

Reply = Callable[..., None]


def judge(request: dict[str, Any]) -> tuple[int, object]:
    """A model for `reply`: a review's first word is its probability, as in "0.93 Lovely."."""
    if "text" in request:
        return 200, verdict(request["text"])
    return 200, {"predictions": [verdict(text) for text in request["instances"]]}


def verdict(text: str) -> dict[str, object]:
    try:
        probability = float(text.split()[0])
    except (ValueError, IndexError):
        probability = 0.9
    return {"label": "positive" if probability > 0.5 else "negative", "probability": probability}


def numbered(count: int) -> list[str]:
    """Reviews with probabilities all over."""
    return [f"{i * 7 % 1000 / 1000} Review number {i}." for i in range(count)]


def open_many(page: Page) -> None:
    page.get_by_role("link", name="Many reviews").click()


def upload(page: Page, name: str, content: str | bytes) -> None:
    body = content.encode() if isinstance(content, str) else content
    page.locator("#file").set_input_files(
        FilePayload(name=name, mimeType="application/octet-stream", buffer=body))


def read(page: Page, reviews: Iterable[str]) -> None:
    """Have reviews read from the form."""
    # `fill` types a line at a time, which takes seconds for some hundred.
    page.get_by_label("Reviews, one on each line").evaluate(
        """(node, text) => {
          node.value = text;
          node.dispatchEvent(new Event("input", { bubbles: true }));
        }""", "\n".join(reviews))
    start(page)


def start(page: Page) -> None:
    page.locator("#send-many").click()


def choose(page: Page, name: str) -> None:
    """Show only the reviews with one outcome."""
    page.locator("#filter label", has_text=name).click()


def texts(sent: list[Any]) -> list[str]:
    """The reviews that have reached the model."""
    return [text for request in sent for text in request["instances"]]


def headline(page: Page) -> Locator:
    return page.locator("#many-headline")


def wait_for(page: Page, state: str) -> None:
    """Until the run is running, done, stopped, or ended by a problem."""
    expect(page.locator("#outcome")).to_have_attribute("data-state", state)


def column(page: Page, name: str) -> list[str]:
    """Texts of a column: number, tag, chance, excerpt or reason."""
    return page.locator(f"#rows .{name}").all_text_contents()


def download(page: Page) -> tuple[str, str]:
    """The name and the text of the download."""
    with page.expect_download() as pending:
        page.get_by_role("button", name="Download as CSV").click()
    path = pending.value.path()
    return pending.value.suggested_filename, Path(path).read_bytes().decode()
