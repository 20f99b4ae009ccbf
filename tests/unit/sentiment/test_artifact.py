from __future__ import annotations

import hashlib
import json
import logging
import shutil
import stat
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load, save

from contract.errors import UserError
from sentiment.artifacts import artifact
from sentiment.artifacts.artifact import (
    DESCRIPTION,
    VOCABULARY,
    WEIGHTS,
    fill_network,
    save_model,
)
from sentiment.artifacts.loading import load_model
from sentiment.models.architectures import LSTMClassifier, LSTMSettings
from sentiment.text.classic import Classic

SETTINGS = {"vocabulary_size": 5, "embedding_dim": 2, "hidden_dim": 3}
VOCABULARY_OF_5 = {"film": 2, "fine": 3, "été": 4}


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """A directory with a whole artifact."""
    directory = tmp_path / "model"
    directory.mkdir()
    torch.manual_seed(1)
    network = LSTMClassifier(LSTMSettings(**SETTINGS))
    save_model(directory, network, network.state_dict(), Classic(VOCABULARY_OF_5),
               {"training": {"best_epoch": 3}, "data": {"reviews": 7}})
    return directory


def _description(model: Path) -> dict[str, Any]:
    value: dict[str, Any] = json.loads((model / DESCRIPTION).read_text())
    return value


def _describe(model: Path, **changes: object) -> None:
    (model / DESCRIPTION).write_text(json.dumps({**_description(model), **changes}))


def _replace(model: Path, name: str, content: bytes) -> None:
    """Another content, with size and sum in the description as they should be."""
    (model / name).write_bytes(content)
    facts = {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}
    _describe(model, files={**_description(model)["files"], name: facts})


def _retensor(model: Path, change: Callable[[dict[str, torch.Tensor]], Any]) -> None:
    tensors = load((model / WEIGHTS).read_bytes())
    change(tensors)
    _replace(model, WEIGHTS, save(tensors))


def _flip(model: Path, name: str) -> None:
    content = bytearray((model / name).read_bytes())
    content[-1] ^= 1
    (model / name).write_bytes(content)


def _resettle(model: Path, **settings: object) -> None:
    _describe(model, architecture={"name": "lstm", "settings": {**SETTINGS, **settings}})


def _stored(dtype: str) -> bytes:
    header = json.dumps({"x": {"dtype": dtype, "shape": [2], "data_offsets": [0, 2]}}).encode()
    return struct.pack("<Q", len(header)) + header + b"\0\0"


def test_what_a_killed_writer_left_is_removed(model: Path) -> None:
    (model / ".model.json.0a1b2c3d.tmp").write_bytes(b"{")
    (model / ".weights.safetensors.0a1b2c3d.tmp").write_bytes(b"x")
    loaded = load_model(model)
    save_model(model, loaded.network, loaded.network.state_dict(), loaded.pipeline, {})
    assert {path.name for path in model.iterdir()} == {DESCRIPTION, VOCABULARY, WEIGHTS}


def test_a_model_comes_back_as_it_was(model: Path) -> None:
    torch.manual_seed(1)
    network = LSTMClassifier(LSTMSettings(**SETTINGS))
    loaded = load_model(model)
    for name, tensor in network.state_dict().items():
        assert torch.equal(loaded.network.state_dict()[name], tensor), name
    assert loaded.pipeline.vocabulary == VOCABULARY_OF_5
    assert loaded.network.settings == network.settings
    assert not loaded.network.training


def test_the_description_tells_what_is_in_the_artifact(model: Path) -> None:
    description = _description(model)
    assert (description["format"], description["version"]) == ("sentiment-model", 1)
    assert description["architecture"] == {"name": "lstm", "settings": SETTINGS}
    assert description["text"] == {"name": "classic", "vocabulary_size": 3}
    assert (description["training"], description["data"]) == ({"best_epoch": 3}, {"reviews": 7})


