"""The course project's own model.tar.gz: model_info.pth, model.pth and word_dict.pkl, all pickles.

They are read without being run: the two tensor files by PyTorch's weights-only loader, which
admits tensors and plain containers, the dictionary by `sentiment.safepickle`.
"""

from __future__ import annotations

import io
import pickletools
import warnings
import zipfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import torch

from contract.errors import UserError
from sentiment.artifacts.artifact import Model, fill_network
from sentiment.models.architectures import LSTMClassifier
from sentiment.safepickle import LARGEST, read_word_dict
from sentiment.text.classic import Classic

INFO = "model_info.pth"
WEIGHTS = "model.pth"
WORD_DICT = "word_dict.pkl"

LARGEST_PICKLE = 64 * 1024
"""Bytes of the pickle in a file of tensors; what names the tensors of a network has a tenth."""
_OLD_PICKLES = 5
"""Of a file in torch's old format: three of the format, the value, the order of its numbers."""


def load_course_project(directory: Path) -> Model:
    """Raises UserError: a file is missing, damaged, or holds anything but data."""
    for name in (INFO, WEIGHTS, WORD_DICT):
        if not (directory / name).is_file():
            raise UserError(f"{name} is missing beside {INFO}")
    info = _load_tensors(directory / INFO)
    if not isinstance(info, dict) or not {"embedding_dim", "hidden_dim",
                                          "vocab_size"} <= info.keys():
        raise UserError(f"{INFO}: expected embedding_dim, hidden_dim and vocab_size")
    weights = _load_tensors(directory / WEIGHTS)
    if not isinstance(weights, dict) or not all(
            isinstance(tensor, torch.Tensor) for tensor in weights.values()):
        raise UserError(f"{WEIGHTS}: expected a dict of tensors")
    _check_filled(weights.values(), (directory / WEIGHTS).stat().st_size)
    settings = {"vocabulary_size": info["vocab_size"], "embedding_dim": info["embedding_dim"],
                "hidden_dim": info["hidden_dim"]}
    network = fill_network(LSTMClassifier.name, settings, weights, WEIGHTS)
    vocabulary = _word_dict(directory / WORD_DICT)
    size = settings["vocabulary_size"]
    if any(not 0 <= index < size for index in vocabulary.values()):
        raise UserError(f"{WORD_DICT}: a word id is outside 0 to {size - 1}")
    return Model(network, Classic(vocabulary),
                 {"format": "course-project", "data": {}, "training": {}})


def _word_dict(path: Path) -> dict[str, int]:
    with path.open("rb") as file:  # one byte more than it may have is enough to refuse it
        return read_word_dict(file.read(LARGEST + 1), path.name)


def _load_tensors(path: Path) -> Any:
    content = path.read_bytes()  # once, from front to back, and what is checked is what is loaded
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            _check_pickles(content)
            return torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
        except (MemoryError, torch.OutOfMemoryError):
            raise
        except Exception as error:  # the loader raises nearly anything for what it refuses
            raise UserError(f"{path.name}: refused, it is damaged or holds more than tensors and "
                            f"plain values ({type(error).__name__})") from error


def _check_pickles(content: bytes) -> None:
    """Raise an error where reading the pickles in a file could take far more than its bytes do."""
    if not content.startswith(b"PK\3\4"):  # as torch tells the two apart
        pickles = io.BytesIO(content[:LARGEST_PICKLE])
        for _ in range(_OLD_PICKLES):
            for _ in pickletools.genops(pickles):
                pass
        return
    with zipfile.ZipFile(io.BytesIO(content)) as parts:
        entries = parts.infolist()
    stored = all(entry.compress_type == zipfile.ZIP_STORED for entry in entries)
    if not stored or sum(entry.file_size for entry in entries) > len(content):
        raise ValueError("compressed or overlapping, as torch never writes it")
    if any(entry.file_size > LARGEST_PICKLE for entry in entries if
           entry.filename.endswith(".pkl")):
        raise ValueError("too large a pickle")


def _check_filled(tensors: Iterable[torch.Tensor], size: int) -> None:
    """Raises UserError: the tensors take more than the file has bytes, so it did not fill them.

    In torch's old format a file says how large its tensors are, and need not bring all of them.
    As long as nobody has looked at their numbers, such ones take no memory.
    """
    storages = {storage.data_ptr(): storage.nbytes()
                for storage in (tensor.untyped_storage() for tensor in tensors)}
    if sum(storages.values()) > size:
        raise UserError(f"{WEIGHTS}: refused, its tensors are larger than the file")
