"""The report is one HTML file that asks for nothing, runs nothing, and shows texts as texts."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path

from cloud.data.labelled import Reviews
from cloud.scoring import plots
from cloud.scoring.evaluation import Evaluation, evaluation, table
from cloud.scoring.invoking import Answer, Reply
from cloud.scoring.report import EXCERPT, excerpt, report

import pytest

HOSTILE = [
    "<script>alert(1)</script>", "</blockquote></section><img src=x onerror=alert(1)>",
    "&lt;b&gt; & \"quotes\" 'too'", "$title ${setup} $$", "<svg onload=alert(1)>",
    "</style><style>*{display:none}", "\u202eright to left", "\ud800 half a character",
]
VOID = {"meta", "img", "br", "link"}


class Page(HTMLParser):
    """Elements with their attributes, texts, and whether every element is closed in its turn."""

    def __init__(self, content: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.open: list[str] = []
        self.feed(content)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data

    def named(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.elements if name == tag]


def make(texts: list[str], labels: list[int], probabilities: list[float | None],
         setup: dict[str, str] | None = None) -> Evaluation:
    """An evaluation, a request for each review; a probability of None is a failure."""
    replies = [
        Reply(["ModelError 500"], 5.0, True) if said is None else
        Reply([Answer(int(said >= 0.5), said)], 10.0 * row, False,
              ["ThrottlingException"] if row == 1 else [], "main")
        for row, said in enumerate(probabilities, 1)]
    return evaluation(Reviews(texts, labels), replies, seconds=2.0, warm_up_ms=1234.0,
                      setup=setup or {"endpoint": "e"})


@pytest.fixture(scope="module")
def hostile() -> Page:
    """Every review is a mistake, so that every text is shown."""
    rows = len(HOSTILE)
    found = make(HOSTILE, [0, 1] * (rows // 2), [0.9, 0.1] * (rows // 2),
                 {"command": "<script>alert(2)</script>"})
    return Page(report(found, "<b>title</b>", 100))


@pytest.fixture(scope="module")
def plain() -> Page:
    found = make(["a", "b", "c", "d", "e"], [1, 1, 0, 0, 1], [0.9, 0.4, 0.2, 0.7, None])
    return Page(report(found, "How well e reads", 1))


def test_no_text_becomes_an_element(hostile: Page) -> None:
    assert not hostile.named("script") and not hostile.named("img")
    assert (len(hostile.named("style")), len(hostile.named("svg")), hostile.open) == (1, 4, [])
    assert not [name for _, attributes in hostile.elements for name in attributes
                if name.startswith("on")]


@pytest.mark.parametrize("text", HOSTILE)
def test_a_text_is_shown_as_it_is(hostile: Page, text: str) -> None:
    assert text in hostile.text


def test_nothing_is_asked_of_any_place(plain: Page) -> None:
    links = [value for _, attributes in plain.elements for name, value in attributes.items()
             if value and name in ("src", "href", "xlink:href", "srcset", "data")]
    assert links and all(link.startswith("#") for link in links)
    assert "url(http" not in plain.text and "@import" not in plain.text
    [policy] = [meta["content"] for meta in plain.named("meta") if "http-equiv" in meta]
    assert policy == "default-src 'none'; style-src 'unsafe-inline'"


def test_ids_of_the_plots_do_not_clash(plain: Page) -> None:
    ids = [attributes["id"] for _, attributes in plain.elements if "id" in attributes]
    used = {value for _, attributes in plain.elements for name, value in attributes.items()
            if name == "xlink:href"}
    assert {f"#{name}" for name in ids} >= used
    clips = re.findall(r"p[0-9a-f]{10}", " ".join(name or "" for name in ids))
    assert len(clips) == len(set(clips)) > 0


def test_every_plot_says_what_it_shows(plain: Page) -> None:
    labels = [svg["aria-label"] or "" for svg in plain.named("svg")]
    assert [label.partition(":")[0].partition(";")[0] for label in labels] == [
        "ROC curve", "Share of positive reviews by predicted probability",
        "Reviews by predicted probability, for each label", "Share of requests by time"]
    assert labels[0] == "ROC curve; the area under it is 0.750"


def test_the_figures_stand_in_the_page(plain: Page) -> None:
    words = " ".join(plain.text.split())
    assert "2 of 4 test reviews were called what they are. 1 more got no answer" in words
    assert "accuracy0.500" in words and "95% between 0.150 and 0.850" in words
    assert "no answerModelError 5001" in words and "asked againThrottlingException1" in words
    assert "first request1,234.0 ms" in words


def test_the_most_confident_mistakes_come_first(plain: Page) -> None:
    assert "1 of 2, with the beginnings" in plain.text
    assert "Called positive with probability 0.7000; is negative." in plain.text
    assert "0.6000" not in plain.text


def test_reviews_of_one_label_make_a_page_without_a_curve() -> None:
    page = Page(report(make(["a", "b"], [1, 1], [1.0, 1.0]), "t", 5))
    assert len(page.named("svg")) == 3
    assert "Needs reviews of both labels." in page.text and "There were no mistakes." in page.text


@pytest.mark.parametrize(("text", "shown"), [
    ("One.<br /><br />Two.<br>Three.", "One. Two. Three."),
    ("a\n\n b", "a b"), ("x" * EXCERPT, "x" * EXCERPT), ("x" * (EXCERPT + 1), "x" * EXCERPT + "…")])
def test_an_excerpt_is_the_beginning_without_breaks(text: str, shown: str) -> None:
    assert excerpt(text) == shown


def test_the_table_for_a_terminal_has_the_same_figures() -> None:
    lines = table(make(["a", "b", "c", "d", "e"], [1, 1, 0, 0, 1], [0.9, 0.4, 0.2, 0.7, None])
                  ).splitlines()
    assert lines[:2] == ["reviews       5 asked, 4 answered",
                         "accuracy      0.500   (95% between 0.150 and 0.850)"]
    assert "is negative                   1                1" in lines
    assert "positive            0.500      0.500      0.500" in lines
    assert "ROC AUC       0.750" in lines
    assert lines[-2:] == ["errors        1 x ModelError 500",
                          "asked again   1 x ThrottlingException"]


def test_an_axis_that_counts_reviews_has_no_number_twice() -> None:
    numbers = re.findall(r"<text[^>]*>(\d+)</text>", plots.probabilities(make(["a"], [1], [0.9])))
    assert numbers == ["0", "1"]


def test_a_slow_endpoint_does_not_seem_to_stand_still() -> None:
    found = make(["a"], [1], [0.9])
    assert "\nthroughput    0.5 reviews/s in 0.5 requests/s" in table(found)
    assert "0.5" in Page(report(found, "slow", 0)).text


def test_half_a_character_does_not_cost_the_report(tmp_path: Path) -> None:
    page = report(make(["\ud800", "b"], [1, 0], [0.1, 0.9]), "t", 5)
    (tmp_path / "r.html").write_text(page, encoding="utf-8", errors="replace")
    assert "?" in Page((tmp_path / "r.html").read_text(encoding="utf-8")).text
