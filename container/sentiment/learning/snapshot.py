"""A run's state as bytes: safetensors with a JSON note, for the checkpoint store. No pickle."""

from __future__ import annotations

import json
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor, nn

from sentiment.learning.training import State, optimizer_tensors, restore_optimizer

FORMAT = 2
"""Of what is in a snapshot; another image may have another."""

_PLAIN = ("epoch", "rows", "loss_sum", "seconds", "scale", "best_epoch", "history", "earlier",
          "ends")


def pack(model: nn.Module, optimizer: torch.optim.Optimizer, state: State) -> bytes:
    """Weights, optimiser, best weights, random state and progress."""
    tensors = {f"model.{name}": value for name, value in model.state_dict().items()}
    tensors |= {f"optimizer.{name}": value
                for name, value in optimizer_tensors(optimizer).items()}
    tensors |= {f"best.{name}": value for name, value in state.best.items()}
    tensors |= {f"before.{number}": model for number, model in enumerate(state.before)}
    tensors["random.cpu"] = torch.get_rng_state()
    if torch.cuda.is_available():
        tensors["random.cuda"] = torch.cuda.get_rng_state()
    note = json.dumps({"format": FORMAT, **{name: getattr(state, name) for name in _PLAIN}})
    return save({name: value.detach().cpu().contiguous() for name, value in tensors.items()},
                {"state": note})


def restore(content: bytes, model: nn.Module, optimizer: torch.optim.Optimizer) -> State:
    """Put everything back in place and return the progress.

    Raises:
        ValueError: the bytes are not a snapshot of such a model, which is left as it was.
    """
    try:
        groups, plain = _opened(content)
        state = State(best=groups.get("best", {}), before=_in_order(groups),
                      **{name: plain[name] for name in _PLAIN})
        _compare(groups["model"], model.state_dict())
        _compare(state.best or groups["model"], groups["model"])
        torch.set_rng_state(groups["random"]["cpu"])
        if torch.cuda.is_available() and "cuda" in groups["random"]:
            torch.cuda.set_rng_state(groups["random"]["cuda"])
        restore_optimizer(optimizer, groups.get("optimizer", {}))
        model.load_state_dict(groups["model"])
        return state
    except (SafetensorError, KeyError, RuntimeError, TypeError) as error:
        raise ValueError(f"not a usable checkpoint: {error}") from error


def before(content: bytes) -> State:
    """Where the rounds before this one ended: what they have learned, and how it went.

    Raises:
        ValueError: the bytes are not a snapshot.
    """
    try:
        groups, plain = _opened(content)
        return State(before=_in_order(groups), ends=plain["ends"], earlier=plain["earlier"])
    except (SafetensorError, KeyError) as error:
        raise ValueError(f"not a usable checkpoint: {error}") from error


def _compare(found: dict[str, Tensor], expected: dict[str, Tensor]) -> None:
    """Raises ValueError: the tensors have other names or shapes than expected."""
    here, there = ({name: tuple(value.shape) for name, value in tensors.items()}
                   for tensors in (found, expected))
    if here != there:
        raise ValueError(f"not a usable checkpoint: its tensors are {here}, not {there}")


def _in_order(groups: dict[str, dict[str, Tensor]]) -> list[Tensor]:
    models = groups.get("before", {})
    return [models[name] for name in sorted(models, key=int)]


def _opened(content: bytes) -> tuple[dict[str, dict[str, Tensor]], dict[str, Any]]:
    """Tensors by group and name, and the note; raises ValueError for those of another format."""
    groups: dict[str, dict[str, Tensor]] = {}
    for key, value in load(content).items():
        group, _, name = key.partition(".")
        groups.setdefault(group, {})[name] = value
    # From the header: 8 bytes of length, then JSON (the safetensors format).
    header = json.loads(content[8:8 + int.from_bytes(content[:8], "little")])
    note = json.loads(header["__metadata__"]["state"])
    if note["format"] != FORMAT:
        raise ValueError(f"its format is {note['format']}, and this image reads {FORMAT}")
    return groups, note
