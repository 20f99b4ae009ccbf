"""A small whole model of every kind, as files, and what anybody may do with one."""

from __future__ import annotations

import hashlib
import json
import pickle
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch

from sentiment.artifacts.artifact import Model, save_model
from sentiment.artifacts.loading import load_model
from sentiment.models.architectures import LSTMClassifier, LSTMSettings
from sentiment.models.ngrams import NgramClassifier, NgramSettings, hashes
from sentiment.predictor import SentimentPredictor
from sentiment.text.classic import Classic
from sentiment.text.tokens import Tokens

Files = dict[str, bytes]

WORDS = {"film": 2, "fine": 3, "été": 4}
KINDS = ("lstm", "ngrams", "course project")


def make(kind: str, folder: Path) -> Files:
    """The files of a model, made in `folder`, which is empty."""
    torch.manual_seed(1)
    lstm = LSTMClassifier(LSTMSettings(vocabulary_size=5, embedding_dim=2, hidden_dim=3))
    facts = {"training": {"best_epoch": 3}, "data": {"reviews": 7}}
    if kind == "lstm":
        save_model(folder, lstm, lstm.state_dict(), Classic(WORDS), facts)
    elif kind == "ngrams":
        known = np.unique(hashes([2, 3, 4, 1]))
        ngrams = NgramClassifier(NgramSettings(vocabulary_size=5, features=len(known)))
        ngrams.hashes = torch.from_numpy(known)
        save_model(folder, ngrams, ngrams.state_dict(), Tokens(WORDS), facts)
    else:
        torch.save({"embedding_dim": 2, "hidden_dim": 3, "vocab_size": 5},
                   folder / "model_info.pth")
        torch.save(lstm.state_dict(), folder / "model.pth")
        (folder / "word_dict.pkl").write_bytes(pickle.dumps(WORDS))
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def lay(files: Mapping[str, bytes], folder: Path) -> None:
    for name, content in files.items():
        (folder / name).write_bytes(content)


def with_true_sums(files: Files) -> Files:
    """Sizes and sums in the description are those of the files, as an attacker would have them.

    A description that has none, or is none, stays as it is.
    """
    try:
        description = json.loads(files["model.json"])
        for name, stated in description["files"].items():
            stated |= {"bytes": len(files[name]),
                       "sha256": hashlib.sha256(files[name]).hexdigest()}
    except (KeyError, TypeError, ValueError, AttributeError, RecursionError):
        return files
    return files | {"model.json": json.dumps(description).encode()}


def use(folder: Path) -> Model:
    """Load the model and ask it something; raises UserError where it is refused."""
    model = load_model(folder)
    predictor = SentimentPredictor(model)
    [answer] = predictor.predict([predictor.read("a fine, fine film")])
    assert 0 <= answer.probability <= 1
    return model
