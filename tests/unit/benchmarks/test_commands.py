"""The benchmarks start and count right, and what makes us fast is still there. Nothing is timed."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import bs4
import pytest
import torch
from nltk.stem.porter import PorterStemmer

import corpus
from benchmarks import measure
from benchmarks.measure import Round, Spread
from sentiment.artifacts.artifact import Model
from sentiment.models.architectures import LSTMClassifier, LSTMSettings
from sentiment.models.batches import MICRO_BATCH
from sentiment.predictor import SentimentPredictor
from sentiment.text.classic import Classic

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def network() -> LSTMClassifier:
    torch.manual_seed(1)
    return LSTMClassifier(LSTMSettings(vocabulary_size=50, embedding_dim=2, hidden_dim=3))


@pytest.fixture
def forwards(network: LSTMClassifier) -> list[torch.Size]:
    """The shape (time, reviews) of every pass through the network."""
    shapes: list[torch.Size] = []

    def note(module: torch.nn.Module, inputs: tuple[Any, ...]) -> None:
        shapes.append(inputs[0].shape)

    network.register_forward_pre_hook(note)
    return shapes


def _texts(count: int, seed: int = 1) -> list[str]:
    return [text for _, text in corpus.reviews(count, seed=seed)]


def _calls(monkeypatch: pytest.MonkeyPatch, owner: Any, name: str) -> list[tuple[Any, ...]]:
    """Let `owner.name` go on as it is, and note the arguments of every call."""
    calls: list[tuple[Any, ...]] = []
    original: Callable[..., Any] = getattr(owner, name)

    def noted(*arguments: Any, **named: Any) -> Any:
        calls.append(arguments)
        return original(*arguments, **named)

    monkeypatch.setattr(owner, name, noted)
    return calls


@pytest.mark.parametrize("name", ["text", "training", "serving", "accuracy", "growth", "scaling"])
def test_every_benchmark_says_how_it_is_used(name: str) -> None:
    done = subprocess.run([sys.executable, ROOT / "benchmarks" / f"{name}.py", "--help"],
                          capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    assert "--archive PATH" in done.stdout


@pytest.mark.parametrize(("values", "expected"), [
    ([3.0], Spread(3.0, 3.0, 3.0)),
    ([9.0, 1.0, 2.0], Spread(2.0, 1.0, 9.0)),
    ([4.0, 1.0, 2.0, 3.0], Spread(2.5, 1.0, 4.0)),
])
def test_a_spread_is_median_smallest_and_largest(values: list[float], expected: Spread) -> None:
    assert measure.spread(values) == expected


@pytest.mark.parametrize(("count", "share", "expected"), [
    (100, 0.5, 50), (100, 0.9, 90), (100, 0.99, 99), (100, 0.07, 7), (100, 1.0, 100),
    (3, 0.5, 2), (10, 0.99, 10), (1, 0.5, 1), (5, 0.0, 1),
])
def test_a_quantile_is_one_of_the_values(count: int, share: float, expected: int) -> None:
    assert measure.quantile(range(count, 0, -1), share) == expected


def test_rates_are_taken_round_by_round_on_each_clock() -> None:
    rounds = [Round(100, wall=2.0, cpu=1.0), Round(100, wall=4.0, cpu=2.0),
              Round(100, wall=1.0, cpu=0.5)]
    assert measure.per_wall_second(rounds) == Spread(50.0, 25.0, 100.0)
    assert measure.per_cpu_second(rounds) == Spread(100.0, 50.0, 200.0)


def test_ways_take_turns_within_each_round() -> None:
    turns: list[tuple[str, int]] = []

    def way(name: str) -> Callable[[int], Round]:
        def run(at: int) -> Round:
            turns.append((name, at))
            return Round(1, 1.0, 1.0)
        return run

    results = measure.alternate(2, {"old": way("old"), "new": way("new")})
    assert turns == [("old", 0), ("new", 0), ("old", 1), ("new", 1)]
    assert {name: len(rounds) for name, rounds in results.items()} == {"old": 2, "new": 2}


@pytest.mark.parametrize(("value", "shown"), [
    (0, "0"), (0.012345, "0.0123"), (4.567, "4.57"), (123.4, "123"), (999.6, "1,000"),
    (12345, "12,300"),
])
def test_numbers_are_shown_with_three_digits(value: float, shown: str) -> None:
    assert measure.number(value) == shown


def test_a_table_is_markdown_with_its_figures_to_the_right() -> None:
    table = measure.markdown_table(("way", "reviews/s"), [("old", measure.spread([1.5, 20, 4]))])
    assert table.splitlines() == ["| way | reviews/s |", "| --- | ---: |",
                                  "| old | 4 (1.5 to 20) |"]


@pytest.mark.parametrize(("markup", "calls"), [
    ("", 0), ("<br /><br />", 0), ("<i>", 0), ('<a href="x">', 1), ("&amp;", 1),
])
def test_only_markup_that_needs_a_parser_is_parsed(monkeypatch: pytest.MonkeyPatch, markup: str,
                                                   calls: int) -> None:
    pipeline = Classic({"film": 2})
    parsed = _calls(monkeypatch, bs4, "BeautifulSoup")
    assert pipeline.encode(f"A film.{markup} Film!").tolist() == [2, 2]
    assert len(parsed) == calls


def test_a_word_is_stemmed_once_however_often_it_is_met(monkeypatch: pytest.MonkeyPatch) -> None:
    texts = _texts(40)
    stemmed = _calls(monkeypatch, PorterStemmer, "stem")
    pipeline = Classic.fit([*texts, *texts], 500)
    fitting = Counter(word for _, word in stemmed)
    stemmed.clear()
    for text in [*texts, *texts]:
        pipeline.encode(text)
    encoding = Counter(word for _, word in stemmed)
    assert set(fitting.values()) == set(encoding.values()) == {1}
    assert fitting.keys() == encoding.keys()


def test_a_prediction_passes_each_micro_batch_through_the_network_once(
        network: LSTMClassifier, forwards: list[torch.Size]) -> None:
    predictor = SentimentPredictor(Model(network.eval(), Classic({"film": 2})))
    texts = ["film " * (1 + at % 40) for at in range(2 * MICRO_BATCH)]
    answers = predictor.predict([predictor.read(text) for text in texts])
    assert len(answers) == len(texts)
    assert [shape[1] for shape in forwards] == [MICRO_BATCH] * 2
