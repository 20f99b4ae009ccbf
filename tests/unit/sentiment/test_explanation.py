from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

import corpus
from sentiment.artifacts.artifact import Model
from sentiment.explanation import contributions, word_list
from sentiment.predictor import SentimentPredictor
from sentiment.text.base import Span

WEIGHTS = {2: 1.5, 3: -2.0, 4: 0.0}


def _additive(sequences: Sequence[Sequence[int]]) -> Any:
    return np.array([0.25 + sum(WEIGHTS[word] for word in ids) for ids in sequences])


@pytest.mark.parametrize("ids", [[2], [3, 2], [2, 4, 3, 2], [4] * 500])
def test_a_words_contribution_is_what_the_score_loses_without_it(ids: list[int]) -> None:
    assert contributions(ids, _additive) == pytest.approx([WEIGHTS[word] for word in ids])


def test_each_word_is_left_out_alone_and_in_its_place() -> None:
    seen: list[list[int]] = []

    def watch(sequences: Sequence[Sequence[int]]) -> Any:
        seen.extend(map(list, sequences))
        return np.zeros(len(sequences))

    contributions([2, 3, 4], watch)
    assert seen == [[2, 3, 4], [3, 4], [2, 4], [2, 3]]


def test_without_words_the_model_is_not_asked() -> None:
    assert contributions([], lambda sequences: pytest.fail("asked")) == []


def test_places_and_values_are_put_together() -> None:
    assert word_list([Span(0, 4, 2), Span(5, 9, 3)], [0.123456, -2.0]) == [
        {"start": 0, "end": 4, "contribution": 0.1235},
        {"start": 5, "end": 9, "contribution": -2.0}]


def _words(predictor: SentimentPredictor, text: str) -> list[dict[str, Any]]:
    [answer] = predictor.predict([predictor.read({"text": text, "explain": True})])
    return list(answer.words or [])


def _score(predictor: SentimentPredictor, text: str) -> float:
    [answer] = predictor.predict([predictor.read(text)])
    return answer.probability


def _without(text: str, words: Sequence[dict[str, Any]]) -> str:
    for word in sorted(words, key=lambda word: -int(word["start"])):
        text = text[:word["start"]] + text[word["end"]:]
    return text


def _moved(predictor: SentimentPredictor, reviews: Sequence[str], sign: int) -> float:
    """The share of reviews whose score falls (rises) without the five words that raise (lower)."""
    moved = []
    for text in reviews:
        words = [word for word in _words(predictor, text) if sign * word["contribution"] > 0]
        words.sort(key=lambda word: sign * word["contribution"])
        if words:  # a short one may have none
            before, after = _score(predictor, text), _score(predictor, _without(text, words[-5:]))
            moved.append(sign * (before - after) > 0)
    assert len(moved) > len(reviews) / 2
    return sum(moved) / len(moved)


@pytest.mark.parametrize(("sign", "name"), [(1, "positive"), (-1, "negative")])
def test_leaving_out_the_words_that_push_most_moves_the_score_the_other_way(
    sign: int, name: str, trained: Model
) -> None:
    reviews = [text for _, text in corpus.reviews(30, seed=77)]
    assert _moved(SentimentPredictor(trained), reviews, sign) >= 0.9, f"most {name} words"


@pytest.mark.parametrize(("sign", "name"), [(1, "positive"), (-1, "negative")])
def test_so_it_does_on_real_reviews(
    sign: int, name: str, trained_on_real_reviews: Model, real_reviews: list[tuple[int, str]]
) -> None:
    reviews = [text for _, text in real_reviews[1::50]]
    assert _moved(SentimentPredictor(trained_on_real_reviews), reviews, sign) >= 0.9, name
