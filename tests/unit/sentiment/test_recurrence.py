from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn

from sentiment.learning import training
from sentiment.learning.data import Data
from sentiment.learning.device import Device
from sentiment.models import recurrence
from sentiment.models.architectures import LSTMClassifier, LSTMSettings
from sentiment.models.batches import Batch, make_batch
from sentiment.models.recurrence import WORTH_A_CUT, cut, last_outputs

CPU = Device(torch.device("cpu"), torch.float32)
VOCABULARY, EMBEDDING, HIDDEN = 50, 5, 7
LENGTHS = [
    pytest.param([1], id="one word"),
    pytest.param([9, 9, 9], id="all alike"),
    pytest.param([3, 400, 40, 1, 90], id="all different"),
    pytest.param([500, *range(1, 60)], id="one far longer"),
    pytest.param([30, 31, 29, 30], id="about alike"),
]
IMDB_LENGTHS = np.clip(np.random.default_rng(1).lognormal(4.62, 0.65, 512), 1, 500).astype(int)
"""Spread like those of real reviews without stop words, whose mean is 121."""


def _batch(lengths: list[int]) -> Batch:
    random = np.random.default_rng(2)
    return make_batch([random.integers(1, VOCABULARY, length).tolist() for length in lengths])


def _layers(dtype: torch.dtype) -> tuple[nn.LSTM, nn.Embedding]:
    torch.manual_seed(3)
    return (nn.LSTM(EMBEDDING, HIDDEN, dtype=dtype),
            nn.Embedding(VOCABULARY, EMBEDDING, padding_idx=0, dtype=dtype))


def _padded(lstm: nn.LSTM, embedding: nn.Embedding, batch: Batch) -> Tensor:
    outputs: Tensor = lstm(embedding(batch.ids))[0]
    return outputs[batch.lengths - 1, torch.arange(len(batch.lengths))]


@pytest.mark.parametrize("lengths", LENGTHS)
@pytest.mark.parametrize(("dtype", "rounding"), [(torch.float64, 1e-13), (torch.float32, 1e-6)])
def test_outputs_are_those_of_the_padded_form(lengths: list[int], dtype: torch.dtype,
                                              rounding: float) -> None:
    layers, batch = _layers(dtype), _batch(lengths)
    torch.testing.assert_close(last_outputs(*layers, batch.ids, batch.lengths),
                               _padded(*layers, batch), atol=rounding, rtol=0)


@pytest.mark.parametrize("lengths", LENGTHS)
@pytest.mark.parametrize(("dtype", "rounding"), [(torch.float64, 1e-12), (torch.float32, 2e-5)])
def test_gradients_are_those_of_the_padded_form(lengths: list[int], dtype: torch.dtype,
                                                rounding: float) -> None:
    layers, batch = _layers(dtype), _batch(lengths)
    parameters = [*layers[0].parameters(), *layers[1].parameters()]
    weights = torch.randn(len(lengths), HIDDEN, dtype=dtype)  # so that no two outputs weigh alike
    found, expected = (torch.autograd.grad((outputs * weights).sum(), parameters) for outputs in (
        last_outputs(*layers, batch.ids, batch.lengths), _padded(*layers, batch)))
    torch.testing.assert_close(found, expected, atol=rounding, rtol=rounding)


def test_gradients_are_the_slopes_of_the_outputs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recurrence, "WORTH_A_CUT", 0)  # a segment for each length
    (lstm, embedding), batch = _layers(torch.float64), _batch([5, 2, 1])

    def outputs(*_: Tensor) -> Tensor:
        return last_outputs(lstm, embedding, batch.ids, batch.lengths)

    assert torch.autograd.gradcheck(outputs, (embedding.weight, *lstm.parameters()))


@given(st.lists(st.integers(1, 500), min_size=1, max_size=80))
def test_every_word_is_computed_once_and_padding_is_worth_no_cut(lengths: list[int]) -> None:
    lengths.sort(reverse=True)
    segments = list(cut(lengths))
    computed = [0] * len(lengths)
    for at in segments:
        for review in range(at.active):
            assert computed[review] == at.start
            computed[review] = at.stop
        padding = sum(at.stop - length for length in lengths[at.remaining:at.active])
        assert 0 <= padding <= WORTH_A_CUT
    assert all(steps >= length for steps, length in zip(computed, lengths, strict=True))
    assert segments[-1].remaining == 0


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, int]]:
    """Steps and reviews of each call of an LSTM."""
    seen: list[tuple[int, int]] = []
    forward = nn.LSTM.forward

    def counted(self: nn.LSTM, words: Tensor, state: object = None) -> object:
        seen.append((words.shape[0], words.shape[1]))
        return forward(self, words, state)  # type: ignore[call-overload]

    monkeypatch.setattr(nn.LSTM, "forward", counted)
    return seen


def test_a_step_of_learning_computes_few_words_that_are_not_there(
        calls: list[tuple[int, int]]) -> None:
    _learn_once()
    computed = sum(steps * reviews for steps, reviews in calls)
    assert IMDB_LENGTHS.sum() <= computed < 1.05 * IMDB_LENGTHS.sum()


def test_a_step_of_learning_is_few_calls_that_stay_within_the_bound(
        calls: list[tuple[int, int]]) -> None:
    _learn_once()
    assert max(steps * reviews for steps, reviews in calls) <= LSTMClassifier.words_at_once
    assert len(calls) < 2 * IMDB_LENGTHS.sum() / LSTMClassifier.words_at_once


def _learn_once() -> None:
    network = LSTMClassifier(LSTMSettings(vocabulary_size=VOCABULARY, embedding_dim=2,
                                          hidden_dim=2))
    settings = training.Settings(epochs=1, batch_size=512, learning_rate=0.001, gradient_clip=0,
                                 patience=0, seed=1, checkpoint_seconds=60)
    data = Data([np.full(length, 2, np.int32) for length in IMDB_LENGTHS],
                np.zeros(512, np.float32))
    training._learn(network, training.adam(network, settings),
                    torch.amp.GradScaler(enabled=False), data, np.arange(512), settings, CPU)
