"""What the artifact of an `ngrams` model may hold, and what is refused when it is loaded."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
import torch
from torch import Tensor

from contract.errors import UserError
from sentiment.artifacts.artifact import fill_network, save_model
from sentiment.artifacts.loading import load_model
from sentiment.models.ngrams import HASH_BITS, NgramClassifier, NgramSettings
from sentiment.predictor import SentimentPredictor
from sentiment.text.tokens import Tokens

SETTINGS = {"vocabulary_size": 5, "features": 3}
LARGEST = (1 << HASH_BITS) - 1


def _tensors() -> dict[str, Tensor]:
    """Of a model with three features."""
    return {"hashes": torch.tensor([0, 7, LARGEST], dtype=torch.int32),
            "weights": torch.tensor([0, 1, -2, 0.5], dtype=torch.float16),
            "bias": torch.tensor([0.25])}


def _fill(tensors: Mapping[str, Tensor]) -> None:
    fill_network("ngrams", SETTINGS, tensors, "here")


def test_a_model_comes_back_as_it_was(tmp_path: Path) -> None:
    network = NgramClassifier(NgramSettings(**SETTINGS))
    network.load_state_dict(_tensors())
    save_model(tmp_path, network, network.state_dict(), Tokens({"not": 2, "good": 3}), {})
    loaded = load_model(tmp_path)
    assert {name: tensor.tolist() for name, tensor in loaded.network.state_dict().items()} == {
        name: tensor.tolist() for name, tensor in _tensors().items()}
    assert loaded.network.settings == network.settings
    assert SentimentPredictor(loaded).name == "ngrams+tokens"


def _hashes(*values: int) -> dict[str, Tensor]:
    return {"hashes": torch.tensor(values, dtype=torch.int32)}


DAMAGE: dict[str, tuple[dict[str, Tensor], str]] = {
    "hashes that descend": (_hashes(7, 5, 9), "here: hashes must ascend from 0 to at most"),
    "a hash twice": (_hashes(5, 5, 9), "here: hashes must ascend"),
    "a negative hash": (_hashes(-1, 5, 9), "here: hashes must ascend"),
    "a hash too large": (_hashes(1, 5, LARGEST + 1), f"ascend from 0 to at most {LARGEST}"),
    # Too far apart for the difference to have a place in 32 bits.
    "the largest and the smallest": (_hashes(5, 2**31 - 2, -2**31), "here: hashes must ascend"),
    "hashes of another type": ({"hashes": torch.tensor([1, 2, 3])},
                               "tensor hashes is (3,) torch.int64, expected (3,) torch.int32"),
    "weights of another type": (
        {"weights": torch.zeros(4)},
        "tensor weights is (4,) torch.float32, expected (4,) torch.float16"),
    "a weight too few": ({"weights": torch.zeros(3, dtype=torch.float16)},
                         "tensor weights is (3,) torch.float16, expected (4,)"),
    "a weight that is no number": (
        {"weights": torch.tensor([0, 1, torch.nan, 1], dtype=torch.float16)},
        "tensor weights holds values that are not finite"),
    "an infinite constant": ({"bias": torch.tensor([torch.inf])},
                             "tensor bias holds values that are not finite"),
}


@pytest.mark.parametrize("name", DAMAGE)
def test_damage_is_named(name: str) -> None:
    changes, message = DAMAGE[name]
    with pytest.raises(UserError) as caught:
        _fill({**_tensors(), **changes})
    assert message in str(caught.value)


@pytest.mark.parametrize(("change", "message"), [
    (lambda tensors: tensors.pop("bias"), "tensors missing or unknown: bias"),
    (lambda tensors: tensors.update(x=torch.zeros(1)), "tensors missing or unknown: x"),
])
def test_tensors_that_are_missing_or_too_many_are_named(
    change: Callable[[dict[str, Tensor]], object], message: str
) -> None:
    tensors = _tensors()
    change(tensors)
    with pytest.raises(UserError, match=message):
        _fill(tensors)


@pytest.mark.parametrize("name", ["features", "vocabulary_size"])
@pytest.mark.parametrize("value", [0, -1, 10**8, "3", True])
def test_impossible_settings_are_refused(name: str, value: object) -> None:
    with pytest.raises(UserError, match="settings"):
        fill_network("ngrams", {**SETTINGS, name: value}, _tensors(), "here")


@pytest.mark.parametrize("hashes", [(0, 1, 2), (0, 7, LARGEST), (7, LARGEST - 1, LARGEST)])
def test_hashes_up_to_the_largest_are_taken(hashes: tuple[int, ...]) -> None:
    _fill({**_tensors(), **_hashes(*hashes)})
