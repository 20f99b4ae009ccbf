"""The training loop and the evaluation. They know tensors and a clock, but no files.

Read `train` from top to bottom: it is the loop in the order in which things happen.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from contract.errors import UserError
from contract.progress import Progress
from sentiment.batches import make_batch
from sentiment.device import Device
from sentiment.network import Network


@dataclass(frozen=True, kw_only=True)
class Settings:
    """How to train; the names are those of the hyperparameters."""

    epochs: int
    batch_size: int
    learning_rate: float
    gradient_clip: float
    """Largest norm of the gradient; 0 for no bound."""
    patience: int
    """Epochs without a better validation accuracy before training ends; 0 for no such end."""
    seed: int
    checkpoint_seconds: float
    weight_decay: float = 0.0
    """Of each weight, added to its gradient: an L2 penalty."""
    decay: bool = False
    """Whether the learning rate goes down to 0, in a straight line, over the epochs."""


@dataclass(frozen=True)
class Data:
    """Encoded reviews and their labels."""

    sequences: Sequence[npt.NDArray[np.int32]]
    labels: npt.NDArray[np.float32]
    """1 for positive, or the probability of that, shape (reviews,)."""

    def __len__(self) -> int:
        return len(self.sequences)

    def lengths(self, rows: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        return np.fromiter((len(self.sequences[row]) for row in rows), np.int64, len(rows))


@dataclass
class State:
    """Where a run stands; with the weights and the optimiser all that a resume needs."""

    epoch: int = 0
    """Epochs that are complete."""
    rows: int = 0
    """Reviews of the current epoch that have been learned."""
    loss_sum: float = 0.0
    """Sum of the losses over those reviews."""
    seconds: float = 0.0
    scale: float = 65536.0
    """Of the loss, where half precision needs it (`torch.amp.GradScaler`)."""
    best_epoch: int = 0
    best: dict[str, Tensor] = field(default_factory=dict)
    """Weights of the best epoch so far, on the CPU; empty before the first is complete."""
    history: list[dict[str, float]] = field(default_factory=list)
    """The metrics of each complete epoch."""
    earlier: list[dict[str, float]] = field(default_factory=list)
    """The same of the rounds before, where there are several (`sentiment.selftraining`)."""
    before: list[Tensor] = field(default_factory=list)
    """What those rounds have learned, on the CPU, in the form that the architecture chooses."""


def train(model: Network, optimizer: torch.optim.Optimizer, state: State, data: Data,
          validation: Data, settings: Settings, device: Device, *,
          should_stop: Callable[[], bool], checkpoint: Callable[[], None],
          report: Callable[[dict[str, float]], None]) -> None:
    """Train until the epochs are done, patience has run out, or `should_stop` says so.

    `state` is brought up to date as it goes and holds the best weights at the end; `checkpoint`
    is called at the end of every epoch, every `checkpoint_seconds`, and when asked to stop.

    Raises:
        UserError: the loss is not a finite number any more.
    """
    scaler = torch.amp.GradScaler(init_scale=state.scale,
                                  enabled=device.precision is torch.float16)
    while state.epoch < settings.epochs and not _out_of_patience(state, settings):
        started = last_checkpoint = time.monotonic()
        # The order depends on seed and epoch alone, so a resumed epoch goes on where it was.
        order = np.random.default_rng([settings.seed, state.epoch]).permutation(len(data))
        model.train()
        with Progress(f"epoch {state.epoch + 1}/{settings.epochs}", settings.epochs * len(data),
                      "reviews", done=state.epoch * len(data) + state.rows) as progress:
            while state.rows < len(data):
                rows = order[state.rows:state.rows + settings.batch_size]
                if settings.decay:
                    done = (state.epoch + state.rows / len(data)) / settings.epochs
                    for group in optimizer.param_groups:
                        group["lr"] = settings.learning_rate * (1 - done)
                loss = _learn(model, optimizer, scaler, data, rows, settings, device)
                state.loss_sum += loss * len(rows)
                state.scale = scaler.get_scale() if scaler.is_enabled() else state.scale
                state.rows += len(rows)
                progress.advance(len(rows))
                if should_stop():
                    state.seconds += time.monotonic() - started
                    checkpoint()
                    return
                if time.monotonic() - last_checkpoint > settings.checkpoint_seconds:
                    checkpoint()
                    last_checkpoint = time.monotonic()
        state.seconds += time.monotonic() - started
        if not _finish_epoch(model, state, data, validation, device, should_stop, report):
            checkpoint()
            return
        checkpoint()


def _learn(model: Network, optimizer: torch.optim.Optimizer, scaler: torch.amp.GradScaler,
           data: Data, rows: npt.NDArray[np.int64], settings: Settings, device: Device) -> float:
    """One step of the optimiser on `rows`; returns their mean loss."""
    parameters = list(model.parameters())

    def compute(group: npt.NDArray[np.int64]) -> tuple[Tensor, tuple[Tensor, ...]]:
        """Loss and gradients of one micro-batch, each its share of the batch's mean."""
        chosen = rows[group]
        batch = make_batch([data.sequences[row] for row in chosen]).to(device.device)
        labels = torch.from_numpy(data.labels[chosen]).to(device.device)
        with device.autocast():
            logits = model(batch.ids, batch.lengths)
        loss = nn.functional.binary_cross_entropy_with_logits(
            logits.float(), labels, reduction="sum") / len(rows)
        return loss.detach(), torch.autograd.grad(scaler.scale(loss), parameters)

    optimizer.zero_grad(set_to_none=True)
    total = torch.zeros((), device=device.device)
    groups = device.micro_batches(data.lengths(rows), len(rows), model.words_at_once)
    for loss, gradients in device.map(compute, groups):
        total += loss
        for parameter, gradient in zip(parameters, gradients, strict=True):
            if parameter.grad is None:
                parameter.grad = gradient
            else:
                parameter.grad += gradient
    mean = float(total)
    if not math.isfinite(mean):
        raise UserError(f"the loss is {mean} after {len(rows)} more reviews; "
                        f"lower learning_rate (now {settings.learning_rate:g})")
    if settings.gradient_clip:
        scaler.unscale_(optimizer)
        nn.utils.clip_grad_norm_(parameters, settings.gradient_clip)
    scaler.step(optimizer)
    scaler.update()
    return mean


