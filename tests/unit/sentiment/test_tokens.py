"""The pipeline `tokens`: what it keeps of a review, and where it stood."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import corpus
from sentiment.text.base import INFREQUENT
from sentiment.text.tokens import Tokens, _IdsOfPiece
from sentiment.text.tokens import _tokens as tokens_of

# Pieces of reviews, and of markup, that collide when they are joined without spaces.
PIECES = (
    "film", "Films", "don't", "'", "''", "7/10", "10", "/", "été", "İ", "Σ", "ΟΔΟΣ", "\u212a",
    " ", "\n", "\x00", "\xa0", ".", "...", "!", "?!", ":-)", ":", "(", "<", ">", "<br />", "<br/>",
    "<br", "/>", "<b>", "</b>", "<p>", "<a href='x'>", "</a>", "<script>", "</script>", "<!--",
    "-->", "&amp;", "&am", "&lt;", "&nbsp;", "&eacute;", "&#65;", "&#x", "&unknown;", "\U0001f600",
)
GENERATED = [review for _, review in corpus.reviews(150, seed=5)]
FITTED = Tokens.fit(GENERATED, 1000)


def _tokens(review: str) -> list[str]:
    """The tokens of a review, as a pipeline shows them that has seen nothing else."""
    vocabulary = Tokens.fit([review], 10_000).vocabulary
    names = {index: token for token, index in vocabulary.items()}
    return [names[index] for index in Tokens(vocabulary).encode(review).tolist()]


@pytest.mark.parametrize(("review", "tokens"), [
    ("It was NOT good", ["it", "was", "not", "good"]),
    ("I don't, and can't've", ["i", "don't", ",", "and", "can't've"]),
    ("'Alien' rocks'", ["'", "alien", "'", "rocks", "'"]),
    ("8.5/10, not 10.", ["8", ".", "5", "/", "10", ",", "not", "10", "."]),
    ("I don\u2019t", ["i", "don't"]),
    ("Great!! Why?! Oh?", ["great", "!!", "why", "?!", "oh", "?"]),
    ("well... no.", ["well", "...", "no", "."]),
    ("fine :-) or :( or ;)", ["fine", ":-)", "or", ":(", "or", ";)"]),
    ("été 1984 \U0001f600", ["été", "1984", "\U0001f600"]),
    ("not_good *** $5", ["not_good", "*", "*", "*", "$", "5"]),
    ("", []),
    (" \n\t\xa0", []),
])
def test_what_may_tell_an_opinion_is_kept(review: str, tokens: list[str]) -> None:
    assert _tokens(review) == tokens


@pytest.mark.parametrize(("review", "tokens"), [
    ("good<br /><br />film<BR>and<br/>end", ["good", "film", "and", "end"]),
    ("a <i>fine</i> film", ["a", "fine", "film"]),
    ("caf&eacute; &amp; film", ["café", "&", "film"]),
    ("<script>hidden</script>shown", ["shown"]),
    ("5 < 6", ["5", "<", "6"]),
])
def test_markup_goes_and_a_line_break_parts_words(review: str, tokens: list[str]) -> None:
    assert _tokens(review) == tokens


@pytest.mark.parametrize(("review", "places"), [
    ("I don't care!!", ["I", "don't", "care", "!!"]),
    ("Good.<br /><br />Film", ["Good", ".", "Film"]),
    ("a <i>fine</i>, fine film", ["a", "fine", ",", "fine", "film"]),
    ("caf&eacute; &amp; film", ["caf&eacute;", "&amp;", "film"]),
    ("7/10 :-)\r\nthe end", ["7", "/", "10", ":-)", "the", "end"]),
    ("I don\u2019t<br>care", ["I", "don\u2019t", "care"]),
    ("<script>hidden</script>shown", ["shown"]),
])
def test_spans_point_at_the_text_as_it_was_sent(review: str, places: list[str]) -> None:
    assert [review[span.start:span.end] for span in FITTED.spans(review)] == places


@given(st.lists(st.sampled_from(PIECES), max_size=25).map("".join))
@settings(deadline=None, max_examples=300)
def test_spans_have_the_encoded_ids_or_there_are_none(review: str) -> None:
    spans = FITTED.spans(review)
    assert not spans or [span.id for span in spans] == FITTED.encode(review).tolist()
    assert all(0 <= span.start < span.end <= len(review) for span in spans)
    assert all(one.start <= two.start and one.end <= two.end for one, two in pairwise(spans))


def test_tokens_that_are_not_known_are_infrequent() -> None:
    assert Tokens({"not": 2}).encode("Not xyzzy?").tolist() == [2, INFREQUENT, INFREQUENT]


@pytest.mark.parametrize("piece", ["y" * 50_000, "!" * 50_000, "1" * 50_000, "a'" * 20_000])
def test_a_token_of_any_length_takes_no_time(piece: str) -> None:
    assert FITTED.encode(f"film {piece}")[0] == FITTED.vocabulary["film"]


def test_pieces_are_remembered_but_not_without_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_IdsOfPiece, "CAPACITY", 3)
    pipeline = Tokens({"fine": 2, "film": 3})
    review = "fine film, fine film! Fine film? fine film; " + "x" * 1000
    assert pipeline.encode(review).tolist() == pipeline.encode(review).tolist()
    assert len(pipeline._ids) == 3


@given(st.lists(st.sampled_from(["fine", "film", "don't", ",", " ", "\u2003", "\x1c", "!!", ":-)",
                                 "<br>"]),
                max_size=20).map("".join))
def test_a_piece_is_cut_as_the_whole_text_is(review: str) -> None:
    vocabulary = {token: number for number, token in enumerate(
        ["fine", "film", "don't", ",", "!!", ":-)"], 2)}
    whole = [vocabulary.get(token, 1) for token in tokens_of(review)]
    assert Tokens(vocabulary).encode(review).tolist() == whole
