"""Metric lines for SageMaker: stable text on standard output, and the expressions that find it.

Source: requirement T28. Values are plain decimals; a value that is not finite is never printed,
because the platform would read the line as no value at all.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Metric:
    """A figure that training prints. `objective` says that tuning may aim at it."""

    name: str
    help: str
    objective: bool = False

    @property
    def regex(self) -> str:
        """For `MetricDefinitions`: one capture group, between the name and the semicolon."""
        return f"{self.name}=([0-9.eE+-]+);"


def metric_line(values: Mapping[str, float]) -> str:
    """Format `{"validation:accuracy": 0.871}` as `validation:accuracy=0.871000;`."""
    finite = {name: value for name, value in values.items() if math.isfinite(value)}
    return " ".join(f"{name}={value:.6f};" for name, value in finite.items())


def metric_definitions(metrics: Iterable[Metric]) -> list[dict[str, str]]:
    """The `MetricDefinitions` of a training job, as boto3 and the SDK take them."""
    return [{"Name": metric.name, "Regex": metric.regex} for metric in metrics]
