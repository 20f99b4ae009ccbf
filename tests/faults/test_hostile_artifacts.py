"""Nearly right models, word dictionaries and checkpoints: used, or refused in words.

`tests/fuzz/` looks deeper, with a fuzzer that sees which lines are reached.
"""

from __future__ import annotations

import pickle
import tempfile
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from contract.errors import UserError
from faults import specimens
from faults.mutations import Edit, edited, edits
from faults.specimens import Files
from sentiment.learning import snapshot
from sentiment.learning.training import State
from sentiment.models.architectures import LSTMClassifier, LSTMSettings
from sentiment.safepickle import read_word_dict


@pytest.fixture(scope="module", params=specimens.KINDS)
def whole(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Files:
    return specimens.make(request.param, tmp_path_factory.mktemp("model"))


def use_or_refuse(files: Files) -> None:
    """Anything that is raised but UserError fails the test."""
    with tempfile.TemporaryDirectory() as folder:
        specimens.lay(files, Path(folder))
        try:
            specimens.use(Path(folder))
        except UserError as refused:
            assert "Traceback" not in str(refused)


def test_a_whole_model_is_used(whole: Files, tmp_path: Path) -> None:
    specimens.lay(specimens.with_true_sums(whole), tmp_path)
    specimens.use(tmp_path)


@given(data=st.data(), changes=edits)
def test_a_model_with_changed_bytes_is_used_or_refused(
    whole: Files, data: st.DataObject, changes: list[Edit]
) -> None:
    name = data.draw(st.sampled_from(sorted(whole)))
    use_or_refuse(whole | {name: edited(whole[name], changes)})


@given(data=st.data(), changes=edits)
def test_a_model_with_changed_bytes_and_true_sums_is_used_or_refused(
    whole: Files, data: st.DataObject, changes: list[Edit]
) -> None:
    name = data.draw(st.sampled_from(sorted(whole)))
    use_or_refuse(specimens.with_true_sums(whole | {name: edited(whole[name], changes)}))


@given(gone=st.sets(st.integers(0, 2), min_size=1))
def test_a_model_with_missing_files_is_refused(whole: Files, gone: set[int]) -> None:
    left = {name: content for place, (name, content) in enumerate(sorted(whole.items()))
            if place not in gone}
    with tempfile.TemporaryDirectory() as folder:
        specimens.lay(left, Path(folder))
        with pytest.raises(UserError, match=r"missing|no model in"):
            specimens.use(Path(folder))


@given(protocol=st.integers(0, pickle.HIGHEST_PROTOCOL), changes=edits)
def test_a_word_dictionary_with_changed_bytes_is_plain_or_refused(
    protocol: int, changes: list[Edit]
) -> None:
    content = edited(pickle.dumps(specimens.WORDS, protocol), changes)
    try:
        words = read_word_dict(content, "word_dict.pkl")
    except UserError:
        return
    assert {type(word) for word in words} <= {str}
    assert {type(index) for index in words.values()} <= {int}


@given(changes=edits)
def test_a_checkpoint_with_changed_bytes_is_restored_or_refused(changes: list[Edit]) -> None:
    model = LSTMClassifier(LSTMSettings(vocabulary_size=5, embedding_dim=2, hidden_dim=3))
    optimizer = torch.optim.Adam(model.parameters())
    state = State(epoch=1, history=[{"epoch": 1.0}], best={"x": torch.zeros(2)})
    content = edited(snapshot.pack(model, optimizer, state), changes)
    for read in (snapshot.before, lambda content: snapshot.restore(content, model, optimizer)):
        try:
            read(content)
        except ValueError:
            pass
