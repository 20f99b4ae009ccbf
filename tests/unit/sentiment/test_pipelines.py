"""What holds for every way from text to ids."""

from __future__ import annotations

import random

import numpy as np
import pytest

import corpus
from sentiment.text.base import FIRST_WORD, MAX_WORDS, TextPipeline
from sentiment.text.pipelines import PIPELINES
from sentiment.text.tokens import MAX_TOKENS

GENERATED = [review for _, review in corpus.reviews(100, seed=5)]


@pytest.fixture(params=PIPELINES)
def kind(request: pytest.FixtureRequest) -> type[TextPipeline]:
    return PIPELINES[request.param]


def test_the_ids_of_a_review_are_one_array_of_whole_numbers(kind: type[TextPipeline]) -> None:
    ids = kind.fit(GENERATED, 1000).encode(GENERATED[0])
    assert ids.dtype == np.int32
    assert ids.ndim == 1 and len(ids) > 10


def test_the_vocabulary_is_ranked_and_ties_keep_their_first_appearance(
    kind: type[TextPipeline],
) -> None:
    pipeline = kind.fit(["beta alpha gamma", "gamma alpha delta gamma"], 5)
    assert list(pipeline.vocabulary.items()) == [("gamma", 2), ("alpha", 3), ("beta", 4)]


@pytest.mark.parametrize("size", [3, 10, 100_000])
def test_no_id_reaches_the_size_asked_for(kind: type[TextPipeline], size: int) -> None:
    vocabulary = kind.fit(GENERATED[:20], size).vocabulary
    assert list(vocabulary.values()) == list(range(FIRST_WORD, FIRST_WORD + len(vocabulary)))
    assert max(vocabulary.values()) < size


@pytest.mark.parametrize(("name", "most"), [("classic", MAX_WORDS), ("tokens", MAX_TOKENS)])
def test_a_review_is_cut(name: str, most: int) -> None:
    pipeline = PIPELINES[name].fit(["film film end"], 10)
    review = "film " * most + "end"
    assert pipeline.encode(review).tolist() == [2] * most
    assert len(pipeline.spans(review)) == most


def test_the_same_text_gives_the_same_ids_in_any_order_of_calls(kind: type[TextPipeline]) -> None:
    one, two = kind.fit(GENERATED, 1000), kind.fit(GENERATED, 1000)
    shuffled = random.Random(1).sample(GENERATED, len(GENERATED))
    ids = {review: two.encode(review).tolist() for review in shuffled}
    assert {review: one.encode(review).tolist() for review in GENERATED} == ids


def test_spans_are_found_in_nearly_all_reviews(kind: type[TextPipeline]) -> None:
    pipeline = kind.fit(GENERATED, 1000)
    assert all(pipeline.spans(review) for review in GENERATED)
