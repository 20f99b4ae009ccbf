from __future__ import annotations

import io
import os
import pickle
import pickletools
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import published
from contract.errors import UserError
from sentiment.artifacts.loading import load_model
from sentiment.models.batches import make_batch

INFO = {"embedding_dim": 4, "hidden_dim": 6, "vocab_size": 30}
WORDS = {f"word{index}": index for index in range(2, 30)}


class _Trap:
    """Makes a file when unpickled the ordinary way."""

    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self) -> tuple[Any, ...]:
        return os.system, (f"touch {self.marker}",)


def _published_model() -> published.LSTMClassifier:
    torch.manual_seed(8)
    return published.LSTMClassifier(INFO["embedding_dim"], INFO["hidden_dim"], INFO["vocab_size"])


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """The course project's artifact, made as it makes it."""
    directory = tmp_path / "model"
    directory.mkdir()
    torch.save(INFO, directory / "model_info.pth")
    torch.save(_published_model().state_dict(), directory / "model.pth")
    (directory / "word_dict.pkl").write_bytes(pickle.dumps(WORDS))
    return directory


def test_it_gives_the_probabilities_it_was_trained_to(model: Path) -> None:
    loaded = load_model(model)
    random = np.random.default_rng(1)
    reviews = [random.integers(1, 30, length).tolist() for length in (1, 7, 80, 500)]
    rows = torch.tensor([[len(ids), *ids, *[0] * (500 - len(ids))] for ids in reviews])
    batch = make_batch(reviews)
    with torch.no_grad():
        torch.testing.assert_close(torch.sigmoid(loaded.network(batch.ids, batch.lengths)),
                                   _published_model()(rows), atol=1e-6, rtol=0)
    assert loaded.pipeline.vocabulary == WORDS


def test_a_file_in_the_old_format_of_torch_is_read(model: Path) -> None:
    torch.save(_published_model().state_dict(), model / "model.pth",
               _use_new_zipfile_serialization=False)
    assert load_model(model).network.settings.hidden_dim == INFO["hidden_dim"]


def _without_its_numbers(content: bytes) -> bytes:
    """A file in the old format: what it says of its tensors, and none of their bytes."""
    pickles = io.BytesIO(content)
    for _ in range(4):
        for _ in pickletools.genops(pickles):
            pass
    return content[:pickles.tell()] + pickle.dumps([], 2)


def test_tensors_that_the_file_does_not_fill_are_refused_before_they_take_memory(
    model: Path,
) -> None:
    large = {**INFO, "hidden_dim": 700}
    torch.save(large, model / "model_info.pth")
    saved = io.BytesIO()
    torch.save(published.LSTMClassifier(4, 700, 30).state_dict(), saved,
               _use_new_zipfile_serialization=False)
    (model / "model.pth").write_bytes(_without_its_numbers(saved.getvalue()))
    with pytest.raises(UserError, match=r"model\.pth: refused, its tensors are larger than the"):
        load_model(model)


