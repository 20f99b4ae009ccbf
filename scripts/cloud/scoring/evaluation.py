"""What an endpoint's replies to labelled reviews come to: figures, as data and as a table."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from cloud.data.labelled import NAMES, Reviews
from cloud.scoring import figures
from cloud.scoring.figures import Bin, Confusion, Scores
from cloud.scoring.invoking import Answer, Reply

PERCENTILES = (50, 90, 95, 99)


class Mistake(NamedTuple):
    """A review that was called the opposite of what it is."""

    text: str
    label: int
    probability: float

    @property
    def confidence(self) -> float:
        """The probability of what it was called."""
        return abs(self.label - self.probability)


@dataclass(frozen=True)
class Evaluation:
    """All that is known after the last reply."""

    setup: Mapping[str, str]
    """How it was measured, in words, in the order to be shown."""
    labels: Sequence[int]
    probabilities: Sequence[float]
    """Of the reviews that were answered, in order, as `labels`."""
    confusion: Confusion
    mistakes: Sequence[Mistake]
    """The most confident first."""
    errors: Mapping[str, int]
    """Reviews without an answer, by what went wrong."""
    retries: Mapping[str, int]
    """Requests that were sent again, by what went wrong."""
    variants: Mapping[str, int]
    """Requests that each variant of the endpoint answered."""
    latencies: Sequence[float]
    """Milliseconds of each request that was answered."""
    seconds: float
    """From the first request to the last answer."""
    warm_up_ms: float
    """Of a request before all others, which is counted nowhere else."""

    @property
    def answered(self) -> int:
        return len(self.labels)

    @property
    def asked(self) -> int:
        return self.answered + sum(self.errors.values())

    @property
    def bins(self) -> list[Bin]:
        return figures.reliability(self.labels, self.probabilities)

    @property
    def roc(self) -> list[tuple[float, float]]:
        return figures.roc(self.labels, self.probabilities)

    @property
    def latency(self) -> dict[str, float | None]:
        """Milliseconds a request by `p50`, `p90`, ..."""
        return {f"p{percent}": figures.percentile(self.latencies, percent)
                for percent in PERCENTILES}

    @property
    def classes(self) -> dict[str, Scores]:
        return {NAMES[0]: self.confusion.negative, NAMES[1]: self.confusion.positive}

    def as_json(self) -> dict[str, Any]:
        """Everything but texts, ready for `json.dumps`; what is not known is null."""
        return {
            "setup": dict(self.setup), "asked": self.asked, "answered": self.answered,
            "accuracy": self.confusion.accuracy, "accuracy_interval_95": self.confusion.interval,
            "confusion": self.confusion._asdict(),
            **{name: scores._asdict() for name, scores in self.classes.items()},
            "roc_auc": figures.area(self.roc),
            "brier_score": figures.brier(self.labels, self.probabilities),
            "expected_calibration_error": figures.calibration_error(self.bins),
            "reliability": [one._asdict() for one in self.bins],
            "latency_ms": {**self.latency, "warm_up": self.warm_up_ms},
            "seconds": self.seconds, "reviews_per_second": self.answered / self.seconds,
            "requests_per_second": len(self.latencies) / self.seconds,
            "errors": dict(self.errors), "retries": dict(self.retries),
            "variants": dict(self.variants)}


def evaluation(reviews: Reviews, replies: Sequence[Reply], *, seconds: float, warm_up_ms: float,
               setup: Mapping[str, str]) -> Evaluation:
    """Put together what was asked, with its labels, and what came back in the same order."""
    answers = [answer for reply in replies for answer in reply.answers]
    known = [(text, label, answer) for text, label, answer
             in zip(reviews.texts, reviews.labels, answers, strict=True)
             if isinstance(answer, Answer)]
    mistakes = [Mistake(text, label, answer.probability) for text, label, answer in known
                if answer.label != label]
    labels = [label for _, label, _ in known]
    return Evaluation(
        setup=setup, labels=labels,
        probabilities=[answer.probability for _, _, answer in known],
        confusion=figures.confusion(labels, [answer.label for _, _, answer in known]),
        mistakes=sorted(mistakes, key=lambda mistake: -mistake.confidence),
        errors=Counter(answer for answer in answers if isinstance(answer, str)),
        retries=Counter(why for reply in replies for why in reply.retries),
        variants=Counter(reply.variant for reply in replies if reply.variant),
        latencies=[reply.ms for reply in replies if not reply.failed],
        seconds=seconds, warm_up_ms=warm_up_ms)


def number(value: float | None, digits: int = 3) -> str:
    """A figure as it is shown; a dash for one that is not known."""
    return "-" if value is None else f"{value:,.{digits}f}"


def rate(value: float) -> str:
    """So many a second; a slow endpoint's are not none."""
    return number(value, 0 if value >= 10 else 1)


def table(found: Evaluation) -> str:
    """The figures for a terminal."""
    facts = found.as_json()
    lines = [
        ("reviews", f"{found.asked:,} asked, {found.answered:,} answered"),
        *accuracy_lines(found.confusion),
        ("", ""),
        ("", f"{'precision':>11}{'recall':>11}{'F1':>11}"),
        *((name, "".join(f"{number(score):>11}" for score in scores))
          for name, scores in found.classes.items()),
        ("", ""),
        ("ROC AUC", number(facts["roc_auc"])),
        ("Brier score", number(facts["brier_score"])),
        ("calibration", f"{number(facts['expected_calibration_error'])}   (expected error)"),
        ("", ""),
        ("latency", "   ".join(f"{name} {number(ms, 1)} ms" for name, ms in found.latency.items())),
        ("", f"first request, to warm up: {number(found.warm_up_ms, 1)} ms"),
        ("throughput", f"{rate(facts['reviews_per_second'])} reviews/s in "
                       f"{rate(facts['requests_per_second'])} requests/s"),
        *(("errors", f"{count:,} x {why}") for why, count in found.errors.items()),
        *(("asked again", f"{count:,} x {why}") for why, count in found.retries.items()),
    ]
    return as_table(lines)


def accuracy_lines(matrix: Confusion) -> list[tuple[str, str]]:
    """How many are right, and what was called what."""
    low, high = matrix.interval
    return [("accuracy", f"{number(matrix.accuracy)}   (95% between {low:.3f} and {high:.3f})"),
            ("", ""),
            ("", f"{'called negative':>17}{'called positive':>17}"),
            ("is negative", f"{matrix.true_negative:>17,}{matrix.false_positive:>17,}"),
            ("is positive", f"{matrix.false_negative:>17,}{matrix.true_positive:>17,}")]


def as_table(lines: Iterable[tuple[str, str]]) -> str:
    """Names and what stands behind them."""
    return "\n".join(f"{name:<14}{value}".rstrip() for name, value in lines)
