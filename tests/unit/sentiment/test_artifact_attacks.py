"""Artifacts made to hurt whoever loads them: safetensors and JSON that lie, nest and swell.

Sources: Trail of Bits' review of safetensors (2023) and the format's own list of what is refused;
the JSON Parsing Test Suite (N. Seriot, "Parsing JSON is a Minefield", 2016).
"""

from __future__ import annotations

import hashlib
import json
import os
import struct
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from contract.errors import UserError
from sentiment.artifacts.artifact import DESCRIPTION, VOCABULARY, WEIGHTS, save_model
from sentiment.artifacts.loading import load_model
from sentiment.models.architectures import LSTMClassifier, LSTMSettings
from sentiment.reviews.encoded import parse_word_dict
from sentiment.text.classic import Classic

MEMORY = 100 * 2**20
"""Bytes of Python's own; the largest attack has 8 MB."""
TENSOR = {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """A directory with a whole artifact."""
    network = LSTMClassifier(LSTMSettings(vocabulary_size=5, embedding_dim=2, hidden_dim=3))
    save_model(tmp_path, network, network.state_dict(), Classic({"film": 2}), {})
    return tmp_path


def _replace(model: Path, name: str, content: bytes) -> None:
    """Another content, with size and sum in the description as they should be."""
    (model / name).write_bytes(content)
    description = json.loads((model / DESCRIPTION).read_text())
    description["files"][name] = {"bytes": len(content),
                                  "sha256": hashlib.sha256(content).hexdigest()}
    (model / DESCRIPTION).write_text(json.dumps(description))


def _refusal(model: Path) -> str:
    tracemalloc.start()
    try:
        with pytest.raises(UserError) as caught:
            load_model(model)
        assert tracemalloc.get_traced_memory()[1] < MEMORY
    finally:
        tracemalloc.stop()
    assert "\n" not in str(caught.value)
    return str(caught.value)


def _stored(header: bytes, numbers: bytes = bytes(4)) -> bytes:
    return struct.pack("<Q", len(header)) + header + numbers


def _tensors(numbers: bytes = bytes(4), **tensors: object) -> bytes:
    return _stored(json.dumps(tensors).encode(), numbers)


def _tensor(**changes: object) -> bytes:
    return _tensors(x={**TENSOR, **changes})


SAFETENSORS: dict[str, bytes] = {
    "nothing": b"",
    "no header": bytes(4),
    "a header of no bytes": struct.pack("<Q", 0),
    "a header longer than the file": struct.pack("<Q", 100) + b"{}",
    "a header of 2**63 bytes": struct.pack("<Q", 2**63) + b"{}",
    "a header of 2**64 - 8 bytes": struct.pack("<Q", 2**64 - 8) + b"{}",
    "a header of 101 MB": struct.pack("<Q", 101_000_000) + b"{}",
    "a header that is no UTF-8": _stored(b'{"\xff": 1}'),
    "a header that is no JSON": _stored(b"{"),
    "a header that is a list": _stored(b"[]"),
    "a header of 100,000 brackets": _stored(b'{"x":' + b"[" * 100_000),
    "white space before the header": _stored(b" " * 8 + json.dumps({"x": TENSOR}).encode()),
    "a tensor that is a number": _tensors(x=1),
    "a tensor without a place": _tensors(x={"dtype": "F32", "shape": [1]}),
    "a type that is none": _tensor(dtype="PICKLE"),
    "a place that begins before the file": _tensor(data_offsets=[-4, 0]),
    "a place behind the file": _tensor(data_offsets=[4, 8]),
    "a place that ends before it begins": _tensor(data_offsets=[4, 0]),
    "a place of 2**64 bytes": _tensor(data_offsets=[0, 2**64]),
    "places that overlap": _tensors(x=TENSOR, y=TENSOR),
    "a hole between two places": _tensors(bytes(12), x=TENSOR, y={
        **TENSOR, "data_offsets": [8, 12]}),
    "bytes behind the last place": _tensors(bytes(5_000_000), x=TENSOR),
    "a shape that is larger than its place": _tensor(shape=[2]),
    "a shape that is smaller than its place": _tensor(shape=[0]),
    "a shape that wraps round": _tensor(shape=[2**32, 2**32]),
    "a shape of a negative size": _tensor(shape=[-1]),
    "a shape with a fraction": _tensor(shape=[1.5]),
    "a shape of a million sizes": _tensor(shape=[1] * 1_000_000),
    "one name twice": _stored(b'{"x": %b, "x": %b}' % ((json.dumps(TENSOR).encode(),) * 2)),
    "facts that are numbers": _tensors(__metadata__={"format": 1}, x=TENSOR),
    "10,000 tensors of nothing": _tensors(b"", **{
        str(number): {"dtype": "F32", "shape": [0], "data_offsets": [0, 0]}
        for number in range(10_000)}),
    "a pickle": b"\x80\x04cos\nsystem\n(Vtrue\ntR.",
    "a zip": b"PK\x03\x04" + bytes(100),
}


@pytest.mark.parametrize("content", SAFETENSORS.values(), ids=SAFETENSORS)
def test_weights_that_lie_are_refused(content: bytes, model: Path) -> None:
    _replace(model, WEIGHTS, content)
    assert _refusal(model).startswith(WEIGHTS)


JSON: dict[str, bytes] = {
    "nothing": b"",
    "100,000 brackets": b"[" * 100_000,
    "100,000 objects in objects": b'{"a":' * 100_000,
    "a number of a million digits": b'{"film": ' + b"1" * 1_000_000 + b"}",
    "a number beyond all": b'{"film": 1e999}',
    "no number": b'{"film": NaN}',
    "a fraction": b'{"film": 2.0}',
    "a word twice, the second time badly": b'{"film": 2, "film": -1}',
    "a value behind the value": b'{"film": 2} {"film": 3}',
    "bytes that are no UTF-8": b'{"\xff\xfe": 2}',
    "a zero byte": b'{"film": 2}\0',
    "a comment": b'{"film": 2} // fine',
    "a list of pairs": b'[["film", 2]]',
    "an object in an object": b'{"film": {"__class__": 2}}',
}


@pytest.mark.parametrize("content", JSON.values(), ids=JSON)
def test_a_vocabulary_that_is_no_plain_one_is_refused(content: bytes, model: Path) -> None:
    _replace(model, VOCABULARY, content)
    assert _refusal(model).startswith(VOCABULARY)


@pytest.mark.parametrize("content", JSON.values(), ids=JSON)
def test_a_description_that_is_no_plain_one_is_refused(content: bytes, model: Path) -> None:
    (model / DESCRIPTION).write_bytes(content)
    assert _refusal(model).startswith(DESCRIPTION)


# Whether an id is in range is asked by the caller, as for a pickle.
@pytest.mark.parametrize("name", sorted(JSON.keys() - {"a word twice, the second time badly"}))
def test_a_word_dictionary_that_is_no_plain_one_is_refused(name: str) -> None:
    with pytest.raises(UserError, match=r"^word_dict\.json"):
        parse_word_dict(JSON[name], "word_dict.json")


def _describe(change: Callable[[dict[str, Any]], object]) -> Callable[[Path], None]:
    def apply(model: Path) -> None:
        path = model / DESCRIPTION
        description = json.loads(path.read_text())
        change(description)
        path.write_text(json.dumps(description))
    return apply


def _link(name: str, target: str) -> Callable[[Path], None]:
    def apply(model: Path) -> None:
        (model / name).unlink()
        (model / name).symlink_to(target)
    return apply


def _pipe(model: Path) -> None:
    (model / WEIGHTS).unlink()
    os.mkfifo(model / WEIGHTS)


DIRECTORIES: dict[str, tuple[Callable[[Path], None], str]] = {
    "weights that are all zeros there are": (_link(WEIGHTS, "/dev/zero"), "is missing"),
    "weights that are a pipe": (_pipe, "is missing"),
    "weights that are a password": (_link(WEIGHTS, "/etc/passwd"), "bytes, model.json says"),
    "weights that are the folder": (_link(WEIGHTS, "."), "is missing"),
    "weights that are themselves": (_link(WEIGHTS, WEIGHTS), "is missing"),
    "a description that is a password": (_link(DESCRIPTION, "/etc/passwd"), "is not JSON"),
    "a size that is infinite": (
        _describe(lambda said: said["files"][WEIGHTS].update(bytes=float("inf"))), "lacks bytes"),
    "a size that is none": (
        _describe(lambda said: said["files"][WEIGHTS].update(bytes="many")), "lacks bytes"),
    "files that are a list": (_describe(lambda said: said.update(files=[])), "lacks bytes"),
    "another program's name": (
        _describe(lambda said: said["architecture"].update(name="os.system")), "known are"),
    "text that is read by a path": (
        _describe(lambda said: said["text"].update(name="../../etc/passwd")), "known are"),
}


@pytest.mark.parametrize(("spoil", "words"), DIRECTORIES.values(), ids=DIRECTORIES)
def test_a_directory_that_is_laid_out_to_mislead_is_refused(
        spoil: Callable[[Path], None], words: str, model: Path) -> None:
    spoil(model)
    said = _refusal(model)
    assert words in said
    assert "root:" not in said
