"""The model on disk: a JSON description, a JSON vocabulary, and tensors as safetensors. No pickle.

The description lists size and SHA-256 of the other files and is written last, so a directory
without it holds no model and a directory with it holds a whole one. Files from outside are not
trusted: sizes and sums are checked before anything is parsed, shapes before anything is allocated.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor

from contract.errors import UserError
from contract.files import remove_leftovers, write_atomic
from sentiment.models.architectures import ARCHITECTURES, build, settings_of
from sentiment.models.network import Network
from sentiment.text.base import TextPipeline
from sentiment.text.pipelines import PIPELINES

FORMAT = "sentiment-model"
VERSION = 1

DESCRIPTION = "model.json"
VOCABULARY = "vocabulary.json"
WEIGHTS = "weights.safetensors"

LARGEST_JSON = 64 * 1024 * 1024
_LARGEST_SETTING = 10_000_000


@dataclass(frozen=True)
class Model:
    """Network and text pipeline, which are of no use without each other."""

    network: Network
    pipeline: TextPipeline
    description: Mapping[str, Any] = field(default_factory=dict)


def save_model(directory: Path, network: Network, weights: Mapping[str, Tensor],
               pipeline: TextPipeline, facts: Mapping[str, Any]) -> None:
    """Write the artifact; `facts` (data, training figures) go into the description as they are."""
    contents = {
        VOCABULARY: json.dumps(pipeline.vocabulary).encode(),
        WEIGHTS: save({name: tensor.detach().cpu().contiguous()
                       for name, tensor in weights.items()}),
    }
    description = {
        "format": FORMAT,
        "version": VERSION,
        "architecture": {"name": network.name, "settings": settings_of(network)},
        "text": {"name": pipeline.name, "vocabulary_size": len(pipeline.vocabulary)},
        **facts,
        "files": {name: {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}
                  for name, content in contents.items()},
    }
    (directory / DESCRIPTION).unlink(missing_ok=True)
    for name, content in contents.items():
        remove_leftovers(directory, name)
        write_atomic(directory / name, content)
    remove_leftovers(directory, DESCRIPTION)
    write_atomic(directory / DESCRIPTION,
                 (json.dumps(description, indent=2, ensure_ascii=False) + "\n").encode())


def load_own(directory: Path) -> Model:
    """Load what `save_model` has written.

    Raises:
        UserError: the artifact is damaged, foreign, or of a later version.
    """
    description = _description(directory)
    contents = {name: _checked(directory, name, description) for name in (VOCABULARY, WEIGHTS)}
    pipeline = _pipeline(description, contents[VOCABULARY])
    network = _network(description, contents[WEIGHTS])
    largest = max(pipeline.vocabulary.values(), default=0)
    if largest >= network.settings.vocabulary_size:
        raise UserError(f"{VOCABULARY}: word id {largest} has no place in an embedding of "
                        f"{network.settings.vocabulary_size}")
    return Model(network, pipeline, description)


def _description(directory: Path) -> dict[str, Any]:
    description = read_json(directory / DESCRIPTION)
    if not isinstance(description, dict) or description.get("format") != FORMAT:
        raise UserError(f'{DESCRIPTION}: expected "format": "{FORMAT}"')
    version = description.get("version")
    if version != VERSION:
        raise UserError(f"{DESCRIPTION}: version is {version!r}, this image reads {VERSION}; "
                        "use the image that trained the model")
    return description


def _checked(directory: Path, name: str, description: Mapping[str, Any]) -> bytes:
    """The bytes of a file, equal in size and sum to what the description says."""
    try:
        stated = description["files"][name]
        size, digest = int(stated["bytes"]), str(stated["sha256"])
    except (KeyError, TypeError, ValueError, OverflowError):
        raise UserError(f"{DESCRIPTION}: files.{name} lacks bytes and sha256") from None
    path = directory / name
    if not path.is_file():
        raise UserError(f"{name} is missing beside {DESCRIPTION}")
    if path.stat().st_size != size:
        raise UserError(f"{name}: {path.stat().st_size} bytes, {DESCRIPTION} says {size}; "
                        "the artifact is damaged or mixed up")
    content = path.read_bytes()
    if hashlib.sha256(content).hexdigest() != digest:
        raise UserError(f"{name}: SHA-256 differs from {DESCRIPTION}; the artifact is damaged")
    return content


def _pipeline(description: Mapping[str, Any], content: bytes) -> TextPipeline:
    stated = description.get("text")
    name = stated.get("name") if isinstance(stated, dict) else None
    if not isinstance(name, str) or name not in PIPELINES:
        raise UserError(f"{DESCRIPTION}: text is {name!r}, known are {', '.join(PIPELINES)}")
    vocabulary = _parse_json(content, VOCABULARY)
    if not isinstance(vocabulary, dict) or not all(
            type(index) is int and index >= 0 for index in vocabulary.values()):
        raise UserError(f"{VOCABULARY}: expected an object of words and whole numbers")
    return PIPELINES[name](vocabulary)


def _network(description: Mapping[str, Any], content: bytes) -> Network:
    stated = description.get("architecture")
    name = stated.get("name") if isinstance(stated, dict) else None
    if not isinstance(stated, dict) or not isinstance(name, str) or name not in ARCHITECTURES:
        raise UserError(f"{DESCRIPTION}: architecture is {name!r}, "
                        f"known are {', '.join(ARCHITECTURES)}")
    try:
        tensors = load(content)
    except (SafetensorError, ValueError, KeyError) as error:  # KeyError: a type torch lacks
        raise UserError(f"{WEIGHTS} is not a safetensors file of this kind: {error}") from error
    return fill_network(name, stated.get("settings"), tensors, WEIGHTS)


def fill_network(name: str, settings: object, tensors: Mapping[str, Tensor],
                 place: str) -> Network:
    """Build a network and give it `tensors`; nothing is allocated before all shapes fit.

    Raises:
        UserError: unknown or impossible settings; a missing, extra, misshapen, non-finite or
            senseless tensor.
    """
    if not isinstance(settings, dict) or not all(
            type(value) is int and 0 < value <= _LARGEST_SETTING for value in settings.values()):
        raise UserError(f"{place}: the architecture's settings must be whole numbers "
                        f"from 1 to {_LARGEST_SETTING}")
    try:
        with torch.device("meta"):
            network = build(name, settings)
    except TypeError as error:
        raise UserError(f"{place}: settings do not fit architecture {name}: {error}") from error
    wanted = network.state_dict()
    if wrong := sorted(map(str, wanted.keys() ^ tensors.keys())):
        raise UserError(f"{place}: tensors missing or unknown: {', '.join(wrong[:4])}")
    for key, expected in wanted.items():
        tensor = tensors[key]
        if tensor.shape != expected.shape or tensor.dtype != expected.dtype:
            raise UserError(f"{place}: tensor {key} is {tuple(tensor.shape)} {tensor.dtype}, "
                            f"expected {tuple(expected.shape)} {expected.dtype}")
        if (tensor.layout is not torch.strided or tensor.device.type != "cpu"
                or not tensor.is_contiguous()):
            # One stored number can be declared to be a million: checking it would allocate them.
            raise UserError(f"{place}: tensor {key} is not stored as plain numbers")
        if not torch.stack(tensor.aminmax()).isfinite().all():  # without a copy of all of it
            raise UserError(f"{place}: tensor {key} holds values that are not finite")
    network.load_state_dict(dict(tensors), assign=True)
    try:
        network.check()
    except ValueError as error:
        raise UserError(f"{place}: {error}") from error
    return network.requires_grad_(False).eval()


def read_json(path: Path) -> Any:
    """The JSON value in `path`; raises UserError naming the file."""
    if path.stat().st_size > LARGEST_JSON:
        raise UserError(f"{path.name}: larger than {LARGEST_JSON} bytes")
    return _parse_json(path.read_bytes(), path.name)


def _parse_json(content: bytes, name: str) -> Any:
    try:
        return json.loads(content)
    except (ValueError, RecursionError) as error:
        raise UserError(f"{name} is not JSON: {error}") from error
