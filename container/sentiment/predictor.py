"""A loaded model that answers for texts and for rows of ids. It knows no HTTP."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import torch

from contract.algorithm import Record
from contract.errors import UserError
from sentiment import labels
from sentiment.artifacts.artifact import Model
from sentiment.artifacts.loading import load_model
from sentiment.explanation import contributions, word_list
from sentiment.models.batches import MICRO_BATCH, by_length, make_batch
from sentiment.models.network import memory_errors
from sentiment.reviews.encoded import parse_row
from sentiment.text.base import MAX_WORDS, Ids

LONGEST_REVIEW = 100_000
"""Characters of one review; the longest in IMDB has 14,000."""

TEXT_KEYS = ("text", "features", "myfeatures")
"""Where an object has its review: ours, and what Clarify's templates call it (S22)."""

_WARM_UP = "A warm &amp; <i>well made</i> film."


@dataclass(frozen=True)
class Answer:
    """What the model makes of one review."""

    probability: float
    """That the review is positive."""
    words: list[dict[str, float | int]] | None = None

    @property
    def label(self) -> int:
        return labels.POSITIVE if self.probability > 0.5 else labels.NEGATIVE

    def as_object(self) -> dict[str, Any]:
        answer: dict[str, Any] = {"label": labels.NAMES[self.label],
                                  "probability": self.probability}
        return answer if self.words is None else {**answer, "words": self.words}

    def as_label(self) -> str:
        return str(self.label)

    def as_number(self) -> float:
        return self.probability


@dataclass(frozen=True)
class Instance:
    """A checked record: a text, or ids without a text."""

    text: str | None
    ids: Sequence[int] = ()
    explain: bool = False


class SentimentPredictor:
    """Reviews in, probabilities out; safe to call from several threads."""

    def __init__(self, model: Model) -> None:
        self._network = model.network
        self._pipeline = model.pipeline
        self.name = f"{model.network.name}+{model.pipeline.name}"

    @classmethod
    def load(cls, directory: Path) -> SentimentPredictor:
        """Raises UserError as `load_model` does. Starts no thread (see `Predictor.start`)."""
        torch.set_num_threads(1)
        with memory_errors():
            predictor = cls(load_model(directory))
        predictor._pipeline.encode(_WARM_UP)  # what it imports is then shared by all workers
        return predictor

    def start(self, threads: int) -> None:
        """Answer one review: the first caller must not pay for what is made on first use.

        Raises:
            UserError: the model's answers are no numbers.
        """
        torch.set_num_threads(threads)
        try:
            self.predict([Instance(_WARM_UP, explain=True)])
        except ArithmeticError as error:
            raise UserError(f"{error}; train it again, with a lower learning_rate") from error

    def read(self, record: Record, options: Mapping[str, Any] = MappingProxyType({})) -> Instance:
        """A text; a row of one text or `length, id_1, id_2, ...`; or an object with one of them.

        Raises:
            UserError: it is none of them; the message says what was expected.
        """
        explain = options.get("explain", False)
        if isinstance(record, dict):
            explain = record.get("explain", explain)
            record = _content(record)
        if not isinstance(explain, bool):
            raise UserError('"explain" must be true or false')
        if isinstance(record, list) and len(record) == 1 and isinstance(record[0], str):
            record = record[0]
        if isinstance(record, list):
            return self._read_row(record)
        return Instance(_checked_text(record), explain=explain)

    def _read_row(self, row: list[Any]) -> Instance:
        if len(row) > MAX_WORDS + 1:
            raise UserError(f"the row has {len(row)} cells, expected length,id_1,...,id_{MAX_WORDS}"
                            "; a text with commas must stand in double quotes")
        try:
            ids = parse_row(row, self._network.settings.vocabulary_size)
        except ValueError as error:
            raise UserError(f"{error}; a text with commas must stand in double quotes") from None
        return Instance(None, ids.tolist())

    def weight(self, instance: Instance) -> int:
        """An explanation needs the network's answer once more for every word."""
        return 1 + MAX_WORDS if instance.explain else 1

    def predict(self, instances: Sequence[Instance],
                check: Callable[[], None] = lambda: None) -> list[Answer]:
        """Answer in order; explained texts get the contribution of each word."""
        sequences: list[Sequence[int] | Ids] = []
        for place, instance in enumerate(instances):
            if place % MICRO_BATCH == 0:
                check()
            sequences.append(instance.ids if instance.text is None
                             else self._pipeline.encode(instance.text))
        scores = self._log_odds(sequences, check)
        probabilities = np.round(1 / (1 + np.exp(-scores)), 6).tolist()
        return [Answer(probability,
                       self._explain(instance.text, check) if instance.explain else None)
                for probability, instance in zip(probabilities, instances, strict=True)]

    def _explain(self, text: str | None, check: Callable[[], None]) -> list[dict[str, Any]]:
        spans = self._pipeline.spans(text) if text is not None else []
        values = contributions([span.id for span in spans],
                               lambda sequences: self._log_odds(sequences, check))
        return word_list(spans, values)

    def _log_odds(self, sequences: Sequence[Sequence[int] | Ids], check: Callable[[], None],
                  ) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
        scores = np.empty(len(sequences))
        read = [self._network.prepare(ids) for ids in sequences]
        lengths = np.fromiter(map(len, read), np.int64, len(read))
        with torch.inference_mode():
            for group in by_length(lengths, MICRO_BATCH):
                check()
                batch = make_batch([read[row] for row in group])
                scores[group] = self._network(batch.ids, batch.lengths).numpy()
        if not np.isfinite(scores).all():
            raise ArithmeticError("the model's weights give values that are not finite")
        return scores

    def counts(self, predictions: Sequence[Any]) -> dict[str, int]:
        positive = sum(answer.label for answer in predictions)
        return {"positive": positive, "negative": len(predictions) - positive}


def _content(record: dict[str, Any]) -> Any:
    key = next((key for key in TEXT_KEYS if key in record), None)
    if key is None:
        raise UserError('expected an object with "text", like {"text": "A fine film."}')
    return record[key]


def _checked_text(value: object) -> str:
    if not isinstance(value, str):
        raise UserError(f"a review must be a text, found {_json_name(value)}")
    if not value.strip():
        raise UserError("the review is empty; send at least one word")
    if len(value) > LONGEST_REVIEW:
        raise UserError(f"the review has {len(value)} characters; at most {LONGEST_REVIEW} are "
                        "read")
    return value


def _json_name(value: object) -> str:
    names = {bool: "true or false", int: "a number", float: "a number", type(None): "null"}
    return names.get(type(value), f"a JSON {type(value).__name__}")
