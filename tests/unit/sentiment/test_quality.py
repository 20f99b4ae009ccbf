"""The figures of `process evaluate`, against those that the scripts compute in their own way."""

from __future__ import annotations

import json
import math

from cloud.scoring import figures

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sentiment.processing.quality import quality

ANSWERS = st.lists(st.tuples(st.integers(0, 1), st.integers(0, 1_000_000).map(
    lambda millionths: millionths / 1_000_000)), min_size=1, max_size=60)


@given(ANSWERS)
def test_the_figures_are_those_of_the_scripts(answers: list[tuple[int, float]]) -> None:
    labels, said = [label for label, _ in answers], [probability for _, probability in answers]
    found = quality(labels, said)
    metrics = found["binary_classification_metrics"]
    confusion = figures.confusion(labels, [int(probability > 0.5) for probability in said])
    area = figures.area(figures.roc(labels, said))
    for name, wanted in {"accuracy": confusion.accuracy, "precision": confusion.positive.precision,
                         "recall": confusion.positive.recall, "f1": confusion.positive.f1,
                         "true_negative_rate": confusion.negative.recall, "auc": area}.items():
        assert metrics[name]["value"] == ("NaN" if wanted is None else pytest.approx(wanted)), name
    assert found["probabilities"]["expected_calibration_error"] == pytest.approx(
        figures.calibration_error(figures.reliability(labels, said)), abs=1e-12)


def test_the_confusion_matrix_has_what_is_so_in_rows_and_what_is_said_in_columns() -> None:
    found = quality([1, 1, 1, 0, 0], [0.9, 0.2, 0.1, 0.8, 0.4])["binary_classification_metrics"]
    assert found["confusion_matrix"] == {"0": {"0": 1, "1": 1}, "1": {"0": 2, "1": 1}}


def test_a_share_has_its_standard_deviation() -> None:
    found = quality([1, 1, 1, 0], [0.9, 0.9, 0.9, 0.9])["binary_classification_metrics"]
    assert found["accuracy"] == {"value": 0.75, "standard_deviation": math.sqrt(0.75 * 0.25 / 4)}


@pytest.mark.parametrize(("labels", "said", "loss"), [
    ([1, 0], [0.5, 0.5], math.log(2)),
    ([1, 0], [1.0, 0.0], 1e-6),
    ([1], [0.0], -math.log(1e-6)),
])
def test_the_loss_is_the_mean_cross_entropy_and_stays_finite(labels: list[int], said: list[float],
                                                             loss: float) -> None:
    assert quality(labels, said)["probabilities"]["loss"] == pytest.approx(loss, rel=1e-5)


@given(ANSWERS)
def test_the_figures_are_json_that_every_reader_takes(answers: list[tuple[int, float]]) -> None:
    found = quality(*zip(*answers, strict=True))
    assert json.loads(json.dumps(found, allow_nan=False)) == found