def _finish_epoch(model: Network, state: State, data: Data, validation: Data,
                  device: Device, should_stop: Callable[[], bool],
                  report: Callable[[dict[str, float]], None]) -> bool:
    """Evaluate, report, and keep the weights if they are the best so far; False if stopped."""
    metrics = {"train:loss": state.loss_sum / len(data)}
    if len(validation):
        figures = evaluate(model, validation, device, should_stop)
        if figures is None:
            return False
        metrics |= {f"validation:{name}": value for name, value in figures.items()}
    state.epoch, state.rows, state.loss_sum = state.epoch + 1, 0, 0.0
    state.history.append(metrics)
    if max(state.history, key=_merit) is metrics:
        state.best = {name: tensor.detach().cpu().clone()
                      for name, tensor in model.state_dict().items()}
        state.best_epoch = state.epoch
    if len(validation):
        metrics["validation:best_accuracy"] = state.history[state.best_epoch - 1][
            "validation:accuracy"]
    metrics["epoch"] = float(len(state.earlier) + state.epoch)
    report(metrics)
    return True


def _merit(metrics: dict[str, float]) -> tuple[float, float]:
    """Higher is better: validation accuracy, then validation loss; without them, the last epoch."""
    if "validation:accuracy" in metrics:
        return metrics["validation:accuracy"], -metrics["validation:loss"]
    return metrics.get("epoch", math.inf), 0.0


def _out_of_patience(state: State, settings: Settings) -> bool:
    return bool(settings.patience and state.epoch - state.best_epoch >= settings.patience)


def evaluate(model: Network, data: Data, device: Device,
             should_stop: Callable[[], bool] = lambda: False) -> dict[str, float] | None:
    """`loss` (mean cross entropy in nats) and `accuracy` (0 to 1) on all of `data`.

    None if `should_stop` said so before the end: figures of a part would be taken for the whole.
    """
    model.eval()

    def compute(group: npt.NDArray[np.int64]) -> tuple[int, float, int]:
        """Number of reviews, sum of losses, right answers."""
        batch = make_batch([data.sequences[row] for row in group]).to(device.device)
        labels = torch.from_numpy(data.labels[group]).to(device.device)
        with torch.inference_mode(), device.autocast():
            logits = model(batch.ids, batch.lengths).float()
        loss = nn.functional.binary_cross_entropy_with_logits(logits, labels, reduction="sum")
        return len(group), float(loss), int(((logits > 0).float() == labels).sum())

    loss, correct = 0.0, 0
    groups = device.micro_batches(data.lengths(np.arange(len(data))), 512, model.words_at_once)
    with Progress("evaluating", len(data), "reviews") as progress:
        for count, losses, right in device.map(compute, groups):
            loss += losses
            correct += right
            progress.advance(count)
            if should_stop():
                return None
    return {"loss": loss / len(data), "accuracy": correct / len(data)}


def log_odds(model: Network, sequences: Sequence[npt.NDArray[np.int32]],
             device: Device) -> npt.NDArray[np.float64]:
    """Of each review, shape (reviews,)."""
    model.eval()
    found = np.empty(len(sequences))
    lengths = np.fromiter(map(len, sequences), np.int64, len(sequences))

    def compute(group: npt.NDArray[np.int64]) -> tuple[npt.NDArray[np.int64], Tensor]:
        batch = make_batch([sequences[row] for row in group]).to(device.device)
        with torch.inference_mode(), device.autocast():
            return group, model(batch.ids, batch.lengths).float().cpu()

    groups = device.micro_batches(lengths, 512, model.words_at_once)
    for group, values in device.map(compute, groups):
        found[group] = values.numpy()
    return found


def adam(model: Network, settings: Settings) -> torch.optim.Optimizer:
    return torch.optim.Adam(model.parameters(), lr=settings.learning_rate,
                            weight_decay=settings.weight_decay)


def seed_everything(seed: int) -> None:
    """Weights start from `seed`; the order of reviews is drawn from it in `train`."""
    torch.manual_seed(seed)


def optimizer_tensors(optimizer: torch.optim.Optimizer) -> dict[str, Tensor]:
    """The optimiser's memory as flat names, for a file of tensors."""
    states: dict[int, dict[str, Any]] = optimizer.state_dict()["state"]
    return {f"{index}.{name}": value for index, state in states.items()
            for name, value in state.items()}


def restore_optimizer(optimizer: torch.optim.Optimizer, tensors: dict[str, Tensor]) -> None:
    """The inverse of `optimizer_tensors`."""
    states: dict[int, dict[str, Tensor]] = {}
    for key, value in tensors.items():
        index, _, name = key.partition(".")
        states.setdefault(int(index), {})[name] = value
    optimizer.load_state_dict(optimizer.state_dict() | {"state": states})
