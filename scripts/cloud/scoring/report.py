"""An evaluation as one HTML file that needs nothing else: no script, no request to anywhere."""

from __future__ import annotations

import html
import re
from collections.abc import Iterable, Mapping
from string import Template

from cloud import ROOT
from cloud.data.labelled import NAMES
from cloud.scoring import plots
from cloud.scoring.evaluation import Evaluation, Mistake, number, rate

TEMPLATE = ROOT / "scripts" / "templates" / "report.html"
EXCERPT = 320
"""Characters shown of a review."""


def report(found: Evaluation, title: str, excerpts: int) -> str:
    """The page. `excerpts` is how many mistakes are shown, with the beginnings of their texts."""
    facts = found.as_json()
    low, high = found.confusion.interval
    return Template(TEMPLATE.read_text(encoding="utf-8")).substitute(
        title=html.escape(title),
        summary=html.escape(_summary(found)),
        tiles="".join(_tile(*tile) for tile in (
            ("accuracy", number(facts["accuracy"]), f"95% between {low:.3f} and {high:.3f}"),
            ("ROC AUC", number(facts["roc_auc"]), "0.5 is chance, 1 is perfect"),
            ("calibration error", number(facts["expected_calibration_error"]), "0 is perfect"),
            ("median latency", f"{number(found.latency['p50'], 1)} ms",
             f"a request; p95 {number(found.latency['p95'], 1)} ms"),
            ("throughput", rate(facts["reviews_per_second"]), "reviews a second"))),
        confusion=_confusion(found),
        classes="".join(_row(name, *map(number, scores)) for name, scores in found.classes.items()),
        calibration=plots.calibration(found), probabilities=plots.probabilities(found),
        brier=number(facts["brier_score"]),
        calibration_error=number(facts["expected_calibration_error"]),
        roc=plots.roc(found, facts["roc_auc"]) or "<p>Needs reviews of both labels.</p>",
        latency=plots.latency(found),
        latencies="".join(_row(name, f"{number(ms, 1)} ms") for name, ms in
                          {**found.latency, "first request": found.warm_up_ms}.items()),
        troubles=_troubles(found.errors, found.retries),
        mistakes=_mistakes(found, excerpts),
        setup="".join(_fact(*fact) for fact in found.setup.items()))


def _summary(found: Evaluation) -> str:
    right = found.confusion.true_positive + found.confusion.true_negative
    missing = found.asked - found.answered
    return (f"{right:,} of {found.answered:,} test reviews were called what they are. " + (
        f"{missing:,} more got no answer and are not in these figures." if missing else
        "Every review got an answer."))


def _tile(name: str, value: str, note: str) -> str:
    return (f"<div><dt>{html.escape(name)}</dt><dd>{html.escape(value)}"
            f"<small>{html.escape(note)}</small></dd></div>")


def _row(name: str, *cells: str) -> str:
    return (f'<tr><th scope="row">{html.escape(name)}</th>'
            + "".join(f"<td>{html.escape(cell)}</td>" for cell in cells) + "</tr>\n")


def _fact(name: str, value: str) -> str:
    return f"<dt>{html.escape(name)}</dt><dd>{html.escape(value)}</dd>\n"


def _confusion(found: Evaluation) -> str:
    """Rows are what the reviews are, columns what they were called; darker is more of a row."""
    matrix = found.confusion
    rows = ((NAMES[0], matrix.true_negative, matrix.false_positive),
            (NAMES[1], matrix.false_negative, matrix.true_positive))
    lines = []
    for name, *cells in rows:
        whole = sum(cells) or 1
        lines.append(f'<tr><th scope="row">is {name}</th>' + "".join(
            f'<td style="--share: {cell / whole:.3f}">{cell:,}<small>{cell / whole:.1%}</small>'
            "</td>" for cell in cells) + "</tr>\n")
    return "".join(lines)


def _troubles(errors: Mapping[str, int], retries: Mapping[str, int]) -> str:
    rows = [*(("no answer", why, count) for why, count in errors.items()),
            *(("asked again", why, count) for why, count in retries.items())]
    if not rows:
        return "<p>No request failed, and none had to be sent again.</p>"
    return ('<table><caption>What did not go through at once.</caption><thead><tr>'
            '<th scope="col">what</th><th scope="col">why</th><th scope="col">how often</th>'
            "</tr></thead><tbody>"
            + "".join(_row(what, why, f"{count:,}") for what, why, count in rows)
            + "</tbody></table>")


def _mistakes(found: Evaluation, excerpts: int) -> str:
    if not found.mistakes:
        return "<p>There were no mistakes.</p>"
    shown = found.mistakes[:excerpts]
    return (f"<p>{len(shown):,} of {len(found.mistakes):,}, with the beginnings of their "
            f"texts.</p><ol>{''.join(_items(shown))}</ol>")


def _items(mistakes: Iterable[Mistake]) -> Iterable[str]:
    for mistake in mistakes:
        called = NAMES[1 - mistake.label]
        yield (f'<li class="{called}"><p>Called <b>{called}</b> with probability '
               f"{mistake.confidence:.4f}; is "
               f"{NAMES[mistake.label]}.</p>"
               f'<blockquote dir="auto">{html.escape(excerpt(mistake.text))}</blockquote></li>\n')


def excerpt(text: str) -> str:
    """The beginning of a review, without the line breaks that the IMDB's have as tags."""
    plain = " ".join(re.sub(r"<br\s*/?>", " ", text).split())
    return plain if len(plain) <= EXCERPT else plain[:EXCERPT].rstrip() + "…"
