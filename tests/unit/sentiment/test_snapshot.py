from __future__ import annotations

import json
from dataclasses import replace

import pytest
import torch
from safetensors.torch import load, save

from sentiment.learning import snapshot
from sentiment.learning.snapshot import before, pack, restore
from sentiment.learning.training import State
from sentiment.models.architectures import LSTMClassifier, LSTMSettings

SIZES = LSTMSettings(vocabulary_size=9, embedding_dim=2, hidden_dim=3)


def _network(sizes: LSTMSettings = SIZES) -> tuple[LSTMClassifier, torch.optim.Optimizer]:
    model = LSTMClassifier(sizes)
    return model, torch.optim.Adam(model.parameters())


def _trained() -> tuple[LSTMClassifier, torch.optim.Optimizer]:
    model, optimizer = _network()
    loss = model(torch.ones(2, 1, dtype=torch.int64), torch.tensor([2])).sum()
    loss.backward()
    optimizer.step()
    return model, optimizer


def test_everything_comes_back() -> None:
    model, optimizer = _trained()
    state = State(epoch=2, rows=7, loss_sum=0.1 + 0.2, seconds=3.5, best_epoch=1,
                  best={name: value + 1 for name, value in model.state_dict().items()},
                  history=[{"epoch": 1.0}, {"epoch": 2.0}], earlier=[{"epoch": 1.0}], ends=[1])
    content = pack(model, optimizer, state)
    expected = torch.rand(3)
    other, other_optimizer = _network()
    torch.manual_seed(99)
    restored = restore(content, other, other_optimizer)
    for name, tensor in state.best.items():
        assert torch.equal(restored.best[name], tensor)
    assert replace(restored, best={}) == replace(state, best={})
    assert torch.equal(torch.rand(3), expected)
    for name, tensor in model.state_dict().items():
        assert torch.equal(other.state_dict()[name], tensor)


def test_before_the_first_step_there_is_nothing_to_remember() -> None:
    content = pack(*_network(), State())
    assert restore(content, *_network()) == State()


def test_the_end_of_the_rounds_before_comes_back_in_order() -> None:
    state = State(before=[torch.tensor([float(stage)]) for stage in range(12)],
                  ends=[*range(3, 15)], earlier=[{"epoch": 1.0}], history=[{"epoch": 2.0}])
    content = pack(*_network(), state)
    found = before(content)
    assert [model.item() for model in found.before] == [*range(12)]
    assert (found.ends, found.earlier, found.history) == (state.ends, state.earlier, [])
    assert [model.item() for model in restore(content, *_network()).before] == [*range(12)]


@pytest.mark.parametrize("content", [b"", b"no snapshot at all"])
def test_what_is_no_snapshot_holds_no_earlier_models(content: bytes) -> None:
    with pytest.raises(ValueError, match="not a usable checkpoint"):
        before(content)


def test_it_is_no_pickle() -> None:
    content = pack(*_trained(), State())
    length = int.from_bytes(content[:8], "little")
    assert content[8:9] == b"{"
    assert length < len(content)


def test_a_snapshot_cut_anywhere_is_refused() -> None:
    content = pack(*_trained(), State())
    for end in range(0, len(content), 97):
        with pytest.raises(ValueError):
            restore(content[:end], *_network())


@pytest.mark.parametrize("sizes", [
    LSTMSettings(vocabulary_size=10, embedding_dim=2, hidden_dim=3),
    LSTMSettings(vocabulary_size=9, embedding_dim=2, hidden_dim=4),
])
def test_a_snapshot_of_another_network_is_refused(sizes: LSTMSettings) -> None:
    with pytest.raises(ValueError, match="not a usable checkpoint"):
        restore(pack(*_trained(), State()), *_network(sizes))


def test_a_snapshot_without_its_note_is_refused() -> None:
    with pytest.raises(ValueError):
        restore(save({"model.x": torch.zeros(1)}), *_network())


def test_a_snapshot_of_another_format_is_refused_and_changes_nothing(
    monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as later:
        later.setattr(snapshot, "FORMAT", 99)
        content = pack(*_trained(), State())
    with pytest.raises(ValueError, match="its format is 99, and this image reads"):
        before(content)
    _is_refused(content, "its format is 99, and this image reads")


@pytest.mark.parametrize("name", snapshot._PLAIN)
def test_a_snapshot_whose_note_lacks_something_changes_nothing(name: str) -> None:
    content = pack(*_trained(), State())
    header = json.loads(content[8:8 + int.from_bytes(content[:8], "little")])
    note = json.loads(header["__metadata__"]["state"])
    del note[name]
    _is_refused(save(load(content), {"state": json.dumps(note)}), name)


def test_a_snapshot_of_a_network_with_one_other_tensor_changes_nothing() -> None:
    content = pack(*_trained(), State())
    header = json.loads(content[8:8 + int.from_bytes(content[:8], "little")])
    tensors = load(content)
    tensors["model.dense.bias"] = torch.zeros(2)
    _is_refused(save(tensors, header["__metadata__"]), "dense.bias")


def _is_refused(content: bytes, why: str) -> None:
    model, optimizer = _network()
    was = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    random = torch.get_rng_state()
    with pytest.raises(ValueError, match=why):
        restore(content, model, optimizer)
    assert all(torch.equal(was[name], tensor) for name, tensor in model.state_dict().items())
    assert not optimizer.state_dict()["state"]
    assert torch.equal(torch.get_rng_state(), random)
