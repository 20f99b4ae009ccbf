from __future__ import annotations

import math
import re

import pytest

from contract.running.metrics import Metric, metric_definitions, metric_line
from sentiment.hyperparameters import METRICS

VALUES = {metric.name: 0.125 * place for place, metric in enumerate(METRICS, 1)}
LOG_LINES = (metric_line(VALUES), f"2026-11-20 08:00:00,000 INFO {metric_line(VALUES)}",
             f"\x1b[34m{metric_line(VALUES)}\x1b[0m")


@pytest.mark.parametrize("metric", METRICS, ids=lambda metric: metric.name)
@pytest.mark.parametrize("line", LOG_LINES, ids=["bare", "log", "coloured"])
def test_an_expression_finds_its_own_value_and_no_other(metric: Metric, line: str) -> None:
    assert [float(found) for found in re.findall(metric.regex, line)] == [VALUES[metric.name]]


@pytest.mark.parametrize("value", [0.0, 1.0, -0.5, 1e-9, 123456.75, 1e6])
def test_values_are_plain_decimals(value: float) -> None:
    line = metric_line({"train:loss": value})
    assert re.fullmatch(r"train:loss=-?\d+\.\d{6};", line)
    assert float(re.findall(METRICS[0].regex, line)[0]) == pytest.approx(value, abs=1e-6)


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_a_value_that_is_no_number_is_left_out(value: float) -> None:
    assert metric_line({"train:loss": value, "epoch": 2.0}) == "epoch=2.000000;"


def test_several_values_share_a_line() -> None:
    line = metric_line({"validation:loss": 0.5, "validation:accuracy": 0.871})
    assert line == "validation:loss=0.500000; validation:accuracy=0.871000;"


@pytest.mark.parametrize("line", [
    "epoch 2/10: 12800 of 22500 reviews, 612 reviews/s, 0:16 left",
    "2026-11-20 08:00:00,000 INFO training sentiment with 2 processors; settings {\"epochs\": 3}",
])
def test_other_lines_of_the_log_hold_no_metric(line: str) -> None:
    assert not any(re.search(metric.regex, line) for metric in METRICS)


def test_definitions_are_within_the_platforms_bounds() -> None:
    definitions = metric_definitions(METRICS)
    assert [row["Name"] for row in definitions] == [metric.name for metric in METRICS]
    assert len(definitions) <= 40
    assert all(len(row["Regex"]) <= 500 and re.compile(row["Regex"]).groups == 1
               for row in definitions)
