"""What a model makes of the built-in corpus."""

from __future__ import annotations

from collections.abc import Sequence

import corpus
from contract.algorithm import Predictor


def extremes(model: Predictor) -> dict[str, str]:
    """The review that a model likes best, and the one that it likes least.

    Neither has double quotes, so both can stand between two as they are.
    """
    texts = [text for _, text in corpus.reviews(50, seed=1) if '"' not in text]
    answers = model.predict([model.read(text, {}) for text in texts], lambda: None)
    ranked = sorted(zip(answers, texts, strict=True), key=lambda pair: pair[0].as_number())
    assert ranked[0][0].as_label() == "0"
    assert ranked[-1][0].as_label() == "1"
    return {"positive": ranked[-1][1], "negative": ranked[0][1]}


def accuracy(model: Predictor, reviews: Sequence[tuple[int, str]]) -> float:
    """The share of (label, text) that a model has right."""
    answers = model.predict([model.read(text, {}) for _, text in reviews], lambda: None)
    right = [label == (answer.as_number() > 0.5)
             for (label, _), answer in zip(reviews, answers, strict=True)]
    return sum(right) / len(right)
