from __future__ import annotations

import pytest
import torch

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
                  best={"dense.bias": torch.tensor([4.0])},
                  history=[{"epoch": 1.0}, {"epoch": 2.0}], earlier=[{"epoch": 1.0}])
    content = pack(model, optimizer, state)
    expected = torch.rand(3)
    other, other_optimizer = _network()
    torch.manual_seed(99)
    restored = restore(content, other, other_optimizer)
    assert restored.best.pop("dense.bias").tolist() == state.best.pop("dense.bias").tolist()
    assert restored == state
    assert torch.equal(torch.rand(3), expected)
    for name, tensor in model.state_dict().items():
        assert torch.equal(other.state_dict()[name], tensor)


def test_before_the_first_step_there_is_nothing_to_remember() -> None:
    content = pack(*_network(), State())
    assert restore(content, *_network()) == State()


def test_the_models_of_earlier_stages_come_back_in_order() -> None:
    state = State(before=[torch.tensor([float(stage)]) for stage in range(12)])
    content = pack(*_network(), state)
    assert [model.item() for model in before(content)] == [*range(12)]
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
    from safetensors.torch import save

    with pytest.raises(ValueError):
        restore(save({"model.x": torch.zeros(1)}), *_network())


def test_a_snapshot_of_another_format_is_refused_and_changes_nothing(
    monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as later:
        later.setattr(snapshot, "FORMAT", 2)
        content = pack(*_trained(), State())
    model, optimizer = _network()
    was = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    for read in (lambda: before(content), lambda: restore(content, model, optimizer)):
        with pytest.raises(ValueError, match="its format is 2, and this image reads 1"):
            read()
    assert all(torch.equal(was[name], tensor) for name, tensor in model.state_dict().items())
