"""The model that is committed with the code: it loads, and is and does what its card says."""

from __future__ import annotations

import hashlib
import json
import re
from pathlib import Path
from typing import Any

import pytest

from sentiment.artifacts.loading import load_model
from sentiment.labels import NAMES
from sentiment.predictor import Answer, SentimentPredictor

MODEL = Path(__file__).resolve().parents[3] / "model"
LARGEST = 10_000_000
"""Bytes of all its files together."""


@pytest.fixture(scope="module")
def card() -> dict[str, str]:
    """The rows `| name | value |` of the card's tables."""
    rows = re.findall(r"^\| ([^|]+?) \| ([^|]+?) \|$", (MODEL / "README.md").read_text(), re.M)
    return dict(rows)


@pytest.fixture(scope="module")
def description() -> dict[str, Any]:
    value: dict[str, Any] = json.loads((MODEL / "model.json").read_text())
    return value


@pytest.fixture(scope="module")
def answers() -> list[tuple[str, str, Answer]]:
    """Label, text and answer of each review of the sample."""
    predictor = SentimentPredictor(load_model(MODEL))
    rows = [json.loads(line) for line in (MODEL / "sample.jsonl").read_text().splitlines()]
    found = predictor.predict([predictor.read(row["text"]) for row in rows])
    return [(row["label"], row["text"], answer)
            for row, answer in zip(rows, found, strict=True)]


def test_it_has_the_accuracy_of_its_card_on_the_sample(
        card: dict[str, str], answers: list[tuple[str, str, Answer]]) -> None:
    right = sum(NAMES[answer.label] == label for label, _, answer in answers)
    assert card["right on the sample"] == f"{right} of {len(answers)}"


def test_the_card_shows_every_mistake_on_the_sample(
        answers: list[tuple[str, str, Answer]]) -> None:
    shown = (MODEL / "README.md").read_text()
    wrong = [(text, f"{answer.probability:.2f}") for label, text, answer in answers
             if NAMES[answer.label] != label]
    assert [text for text, said in wrong if f"| {said} | {text} |" not in shown] == []


@pytest.mark.parametrize(("row", "path"), [
    ("seed", "training.hyperparameters.seed"), ("temperature", "training.temperature"),
    ("labelled reviews", "data.reviews"), ("unlabelled reviews", "data.unlabelled_reviews"),
    ("features", "architecture.settings.features"), ("words", "text.vocabulary_size"),
    ("accuracy on the reviews held out", "training.metrics.validation:accuracy"),
])
def test_the_card_says_what_the_description_says(
        row: str, path: str, card: dict[str, str], description: dict[str, Any]) -> None:
    value: Any = description
    for name in path.split("."):
        value = value[name]
    assert float(card[row].replace(",", "")) == pytest.approx(value)


def test_the_card_is_of_these_very_weights(card: dict[str, str]) -> None:
    digest = hashlib.sha256((MODEL / "weights.safetensors").read_bytes()).hexdigest()
    assert card["SHA-256 of the weights"] == f"`{digest[:16]}…`"


def test_it_is_small_enough_for_the_repository() -> None:
    assert sum(path.stat().st_size for path in MODEL.iterdir()) <= LARGEST