def test_each_file_is_opened_once_and_read_from_front_to_back(
    model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened, open_path = Counter[str](), io.open

    def count(file: Any, *given: Any, **named: Any) -> Any:
        opened[Path(file).name] += 1
        return open_path(file, *given, **named)

    monkeypatch.setattr(io, "open", count)
    load_model(model)
    assert opened == {"model_info.pth": 1, "model.pth": 1, "word_dict.pkl": 1}


def test_a_dictionary_of_any_size_is_refused_by_its_first_bytes(model: Path) -> None:
    with (model / "word_dict.pkl").open("wb") as file:
        file.truncate(10 * 2**30)  # of which the disk stores nothing
    with pytest.raises(UserError, match=r"word_dict\.pkl: .* is too large"):
        load_model(model)


def test_it_is_accepted_in_a_folder_of_its_own(model: Path, tmp_path: Path) -> None:
    model.rename(tmp_path / "inner")
    assert load_model(tmp_path).network.settings.vocabulary_size == INFO["vocab_size"]


def _trap_tensors(model: Path, name: str, trap: _Trap, *, new: bool) -> None:
    value = {**INFO, "more": trap} if name == "model_info.pth" else {"dense.bias": trap}
    torch.save(value, model / name, _use_new_zipfile_serialization=new)


TRAPS: dict[str, tuple[str, Callable[[Path, _Trap], object]]] = {
    "info": ("model_info.pth",
             lambda model, trap: _trap_tensors(model, "model_info.pth", trap, new=True)),
    "info, old format": (
        "model_info.pth",
        lambda model, trap: _trap_tensors(model, "model_info.pth", trap, new=False)),
    "info, plain pickle": (
        "model_info.pth",
        lambda model, trap: (model / "model_info.pth").write_bytes(pickle.dumps(trap, 2))),
    "weights": ("model.pth", lambda model, trap: _trap_tensors(model, "model.pth", trap, new=True)),
    "weights, old format": (
        "model.pth", lambda model, trap: _trap_tensors(model, "model.pth", trap, new=False)),
    "words": ("word_dict.pkl",
              lambda model, trap: (model / "word_dict.pkl").write_bytes(pickle.dumps(trap))),
    "one word": (
        "word_dict.pkl",
        lambda model, trap: (model / "word_dict.pkl").write_bytes(pickle.dumps({"film": trap}))),
}


@pytest.mark.parametrize("name", TRAPS)
def test_a_booby_trap_is_refused_unexecuted(name: str, model: Path, tmp_path: Path) -> None:
    file, lay = TRAPS[name]
    lay(model, _Trap(tmp_path / "executed"))
    with pytest.raises(UserError, match=rf"^{file}: refused"):
        load_model(model)
    assert not (tmp_path / "executed").exists()


@pytest.mark.parametrize("name", ["info", "info, old format", "weights, old format"])
def test_the_traps_are_real(name: str, model: Path, tmp_path: Path) -> None:
    file, lay = TRAPS[name]
    lay(model, _Trap(tmp_path / "executed"))
    torch.load(model / file, weights_only=False)
    assert (tmp_path / "executed").exists()


DAMAGE: dict[str, tuple[Callable[[Path], object], str]] = {
    "weights missing": (
        lambda model: (model / "model.pth").unlink(), "model.pth is missing beside model_info.pth"),
    "words missing": (
        lambda model: (model / "word_dict.pkl").unlink(), "word_dict.pkl is missing beside"),
    "info no torch file": (
        lambda model: (model / "model_info.pth").write_bytes(b"x"), "model_info.pth: refused"),
    "info no dict": (
        lambda model: torch.save([1], model / "model_info.pth"), "model_info.pth: expected embedd"),
    "info incomplete": (
        lambda model: torch.save({"vocab_size": 3}, model / "model_info.pth"),
        "model_info.pth: expected embedding_dim, hidden_dim and vocab_size"),
    "info giant": (
        lambda model: torch.save({**INFO, "vocab_size": 10**12}, model / "model_info.pth"),
        "must be whole numbers from 1 to 1000000"),
    "weights no dict": (
        lambda model: torch.save([torch.zeros(1)], model / "model.pth"), "model.pth: expected a d"),
    "weights with odd names": (
        lambda model: torch.save({1: torch.zeros(1)}, model / "model.pth"),
        "model.pth: tensors missing or unknown"),
    "weights cut": (
        lambda model: (model / "model.pth").write_bytes((model / "model.pth").read_bytes()[:900]),
        "model.pth: refused, it is damaged"),
    "weights of another size": (
        lambda model: torch.save({**INFO, "hidden_dim": 7}, model / "model_info.pth"),
        "model.pth: tensor"),
    "word id too large": (
        lambda model: (model / "word_dict.pkl").write_bytes(pickle.dumps({"film": 30})),
        "word_dict.pkl: a word id is outside 0 to 29"),
    "word id negative": (
        lambda model: (model / "word_dict.pkl").write_bytes(pickle.dumps({"film": -1})),
        "word_dict.pkl: a word id is outside 0 to 29"),
}


@pytest.mark.parametrize("name", DAMAGE)
def test_damage_is_named(name: str, model: Path) -> None:
    inflict, message = DAMAGE[name]
    inflict(model)
    with pytest.raises(UserError) as caught:
        load_model(model)
    assert message in str(caught.value)
