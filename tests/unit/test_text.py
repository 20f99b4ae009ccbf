from __future__ import annotations

import random
from collections.abc import Sequence
from itertools import pairwise

import pytest
from bs4.exceptions import ParserRejectedMarkup
from hypothesis import example, given, settings
from hypothesis import strategies as st

import corpus
import published
from sentiment import text as text_module
from sentiment.stopwords import ENGLISH
from sentiment.text import FIRST_WORD, INFREQUENT, MAX_WORDS, Classic

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
        assert pipeline.encode(review) == row[:length]


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
    assert FITTED.encode(review) == row[:length]


@given(st.text(max_size=60))
@settings(deadline=None, max_examples=300)
def test_encode_is_as_published_for_any_characters(review: str) -> None:
    try:
        words = _words(review)
    except ParserRejectedMarkup:
        return
    row, length = published.convert_and_pad(dict(FITTED.vocabulary), words)
    assert FITTED.encode(review) == row[:length]


@given(st.lists(st.sampled_from(PIECES), max_size=25).map("".join))
@settings(deadline=None, max_examples=300)
def test_spans_have_the_encoded_ids_or_there_are_none(review: str) -> None:
    spans = FITTED.spans(review)
    assert not spans or [span.id for span in spans] == FITTED.encode(review)
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


def test_spans_are_found_in_nearly_all_reviews() -> None:
    assert all(FITTED.spans(review) for review in GENERATED)


def test_the_vocabulary_is_ranked_and_ties_keep_their_first_appearance() -> None:
    pipeline = Classic.fit(["beta alpha gamma", "gamma alpha delta gamma"], 5)
    assert list(pipeline.vocabulary.items()) == [("gamma", 2), ("alpha", 3), ("beta", 4)]


@pytest.mark.parametrize("size", [3, 10, 100_000])
def test_no_id_reaches_the_size_asked_for(size: int) -> None:
    vocabulary = Classic.fit(GENERATED[:20], size).vocabulary
    assert list(vocabulary.values()) == list(range(FIRST_WORD, FIRST_WORD + len(vocabulary)))
    assert max(vocabulary.values()) < size


def test_unknown_words_are_infrequent_and_stop_words_are_dropped() -> None:
    assert FITTED.encode("the xyzzy of and") == [INFREQUENT]
    assert FITTED.encode("the of and, isn't it?") == []


def test_a_review_is_cut_at_500_words() -> None:
    pipeline = Classic({"film": 2, "end": 3})
    review = "film " * MAX_WORDS + "end"
    assert pipeline.encode(review) == [2] * MAX_WORDS
    assert len(pipeline.spans(review)) == MAX_WORDS


@pytest.mark.parametrize("word", ["y" * 50_000, "ay" * 20_000, "s" * 100_000, "1" * 50_000])
def test_a_word_of_any_length_is_one_word(word: str) -> None:
    assert FITTED.encode(f"film {word}") == [FITTED.vocabulary["film"], INFREQUENT]


def test_the_memory_of_words_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(text_module._IdOfWord, "CAPACITY", 50)
    pipeline = Classic({"film": 2})
    for number in range(200):
        pipeline.encode(f"word{number} {'x' * 200}{number}")
    assert len(pipeline._ids) == 50
    assert max(map(len, pipeline._ids)) < 200
    assert pipeline.encode("film word199") == [2, INFREQUENT]


def test_the_same_text_gives_the_same_ids_in_any_order_of_calls() -> None:
    reviews = GENERATED[:50]
    one, two = Classic(FITTED.vocabulary), Classic(FITTED.vocabulary)
    shuffled = random.Random(1).sample(reviews, len(reviews))
    ids = {review: two.encode(review) for review in shuffled}
    assert [one.encode(review) for review in reviews] == [ids[review] for review in reviews]
