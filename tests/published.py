"""The published recipe of the course project, word for word in meaning: slow, and the reference.

Tests hold our pipeline and our training step to these functions; the benchmarks run them as the
old way. Written from the recipe's description: BeautifulSoup always, lower case, everything but
letters and digits to space, NLTK's stop words, a new Porter stemmer for every word, padding to 500.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable, Collection, Sequence

import torch
from bs4 import BeautifulSoup
from nltk.stem.porter import PorterStemmer
from torch import nn

PAD = 500


def review_to_words(review: str, stop_words: Callable[[], Collection[str]]) -> list[str]:
    """Clean one review. `stop_words` is asked once per word, as published."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        text = BeautifulSoup(review, "html.parser").get_text()
    text = re.sub(r"[^a-zA-Z0-9]", " ", text.lower())
    kept = [word for word in text.split() if word not in stop_words()]
    return [PorterStemmer().stem(word) for word in kept]


def build_dict(reviews: Sequence[Sequence[str]], vocab_size: int = 5000) -> dict[str, int]:
    counts: dict[str, int] = {}
    for review in reviews:
        for word in review:
            counts[word] = counts.get(word, 0) + 1
    ranked = [word for word, _ in sorted(counts.items(), key=lambda item: item[1], reverse=True)]
    return {word: place + 2 for place, word in enumerate(ranked[: vocab_size - 2])}


def convert_and_pad(word_dict: dict[str, int], words: Sequence[str]) -> tuple[list[int], int]:
    row = [0] * PAD
    for place, word in enumerate(words[:PAD]):
        row[place] = word_dict.get(word, 1)
    return row, min(len(words), PAD)


class LSTMClassifier(nn.Module):
    """Takes rows `length, id_1 ... id_500` as a (batch, 501) tensor; gives probabilities."""

    def __init__(self, embedding_dim: int, hidden_dim: int, vocab_size: int) -> None:
        super().__init__()
        self.embedding = nn.Embedding(vocab_size, embedding_dim, padding_idx=0)
        self.lstm = nn.LSTM(embedding_dim, hidden_dim)
        self.dense = nn.Linear(hidden_dim, 1)

    def forward(self, rows: torch.Tensor) -> torch.Tensor:
        columns = rows.t()
        lengths, reviews = columns[0], columns[1:]
        out, _ = self.lstm(self.embedding(reviews))
        last = self.dense(out)[lengths - 1, torch.arange(len(lengths))]
        return torch.sigmoid(last.squeeze(1))


def train_epoch(model: LSTMClassifier, optimizer: torch.optim.Optimizer, rows: torch.Tensor,
                labels: torch.Tensor, batch_size: int) -> float:
    """One pass in the given order; returns the mean of the batches' losses."""
    losses = []
    for at in range(0, len(rows), batch_size):
        optimizer.zero_grad()
        loss = nn.functional.binary_cross_entropy(model(rows[at:at + batch_size]),
                                                  labels[at:at + batch_size])
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        losses.append(loss.item())
    return sum(losses) / len(losses)
