"""Plots of an evaluation, each as an SVG element that a page can hold; colours as on our page."""

from __future__ import annotations

import html
import io
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from cloud.data.labelled import NAMES
from cloud.scoring.evaluation import Evaluation, number

NEGATIVE, POSITIVE = "#a34606", "#1459ab"
INK, SOFT, LINE = "#23262d", "#5c6270", "#e0dcd2"
_SIZE = (5.2, 3.5)
_STYLE: Any = {
    "svg.fonttype": "none", "font.size": 10, "text.color": INK, "axes.labelcolor": SOFT,
    "axes.edgecolor": LINE, "axes.spines.top": False, "axes.spines.right": False,
    "axes.axisbelow": True, "axes.grid": True, "grid.color": LINE, "grid.linewidth": 0.6,
    "xtick.color": SOFT, "ytick.color": SOFT, "legend.frameon": False, "lines.linewidth": 1.8,
}


class _Plot:
    """Axes to draw on, and afterwards the drawing."""

    def __init__(self, axes: Any) -> None:
        self.axes = axes
        self.svg = ""


@contextmanager
def _drawn(name: str, described: str) -> Iterator[_Plot]:
    """Axes to draw on; their `svg` is there at the end. `name` keeps its ids apart from others'."""
    import matplotlib
    from matplotlib.figure import Figure

    with matplotlib.rc_context({**_STYLE, "svg.hashsalt": name}):
        figure = Figure(figsize=_SIZE, layout="constrained")
        plot = _Plot(figure.add_subplot())
        yield plot
        drawing = io.StringIO()
        figure.savefig(drawing, format="svg", transparent=True, metadata={"Date": None})
    inner = drawing.getvalue().partition("<svg")[2].partition(">")[2]
    inner = re.sub("<metadata>.*?</metadata>", "", inner, flags=re.DOTALL)
    inner = re.sub("<style.*?</style>", "", inner, flags=re.DOTALL)
    width, height = (72 * inches for inches in _SIZE)
    plot.svg = (f'<svg viewBox="0 0 {width:g} {height:g}" role="img" '
                f'aria-label="{html.escape(described)}" '
                f'xmlns:xlink="http://www.w3.org/1999/xlink">{inner}')


def calibration(found: Evaluation) -> str:
    """Said against found, a dot for each tenth of probability, larger where there are more."""
    bins = [one for one in found.bins if one.size]
    points = [(one.mean, one.positive) for one in bins]
    described = "Share of positive reviews by predicted probability: " + "; ".join(
        f"{number(mean, 2)} said, {number(share, 2)} found" for mean, share in points)
    with _drawn("calibration", described) as plot:
        axes = plot.axes
        axes.plot([0, 1], [0, 1], color=SOFT, linewidth=1, linestyle="--",
                  label="what is said is so")
        axes.plot(*zip(*points, strict=True), color=POSITIVE, linewidth=1.2)
        axes.scatter(*zip(*points, strict=True), color=POSITIVE, zorder=3, label="found",
                     s=[16 + 300 * one.size / found.answered for one in bins])
        axes.set(xlabel="probability of “positive”, as said", ylabel="share that is positive",
                 xlim=(-0.03, 1.03), ylim=(-0.03, 1.06))
        axes.legend(loc="upper left", markerscale=0.5)
    return plot.svg


def probabilities(found: Evaluation) -> str:
    """How many reviews of each label got which probability."""
    from matplotlib.ticker import MaxNLocator, StrMethodFormatter

    sides = [[probability for label, probability
              in zip(found.labels, found.probabilities, strict=True) if label == side]
             for side in range(2)]
    described = "Reviews by predicted probability, for each label; " + ", ".join(
        f"{len(side):,} {name}" for name, side in zip(NAMES, sides, strict=True))
    with _drawn("probabilities", described) as plot:
        axes = plot.axes
        for name, side, colour in zip(NAMES, sides, (NEGATIVE, POSITIVE), strict=True):
            axes.hist(side, bins=20, range=(0, 1), color=colour + "66", edgecolor=colour,
                      linewidth=1, histtype="stepfilled", label=f"is {name}")
        axes.set(xlabel="probability of “positive”, as said", ylabel="reviews", xlim=(0, 1))
        axes.yaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
        axes.yaxis.set_major_formatter(StrMethodFormatter("{x:,.0f}"))
        axes.legend(loc="upper center")
    return plot.svg


def roc(found: Evaluation, area: float | None) -> str:
    """Every threshold at once. Empty with reviews of one label only."""
    points = found.roc
    if not points:
        return ""
    with _drawn("roc", f"ROC curve; the area under it is {number(area)}") as plot:
        axes = plot.axes
        axes.plot([0, 1], [0, 1], color=SOFT, linewidth=1, linestyle="--", label="by chance")
        axes.plot(*zip(*points, strict=True), color=POSITIVE, label=f"area {number(area)}")
        axes.set(xlabel="negative reviews called positive", ylabel="positive reviews found",
                 xlim=(-0.02, 1.02), ylim=(-0.02, 1.04))
        axes.legend(loc="lower right")
    return plot.svg


def latency(found: Evaluation) -> str:
    """The share of requests that were answered within a time."""
    from matplotlib.ticker import LogLocator, PercentFormatter, StrMethodFormatter

    ranked = sorted(found.latencies)
    shares = [(rank + 1) / len(ranked) for rank in range(len(ranked))]
    told = {name: ms for name, ms in found.latency.items() if ms is not None}
    described = "Share of requests by time: " + ", ".join(
        f"{name} {number(ms, 1)} ms" for name, ms in told.items())
    with _drawn("latency", described) as plot:
        axes = plot.axes
        axes.step([ranked[0], *ranked], [0, *shares], where="post", color=POSITIVE)
        for name, ms in told.items():
            axes.plot(ms, int(name[1:]) / 100, "o", color=INK, markersize=4,
                      label=f"{name}  {number(ms, 1)} ms")
        axes.set(xlabel="milliseconds, as a client sees them", xscale="log", ylim=(0, 1.04),
                 xlim=(ranked[0] / 1.5, ranked[-1] * 1.5))
        axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axes.xaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
        axes.minorticks_off()
        axes.legend(loc="best", handlelength=0, handletextpad=0, markerscale=0)
        axes.yaxis.set_major_formatter(PercentFormatter(1))
    return plot.svg
