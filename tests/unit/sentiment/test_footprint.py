"""The estimate of a model's memory against what its loading and its work really take."""

from __future__ import annotations

import json
import os
import pickle
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
import torch

import published
from contract.errors import UserError
from executables import CONTAINER
from sentiment.artifacts.artifact import save_model
from sentiment.artifacts.footprint import footprint
from sentiment.models.architectures import build
from sentiment.text.classic import Classic

GENEROUS = 3
"""An estimate beyond so many times the truth would refuse models that fit; but all leave room for
the words that they come to know, and only the last one here meets them."""
WORDS = 64 * 1024 * 1024

# Run alone, so that nothing but the models comes and goes: for each directory, the most that the
# process grew by while the model was loaded and warmed up; the last meets 210,000 words besides.
MEASURE = """
import gc, json, re, sys
from pathlib import Path
from contract.machine import memory
from sentiment.plugin import ALGORITHM

def status(name):
    return int(re.search(name + r":\\s+(\\d+)", Path("/proc/self/status").read_text())[1]) * 1024

ALGORITHM.prepare()
peaks = []
for number, directory in enumerate(sys.argv[1:], 2):
    memory.give_back()
    Path("/proc/self/clear_refs").write_text("5")  # the peak begins anew
    before = status("VmRSS")
    model = ALGORITHM.load(Path(directory))
    model.start(1)
    for first in range(0, 210_000 if number == len(sys.argv) else 0, 1000):
        words = " ".join(f"q{word:x}abcdefgh" for word in range(first, first + 1000))
        model.predict([model.read(words, {})], lambda: None)
    peaks.append(status("VmHWM") - before)
    del model
print(json.dumps(peaks))
"""


def words(count: int) -> dict[str, int]:
    return {f"word{number:x}": number + 2 for number in range(count)}


def lstm(directory: Path, vocabulary: int, width: int) -> Path:
    return own(directory, "lstm", {"vocabulary_size": vocabulary + 10, "embedding_dim": width,
                                   "hidden_dim": 50}, vocabulary)


def ngrams(directory: Path, features: int) -> Path:
    return own(directory, "ngrams", {"vocabulary_size": 10_000, "features": features}, 9000)


def own(directory: Path, name: str, settings: Mapping[str, int], vocabulary: int) -> Path:
    network = build(name, settings)
    weights = network.state_dict()
    if "features" in settings:
        weights["hashes"] = torch.from_numpy(np.arange(settings["features"], dtype=np.int32))
    directory.mkdir()
    save_model(directory, network, weights, Classic(words(vocabulary)), {})
    return directory


def course_project(directory: Path, vocabulary: int) -> Path:
    directory.mkdir()
    torch.save({"embedding_dim": 32, "hidden_dim": 50, "vocab_size": vocabulary},
               directory / "model_info.pth")
    torch.save(published.LSTMClassifier(32, 50, vocabulary).state_dict(), directory / "model.pth")
    (directory / "word_dict.pkl").write_bytes(pickle.dumps(words(vocabulary - 2)))
    return directory


@pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="no /proc on this system")
def test_no_model_takes_more_than_its_estimate_and_none_much_less(tmp_path: Path) -> None:
    models = [lstm(tmp_path / "small", 1000, 8), lstm(tmp_path / "wide", 100_000, 100),
              lstm(tmp_path / "words", 300_000, 1), course_project(tmp_path / "old", 100_000),
              ngrams(tmp_path / "ngrams", 2_000_000)]
    done = subprocess.run(
        [sys.executable, "-c", MEASURE, *map(str, models)], capture_output=True, text=True,
        env={**os.environ, "PYTHONPATH": str(CONTAINER), "MALLOC_ARENA_MAX": "2"}, timeout=300)
    assert done.returncode == 0, done.stderr
    for model, peak in zip(models, json.loads(done.stdout), strict=True):
        estimate = footprint(model)
        assert peak <= estimate <= GENEROUS * peak + WORDS, (model.name, peak, estimate)


def test_a_file_that_nobody_reads_takes_nothing(tmp_path: Path) -> None:
    model = ngrams(tmp_path / "model", 10)
    before = footprint(model)
    (model / "notes.txt").write_bytes(bytes(1_000_000))
    assert footprint(model) == before


def test_a_model_in_a_single_folder_is_found(tmp_path: Path) -> None:
    model = ngrams(tmp_path / "model", 10)
    assert footprint(tmp_path) == footprint(model)


def test_a_missing_file_is_left_for_the_loading_to_tell(tmp_path: Path) -> None:
    model = ngrams(tmp_path / "model", 10)
    (model / "weights.safetensors").unlink()
    assert footprint(model) > 0


def test_where_there_is_no_model_there_is_no_estimate(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no model"):
        footprint(tmp_path)
