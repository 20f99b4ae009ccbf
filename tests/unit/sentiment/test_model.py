from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import published
from sentiment.models.architectures import LSTMClassifier, LSTMSettings, build, settings_of
from sentiment.models.batches import MICRO_BATCH, by_length, make_batch

VOCABULARY, EMBEDDING, HIDDEN = 60, 8, 12


def _reviews(count: int) -> list[list[int]]:
    random = np.random.default_rng(3)
    lengths = [1, 500, *random.integers(1, 120, count - 2).tolist()]
    return [random.integers(1, VOCABULARY, length).tolist() for length in lengths]


def _padded(reviews: Sequence[Sequence[int]]) -> Tensor:
    """The published form: `length, id_1 ... id_500`."""
    return torch.tensor([[len(ids), *ids, *[0] * (published.PAD - len(ids))] for ids in reviews])


def _pair() -> tuple[LSTMClassifier, published.LSTMClassifier]:
    """Our network and the published one with the same weights."""
    torch.manual_seed(2)
    ours = LSTMClassifier(LSTMSettings(vocabulary_size=VOCABULARY, embedding_dim=EMBEDDING,
                                       hidden_dim=HIDDEN))
    theirs = published.LSTMClassifier(EMBEDDING, HIDDEN, VOCABULARY)
    theirs.load_state_dict(ours.state_dict())
    return ours, theirs


def test_log_odds_in_groups_are_the_published_ones_padded_to_500() -> None:
    ours, theirs = _pair()
    reviews = _reviews(3 * MICRO_BATCH + 1)
    logits = torch.empty(len(reviews))
    with torch.no_grad():
        for group in by_length(np.array(list(map(len, reviews))), MICRO_BATCH):
            batch = make_batch([reviews[row] for row in group])
            logits[torch.from_numpy(group)] = ours(batch.ids, batch.lengths)
        expected = theirs(_padded(reviews))
    torch.testing.assert_close(torch.sigmoid(logits), expected, atol=1e-5, rtol=0)


def test_gradients_added_up_over_groups_are_the_published_ones() -> None:
    ours, theirs = _pair()
    reviews = _reviews(2 * MICRO_BATCH + 5)
    labels = torch.tensor([place % 3 == 0 for place in range(len(reviews))], dtype=torch.float32)
    for group in by_length(np.array(list(map(len, reviews))), MICRO_BATCH):
        batch = make_batch([reviews[row] for row in group])
        loss = nn.functional.binary_cross_entropy_with_logits(
            ours(batch.ids, batch.lengths), labels[torch.from_numpy(group)], reduction="sum")
        (loss / len(reviews)).backward()  # type: ignore[no-untyped-call]
    expected = nn.functional.binary_cross_entropy(theirs(_padded(reviews)), labels)
    expected.backward()  # type: ignore[no-untyped-call]
    for name, parameter in theirs.named_parameters():
        torch.testing.assert_close(ours.get_parameter(name).grad, parameter.grad,
                                   atol=1e-5, rtol=0, msg=name)


def test_parameters_have_the_published_names_and_shapes() -> None:
    ours, theirs = _pair()
    shapes = {name: tensor.shape for name, tensor in theirs.state_dict().items()}
    assert {name: tensor.shape for name, tensor in ours.state_dict().items()} == shapes


def test_a_network_is_built_again_from_its_settings() -> None:
    ours, _ = _pair()
    settings = settings_of(ours)
    assert settings == asdict(ours.settings)
    assert build("lstm", settings).settings == ours.settings
    assert isinstance(build("lstm", settings), LSTMClassifier)


@pytest.mark.parametrize(("name", "settings", "error"), [
    ("gru", {"vocabulary_size": 9}, KeyError),
    ("lstm", {}, TypeError),
    ("lstm", {"vocabulary_size": 9, "layers": 2}, TypeError),
])
def test_unknown_settings_are_refused(
    name: str, settings: dict[str, int], error: type[Exception]
) -> None:
    with pytest.raises(error):
        build(name, settings)
