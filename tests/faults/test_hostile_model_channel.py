"""A `model` channel that was made to do harm, given to the real `train` (N9)."""

from __future__ import annotations

import io
import os
import pickle
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from executables import SMALL, lay_out
from faults import specimens
from faults.nursery import Nursery
from faults.specimens import Files


class Trap:
    """Makes a file when unpickled the ordinary way."""

    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self) -> tuple[Any, ...]:
        return os.system, (f"touch {self.marker}",)


def packed(*members: tuple[str, bytes | None, bytes]) -> bytes:
    """Name, kind (None for a plain file), and content or target of each."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
        for name, kind, content in members:
            member = tarfile.TarInfo(name)
            if kind is None:
                member.size = len(content)
            else:
                member.type, member.linkname = kind, content.decode()
            tar.addfile(member, io.BytesIO(content))
    return buffer.getvalue()


def trapped(marker: Path, content: bytes) -> Files:
    """The course project's files, two of which run a command if they are unpickled."""
    buffer = io.BytesIO()
    torch.save({"embedding_dim": 2, "hidden_dim": 3, "vocab_size": 5, "x": Trap(marker)}, buffer)
    return {"model_info.pth": buffer.getvalue(), "model.pth": content,
            "word_dict.pkl": pickle.dumps(Trap(marker))}


Make = Callable[[Path, Files], Files]

HARMFUL: dict[str, tuple[Make, str]] = {
    "a path out of it": (lambda marker, files: {"model.tar.gz": packed(
        (f"../../../../../..{marker}", None, b"x"))}, "a path that leads out of it"),
    "an absolute path": (lambda marker, files: {"model.tar.gz": packed(
        (str(marker), None, b"x"))}, "a path that leads out of it"),
    "a symbolic link": (lambda marker, files: {"model.tar.gz": packed(
        ("model.json", tarfile.SYMTYPE, b"/etc/passwd"))}, "neither a folder nor a plain file"),
    "a hard link": (lambda marker, files: {"model.tar.gz": packed(
        ("model.json", tarfile.LNKTYPE, b"/etc/passwd"))}, "neither a folder nor a plain file"),
    "a device": (lambda marker, files: {"model.tar.gz": packed(
        ("model.json", tarfile.CHRTYPE, b""))}, "neither a folder nor a plain file"),
    "a bomb": (lambda marker, files: {"model.tar.gz": packed(
        *((f"{number}", None, b"") for number in range(2000)))}, "more than 1000 files"),
    "no archive": (lambda marker, files: {"model.tar.gz": b"PK\3\4"}, "is damaged, or no .tar.gz"),
    "cut off": (lambda marker, files: {"model.tar.gz": packed(
        ("model.json", None, os.urandom(5000)))[:3000]}, "is damaged, or no .tar.gz"),
    "two archives": (lambda marker, files: {"a/model.tar.gz": b"", "b/model.tar.gz": b""},
                     "2 archives, of which model.tar.gz is the first; give one"),
    "no model": (lambda marker, files: {"notes.txt": b"x"}, "no model in "),
    "pickles that run a command": (lambda marker, files: trapped(marker, b""),
                                   "refused, it is damaged or holds more than tensors"),
    "weights of other sizes": (lambda marker, files: specimens.with_true_sums(
        files | {"weights.safetensors": b"\0" * 100}), "weights.safetensors"),
    "a description of a later version": (lambda marker, files: files | {
        "model.json": files["model.json"].replace(b'"version": 1', b'"version": 9')},
        "version is 9, this image reads 1"),
}


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Files:
    return specimens.make("lstm", tmp_path_factory.mktemp("model"))


@pytest.mark.parametrize("kind", HARMFUL)
def test_a_harmful_model_is_refused_in_words_and_does_nothing(
    kind: str, files: Files, nursery: Nursery, tmp_path: Path
) -> None:
    root, marker = lay_out(tmp_path / "job", 20, hyperparameters=SMALL), tmp_path / "executed"
    make, said = HARMFUL[kind]
    for name, content in make(marker, files).items():
        path = root / "input" / "data" / "model" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    ended = nursery.train(root)
    failure = (root / "output" / "failure").read_text()
    assert (ended.status, marker.exists()) == (1, False), ended.log
    assert failure.startswith("UserError: channel 'model': ")
    assert said in failure
    assert list((root / "model").iterdir()) == []


def test_an_empty_model_channel_is_told(nursery: Nursery, tmp_path: Path) -> None:
    root = lay_out(tmp_path, 20, hyperparameters=SMALL)
    (root / "input" / "data" / "model").mkdir()
    assert nursery.train(root).status == 1
    assert (root / "output" / "failure").read_text().startswith(
        "UserError: channel 'model': no model in ")
