"""Prometheus' text format as its own client library reads it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Self

from prometheus_client.parser import text_string_to_metric_families

from executables import until


class Scrape:
    """One answer of `/metrics`. A sample is looked up as it is written: `name{label="value"}`."""

    def __init__(self, text: str) -> None:
        self.families: list[Any] = list(text_string_to_metric_families(text))
        self.samples: dict[str, float] = {}
        for family in self.families:
            for sample in family.samples:
                labels = ",".join(f'{name}="{value}"' for name, value in sample.labels.items())
                name = sample.name + (f"{{{labels}}}" if labels else "")
                assert name not in self.samples, f"{name} is there twice"
                self.samples[name] = sample.value

    def __getitem__(self, name: str) -> float:
        return self.samples[name]

    def fallen(self, earlier: Self) -> list[str]:
        """What must never fall, and is less than it was."""
        kept = [sample.name for family in self.families if family.type != "gauge"
                for sample in family.samples]
        return [name for name, value in self.samples.items()
                if name.partition("{")[0] in kept and value < earlier.samples.get(name, 0)]

    @staticmethod
    def until(scrape: Callable[[], Scrape], name: str, value: float) -> Scrape:
        """The first scrape in which a sample has that value."""
        found = scrape()

        def has_come() -> bool:
            nonlocal found
            found = scrape()
            return found[name] == value

        until(has_come, f"{name} is {found[name]}, not {value}")
        return found
