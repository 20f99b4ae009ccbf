"""A support vector machine on runs of up to three words, scaled by Naive Bayes.

Wang and Manning, "Baselines and Bigrams" (2012): whether a run of words is there, times the
logarithm of how much likelier it is in a positive review, goes into a linear machine. Their
interpolation with the mean weight changed nothing on reviews held out here, so it is left out.
"""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

MODEL = "nbsvm.joblib"
WORD = r"\w+|[^\w\s]"
LONGEST = 3
"""Words in a run."""
RAREST = 2
"""Training reviews that a run must be in."""
C = 0.1
"""The machine's cost of an error; the best of 0.01, 0.1 and 1 on 2,500 training reviews."""


class NbSvm:
    """A fitted machine. scikit-learn comes with requirements-aws.txt."""

    def __init__(self, vectorizer: Any, weights: Any, bias: float) -> None:
        self._vectorizer = vectorizer
        self._weights = weights
        self._bias = bias

    @classmethod
    def fit(cls, texts: Sequence[str], labels: Sequence[int]) -> NbSvm:
        """Learn from texts and their labels, 0 or 1."""
        features = importlib.import_module("sklearn.feature_extraction.text")
        machines = importlib.import_module("sklearn.svm")
        vectorizer = features.CountVectorizer(
            ngram_range=(1, LONGEST), min_df=RAREST, binary=True, dtype=np.float32,
            token_pattern=WORD, preprocessor=plain)
        present = vectorizer.fit_transform(texts)
        positive = np.array(labels) == 1
        ratio = np.log(_shares(present[positive]) / _shares(present[~positive]))
        machine = machines.LinearSVC(C=C, dual=True, random_state=1)
        machine.fit(present.multiply(ratio).tocsr(), labels)
        weights = (machine.coef_[0] * ratio).astype(np.float32)
        return cls(vectorizer, weights, float(machine.intercept_[0]))

    def labels(self, texts: Sequence[str]) -> list[int]:
        """The answers in order."""
        scores = self._vectorizer.transform(texts) @ self._weights + self._bias
        return [int(score > 0) for score in scores]

    def save(self, directory: Path) -> None:
        importlib.import_module("joblib").dump(
            (self._vectorizer, self._weights, self._bias), directory / MODEL)


def plain(text: str) -> str:
    """Lower case, without the one tag that reviews have."""
    return text.lower().replace("<br />", " ")


def _shares(present: Any) -> Any:
    """Of all that these reviews hold, the share of each run of words; one is added to each."""
    counts = 1 + np.asarray(present.sum(axis=0)).ravel()
    return counts / counts.sum()