def test_there_are_three_plain_files_for_every_user_and_no_pickle(model: Path) -> None:
    assert sorted(path.name for path in model.iterdir()) == [DESCRIPTION, VOCABULARY, WEIGHTS]
    assert all(stat.S_IMODE(path.stat().st_mode) == 0o644 for path in model.iterdir())
    assert (model / WEIGHTS).read_bytes()[8:9] == b"{"


def test_a_model_in_a_folder_of_its_own_is_accepted_with_a_warning(
    model: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    shutil.move(model, tmp_path / "outer" / "inner")
    with caplog.at_level(logging.WARNING):
        assert load_model(tmp_path / "outer").pipeline.vocabulary == VOCABULARY_OF_5
    assert "lies in the folder inner inside the archive" in caplog.text


def test_of_two_folders_none_is_taken(model: Path, tmp_path: Path) -> None:
    shutil.copytree(model, tmp_path / "outer" / "one")
    shutil.copytree(model, tmp_path / "outer" / "two")
    with pytest.raises(UserError, match="found one, two; train first"):
        load_model(tmp_path / "outer")


@pytest.mark.parametrize("present", [[], [VOCABULARY, WEIGHTS]])
def test_without_its_description_there_is_no_model(present: list[str], model: Path) -> None:
    for path in list(model.iterdir()):
        if path.name not in present:
            path.unlink()
    with pytest.raises(UserError, match=r"no model in .*expected model\.json .*found"):
        load_model(model)


def test_a_directory_that_is_not_there_holds_no_model(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="found nothing; train first, or mount a model there"):
        load_model(tmp_path / "absent")


DAMAGE: dict[str, tuple[Callable[[Path], object], str]] = {
    "vocabulary missing": (
        lambda model: (model / VOCABULARY).unlink(), "vocabulary.json is missing beside"),
    "weights missing": (
        lambda model: (model / WEIGHTS).unlink(), "weights.safetensors is missing beside"),
    "weights cut": (
        lambda model: (model / WEIGHTS).write_bytes(b"x"), "weights.safetensors: 1 bytes, model.j"),
    "weights changed": (lambda model: _flip(model, WEIGHTS), "weights.safetensors: SHA-256 differ"),
    "vocabulary changed": (lambda model: _flip(model, VOCABULARY), "vocabulary.json: SHA-256 diff"),
    "description no JSON": (
        lambda model: (model / DESCRIPTION).write_text("{"), "model.json is not JSON"),
    "description deep": (
        lambda model: (model / DESCRIPTION).write_text("[" * 100_000), "model.json is not JSON"),
    "description no object": (
        lambda model: (model / DESCRIPTION).write_text("[]"), 'model.json: expected "format"'),
    "another format": (lambda model: _describe(model, format="x"), 'model.json: expected "format"'),
    "later version": (lambda model: _describe(model, version=2),
                      "model.json: version is 2, this image reads 1; use the image that trained"),
    "no version": (lambda model: _describe(model, version=None), "model.json: version is None"),
    "no files": (lambda model: _describe(model, files=None), "model.json: files.vocabulary.json"),
    "size that is none": (
        lambda model: _describe(model, files={VOCABULARY: {"bytes": float("inf"), "sha256": ""}}),
        "model.json: files.vocabulary.json lacks bytes and sha256"),
    "unknown text": (lambda model: _describe(model, text={"name": "x"}), "model.json: text is 'x'"),
    "no text": (lambda model: _describe(model, text=[]), "model.json: text is None"),
    "unknown architecture": (
        lambda model: _describe(model, architecture={"name": "gru", "settings": SETTINGS}),
        "model.json: architecture is 'gru', known are lstm"),
    "no settings": (lambda model: _describe(model, architecture={"name": "lstm"}), "must be whole"),
    "setting missing": (
        lambda model: _describe(model, architecture={"name": "lstm", "settings": {}}),
        "settings do not fit architecture lstm"),
    "setting unknown": (lambda model: _resettle(model, layers=2), "settings do not fit"),
    "setting of another type": (lambda model: _resettle(model, hidden_dim="3"), "must be whole"),
    "giant settings": (lambda model: _resettle(model, hidden_dim=10**12), "from 1 to 10000000"),
    "settings of another network": (
        lambda model: _resettle(model, **dict.fromkeys(SETTINGS, 10**6)),
        "tensor embedding.weight is (5, 2) torch.float32, expected (1000000, 1000000) torch.flo"),
    "no safetensors": (lambda model: _replace(model, WEIGHTS, b"\x80\x04."), "is not a safetensor"),
    "a type that torch lacks": (
        lambda model: _replace(model, WEIGHTS, _stored("F8_E8M0")), "is not a safetensors file"),
    "tensor missing": (
        lambda model: _retensor(model, lambda tensors: tensors.pop("dense.bias")),
        "tensors missing or unknown: dense.bias"),
    "tensor too many": (
        lambda model: _retensor(model, lambda tensors: tensors.update(x=torch.zeros(1))),
        "tensors missing or unknown: x"),
    "tensor of another type": (
        lambda model: _retensor(model, lambda tensors: tensors.update(
            {"dense.bias": torch.zeros(1, dtype=torch.float64)})),
        "tensor dense.bias is (1,) torch.float64, expected (1,) torch.float32"),
    "not a number": (
        lambda model: _retensor(model, lambda tensors: tensors["dense.bias"].fill_(torch.nan)),
        "tensor dense.bias holds values that are not finite"),
    "infinity": (
        lambda model: _retensor(model, lambda tensors: tensors["dense.bias"].fill_(torch.inf)),
        "tensor dense.bias holds values that are not finite"),
    "word id too large": (
        lambda model: _replace(model, VOCABULARY, b'{"film": 5}'),
        "vocabulary.json: word id 5 has no place in an embedding of 5"),
    "word id negative": (lambda model: _replace(model, VOCABULARY, b'{"film": -1}'),
                         "vocabulary.json: expected an object of words and whole numbers"),
    "word id no number": (lambda model: _replace(model, VOCABULARY, b'{"film": true}'),
                          "vocabulary.json: expected an object of words and whole numbers"),
    "vocabulary no JSON": (
        lambda model: _replace(model, VOCABULARY, b"\xff"), "vocabulary.json is not JSON"),
}


@pytest.mark.parametrize("name", DAMAGE)
def test_damage_is_named(name: str, model: Path) -> None:
    inflict, message = DAMAGE[name]
    inflict(model)
    with pytest.raises(UserError) as caught:
        load_model(model)
    assert message in str(caught.value)


def test_a_description_larger_than_any_is_not_read(
    model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(artifact, "LARGEST_JSON", 10)
    with pytest.raises(UserError, match=r"model\.json: larger than 10 bytes"):
        load_model(model)


@pytest.mark.parametrize("tensor", [
    torch.zeros(1, 1).expand(5, 2), torch.zeros(5, 2).to_sparse(), torch.zeros(5, 2, device="meta"),
], ids=["one number declared to be many", "sparse", "no numbers at all"])
def test_a_tensor_that_is_smaller_than_it_says_is_refused(tensor: torch.Tensor) -> None:
    network = LSTMClassifier(LSTMSettings(**SETTINGS))
    tensors = {**network.state_dict(), "embedding.weight": tensor}
    with pytest.raises(UserError, match=r"embedding\.weight is not stored as plain numbers"):
        fill_network("lstm", SETTINGS, tensors, "here")


def test_writing_over_a_model_removes_its_description_first(
    model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(path: Path, content: bytes) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(artifact, "write_atomic", fail)
    network = LSTMClassifier(LSTMSettings(**SETTINGS))
    with pytest.raises(OSError, match="No space"):
        save_model(model, network, network.state_dict(), Classic({}), {})
    assert not (model / DESCRIPTION).exists()


def test_words_that_are_no_valid_unicode_are_kept(model: Path) -> None:
    network = LSTMClassifier(LSTMSettings(**SETTINGS))
    save_model(model, network, network.state_dict(), Classic({"\ud800": 2}), {})
    assert load_model(model).pipeline.vocabulary == {"\ud800": 2}
