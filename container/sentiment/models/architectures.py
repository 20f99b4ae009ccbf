"""The networks. They know tensors, and nothing of files, texts or SageMaker."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from sentiment.models.batches import MICRO_BATCH_WORDS
from sentiment.models.network import Network
from sentiment.models.ngrams import NgramClassifier, NgramSettings
from sentiment.models.recurrence import last_outputs


@dataclass(frozen=True, kw_only=True)
class LSTMSettings:
    """All that is needed to build the network again."""

    vocabulary_size: int
    """Ids there are, 0 (no word) and 1 (infrequent) included."""
    embedding_dim: int = 32
    hidden_dim: int = 100


class _Embedding(nn.Embedding):
    """Draws no first weights where there is no place for them.

    PyTorch would import 800 modules to do so, which take a second and 70 MB of every server.
    """

    def reset_parameters(self) -> None:
        if not self.weight.is_meta:
            super().reset_parameters()


class LSTMClassifier(Network):
    """Embedding, one LSTM layer, and a linear unit on the output at the last real word.

    The parameters have the names and shapes of the course project's model, so its `model.pth`
    loads as it is.
    """

    name: ClassVar[str] = "lstm"
    words_at_once: ClassVar[int] = MICRO_BATCH_WORDS

    def __init__(self, settings: LSTMSettings) -> None:
        super().__init__()
        self.settings = settings
        self.embedding = _Embedding(settings.vocabulary_size, settings.embedding_dim,
                                    padding_idx=0)
        self.lstm = nn.LSTM(settings.embedding_dim, settings.hidden_dim)
        self.dense = nn.Linear(settings.hidden_dim, 1)

    def forward(self, ids: Tensor, lengths: Tensor) -> Tensor:
        """Log-odds of being positive, shape (batch,).

        Args:
            ids: word ids, padded at the end, shape (time, batch), int64.
            lengths: real words of each review, at least 1, shape (batch,), int64.
        """
        if ids.is_cuda:  # bound by the number of steps, not by padding
            outputs, _ = self.lstm(self.embedding(ids))  # (time, batch, hidden)
            # What follows the last word is padding and not seen by the output taken here.
            last = outputs[lengths - 1, torch.arange(len(lengths), device=ids.device)]
        else:
            last = last_outputs(self.lstm, self.embedding, ids, lengths)
        logits: Tensor = self.dense(last).squeeze(1)
        return logits


@dataclass(frozen=True)
class Architecture:
    """A network and its settings."""

    network: Callable[[Any], Network]
    settings: Callable[..., Any]


ARCHITECTURES: Mapping[str, Architecture] = {
    LSTMClassifier.name: Architecture(LSTMClassifier, LSTMSettings),
    NgramClassifier.name: Architecture(NgramClassifier, NgramSettings),
}


def build(name: str, settings: Mapping[str, Any]) -> Network:
    """A new network with random weights; raises KeyError or TypeError for unknown settings."""
    architecture = ARCHITECTURES[name]
    return architecture.network(architecture.settings(**settings))


def settings_of(model: Network) -> dict[str, Any]:
    """What `build` takes to make the same network."""
    return asdict(model.settings)
