"""Small networks that have learned something, as fixtures."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
import torch

import corpus
from sentiment.artifacts.artifact import Model
from sentiment.learning import training
from sentiment.learning.data import Data
from sentiment.learning.device import Device
from sentiment.learning.training import Settings, State, adam
from sentiment.models.architectures import LSTMClassifier, LSTMSettings
from sentiment.text.classic import Classic


@pytest.fixture(scope="session")
def trained() -> Model:
    """A small network that has learned the built-in corpus; made once, so do not change it."""
    return _train(list(corpus.reviews(500, seed=11)), epochs=6)


@pytest.fixture(scope="session")
def trained_on_real_reviews(real_reviews: list[tuple[int, str]]) -> Model:
    return _train(real_reviews[::4], epochs=4)


def _train(reviews: Sequence[tuple[int, str]], *, epochs: int) -> Model:
    pipeline = Classic.fit((text for _, text in reviews), 1500)
    data = Data([np.array(pipeline.encode(text), dtype=np.int32) for _, text in reviews],
                np.array([label for label, _ in reviews], dtype=np.float32))
    torch.manual_seed(11)
    network = LSTMClassifier(LSTMSettings(vocabulary_size=1500, embedding_dim=16, hidden_dim=24))
    settings = Settings(epochs=epochs, batch_size=32, learning_rate=0.01, gradient_clip=1.0,
                        patience=0, seed=11, checkpoint_seconds=1e9)
    training.train(network, adam(network, settings), State(), data,
                   Data([], np.empty(0, np.float32)), settings,
                   Device(torch.device("cpu"), torch.float32), should_stop=lambda: False,
                   checkpoint=lambda: None, report=lambda metrics: None)
    return Model(network.requires_grad_(False).eval(), pipeline)
