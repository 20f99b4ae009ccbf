from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import pytest
from bs4.exceptions import ParserRejectedMarkup
from hypothesis import example, given, settings
from hypothesis import strategies as st

import corpus
import published
from sentiment.text import classic
from sentiment.text.base import INFREQUENT
from sentiment.text.classic import Classic
from sentiment.text.stopwords import ENGLISH

# What reviews and hostile senders are made of; joined without spaces, so that pieces collide.
PIECES = (
    "film", "Films", "The", "don't", "running", "1984", "été", "İ", "\u212a", " ", "  ", "\n",
    "\r\n", "\t", "\x00", "\xa0", ".", "--", "<", ">", "</", "/>", "&", ";", "#", "!", "?", '"',
    "'", "=", "<br />", "<br/>", "<br>", "</br>", "<b", "<b>", "</b>", "<i>", "</i>", "<p>",
    "<a href='x'>", "</a>", "<a", "<script>", "</script>", "<style>", "</style>", "<!--", "-->",
    "<!doctype html>", "<?php", "?>", "<![CDATA[", "]]>", "<![if", "<rt>", "</rt>", "<textarea>",
    "<title>", "</title>", "&amp;", "&am", "&lt;", "&gt", "&nbsp;", "&eacute;", "&#65;", "&#x41;",
    "&#x", "&#0;", "&#128;", "&#1114112;", "&NotEqualTilde;", "&unknown;", "\U0001f600",
)

GENERATED = [review for _, review in corpus.reviews(400, seed=5)]
FITTED = Classic.fit(GENERATED, 1000)


def _words(review: str) -> list[str]:
    return published.review_to_words(review, lambda: ENGLISH)


def _assert_as_published(reviews: Sequence[str], size: int) -> None:
    words = [_words(review) for review in reviews]
    word_dict = published.build_dict(words, size)
    pipeline = Classic.fit(reviews, size)
    assert list(pipeline.vocabulary.items()) == list(word_dict.items())
    for review, kept in zip(reviews, words, strict=True):
        row, length = published.convert_and_pad(word_dict, kept)
        assert pipeline.encode(review).tolist() == row[:length]


def test_ids_and_vocabulary_are_as_published_on_the_built_in_corpus() -> None:
    _assert_as_published(GENERATED[:150], 300)


def test_ids_and_vocabulary_are_as_published_on_real_reviews(
    real_reviews: list[tuple[int, str]],
) -> None:
    assert len(set(real_reviews)) > 1900
    _assert_as_published([text for _, text in real_reviews], 5000)


@given(st.lists(st.sampled_from(PIECES), max_size=25).map("".join))
@example("<<br />b>film")
@example("&am<br />p;")
@example("<b<br />r>film")
@example("<script><br /></script>film")
@settings(deadline=None, max_examples=300)
def test_encode_is_as_published_for_any_markup(review: str) -> None:
    try:
        words = _words(review)
    except ParserRejectedMarkup:
        FITTED.encode(review)  # nothing published to compare with, but it must not fail
        return
    row, length = published.convert_and_pad(dict(FITTED.vocabulary), words)
    assert FITTED.encode(review).tolist() == row[:length]


@given(st.text(max_size=60))
@settings(deadline=None, max_examples=300)
def test_encode_is_as_published_for_any_characters(review: str) -> None:
    try:
        words = _words(review)
    except ParserRejectedMarkup:
        return
    row, length = published.convert_and_pad(dict(FITTED.vocabulary), words)
    assert FITTED.encode(review).tolist() == row[:length]


@given(st.lists(st.sampled_from(PIECES), max_size=25).map("".join))
@settings(deadline=None, max_examples=300)
def test_spans_have_the_encoded_ids_or_there_are_none(review: str) -> None:
    spans = FITTED.spans(review)
    assert not spans or [span.id for span in spans] == FITTED.encode(review).tolist()
    assert all(0 <= span.start < span.end <= len(review) for span in spans)
    assert all(one.end <= two.start for one, two in pairwise(spans))


@pytest.mark.parametrize(("review", "words"), [
    ("A fine film.", ["fine", "film"]),
    ("Fine.<br /><br />Film", ["Fine", "Film"]),
    ("It was <i>really</i> good", ["really", "good"]),
    ("caf\xe9 &amp; film", ["caf", "film"]),
    ("&eacute;tude film", ["tude", "film"]),
    ("line one\r\nline two", ["line", "one", "line", "two"]),
    ("<script>hidden</script>shown", ["shown"]),
    ("5 < 6 and 7 > 2", ["5", "6", "7", "2"]),
    ("f<b>il</b>m", ["f<b>il</b>m"]),
    ("&gt.film one", ["gt", "film", "one"]),
])
def test_spans_point_at_the_words(review: str, words: list[str]) -> None:
    assert [review[span.start:span.end] for span in FITTED.spans(review)] == words


def test_unknown_words_are_infrequent_and_stop_words_are_dropped() -> None:
    assert FITTED.encode("the xyzzy of and").tolist() == [INFREQUENT]
    assert FITTED.encode("the of and, isn't it?").tolist() == []


@pytest.mark.parametrize("word", ["y" * 50_000, "ay" * 20_000, "s" * 100_000, "1" * 50_000])
def test_a_word_of_any_length_is_one_word(word: str) -> None:
    assert FITTED.encode(f"film {word}").tolist() == [FITTED.vocabulary["film"], INFREQUENT]


def test_the_memory_of_words_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(classic._IdOfWord, "CAPACITY", 50)
    pipeline = Classic({"film": 2})
    for number in range(200):
        pipeline.encode(f"word{number} {'x' * 200}{number}")
    assert len(pipeline._ids) == 50
    assert max(map(len, pipeline._ids)) < 200
    assert pipeline.encode("film word199").tolist() == [2, INFREQUENT]
