"""How much each word of a review pushes the answer.

The measure is occlusion, also called erasure: the change of the log-odds when one word is left out
and everything else stays (Li, Monroe, Jurafsky: Understanding Neural Networks through
Representation Erasure, 2016, arXiv:1612.08220). It needs no gradients and no knowledge of the
network, and says what a reader expects: without this word the score would be so much lower.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from sentiment.text.base import Span

LogOdds = Callable[[Sequence[Sequence[int]]], "np.ndarray[tuple[int], np.dtype[np.float64]]"]
"""Takes sequences of ids, gives their log-odds."""


def contributions(ids: Sequence[int], log_odds: LogOdds) -> list[float]:
    """The contribution of each id, in log-odds; positive pushes towards "positive"."""
    if not ids:
        return []
    without = [[*ids[:place], *ids[place + 1:]] for place in range(len(ids))]
    scores = log_odds([list(ids), *without])
    return [float(scores[0] - score) for score in scores[1:]]


def word_list(spans: Sequence[Span], values: Sequence[float]) -> list[dict[str, float | int]]:
    """For JSON: character span in the text as sent, and the contribution in log-odds."""
    return [{"start": span.start, "end": span.end, "contribution": round(value, 4)}
            for span, value in zip(spans, values, strict=True)]
