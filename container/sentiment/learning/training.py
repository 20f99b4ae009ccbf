"""The training loop and the evaluation. They know tensors and a clock, but no files.

Read `train` from top to bottom: it is the loop in the order in which things happen.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from contract.errors import UserError
from contract.running.progress import Progress
from sentiment.learning.data import Data, Rows
from sentiment.learning.device import Device
from sentiment.learning.distributed import ALONE, Group
from sentiment.models.batches import make_batch
from sentiment.models.network import Network


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
    """The same of the rounds before, where there are several (`selftraining`)."""
    before: list[Tensor] = field(default_factory=list)
    """What those rounds have learned, on the CPU, in the form that the architecture chooses."""
    ends: list[int] = field(default_factory=list)
    """The epoch, counted over all rounds, that each of `before` is of."""


def train(model: Network, optimizer: torch.optim.Optimizer, state: State, data: Data,
          validation: Data, settings: Settings, device: Device, *,
          should_stop: Callable[[], bool], checkpoint: Callable[[], None],
          report: Callable[[dict[str, float]], None], group: Group = ALONE) -> None:
    """Train until the epochs are done, patience has run out, or `should_stop` says so.

    `state` is brought up to date as it goes and holds the best weights at the end; `checkpoint`
    is called at the end of every epoch, every `checkpoint_seconds`, and when asked to stop.

    All processes of `group` make the same steps and hold the same weights; each computes its part
    of every batch, and all stop together as soon as one of them is asked to.

    Raises:
        UserError: the loss is not a finite number any more.
    """
    scaler = torch.amp.GradScaler(init_scale=state.scale,
                                  enabled=device.precision is torch.float16)
    while state.epoch < settings.epochs and not _out_of_patience(state, settings):
        started = last_checkpoint = time.monotonic()
        # The order depends on seed and epoch alone, so a resumed epoch goes on where it was.
        order = np.random.default_rng([settings.seed, state.epoch]).permutation(data.total)
        model.train()
        with Progress(f"epoch {state.epoch + 1}/{settings.epochs}", settings.epochs * data.total,
                      "reviews", done=state.epoch * data.total + state.rows) as progress:
            while state.rows < data.total:
                rows = order[state.rows:state.rows + settings.batch_size]
                if settings.decay:
                    done = (state.epoch + state.rows / data.total) / settings.epochs
                    for options in optimizer.param_groups:
                        options["lr"] = settings.learning_rate * (1 - done)
                loss, stop = _learn(model, optimizer, scaler, data, rows, settings, device, group,
                                    should_stop())
                state.loss_sum += loss * len(rows)
                state.scale = scaler.get_scale() if scaler.is_enabled() else state.scale
                state.rows += len(rows)
                progress.advance(len(rows))
                if stop:
                    state.seconds += time.monotonic() - started
                    checkpoint()
                    return
                if time.monotonic() - last_checkpoint > settings.checkpoint_seconds:
                    checkpoint()
                    last_checkpoint = time.monotonic()
        state.seconds += time.monotonic() - started
        if not _finish_epoch(model, state, data, validation, device, should_stop, report, group):
            checkpoint()
            return
        checkpoint()


def _learn(model: Network, optimizer: torch.optim.Optimizer, scaler: torch.amp.GradScaler,
           data: Data, rows: Rows, settings: Settings, device: Device, group: Group = ALONE,
           stop: bool = False) -> tuple[float, bool]:
    """One step of the optimiser on `rows`, numbered over all processes.

    Returns:
        Their mean loss, and whether any process wants to stop, as this one does if `stop`.
    """
    parameters = list(model.parameters())
    places = data.mine(rows)

    def compute(part: Rows) -> tuple[Tensor, tuple[Tensor, ...]]:
        """Loss and gradients of one micro-batch, each its share of the batch's mean."""
        chosen = places[part]
        batch = make_batch([data.sequences[row] for row in chosen]).to(device.device)
        labels = torch.from_numpy(data.labels[chosen]).to(device.device)
        with device.autocast():
            logits = model(batch.ids, batch.lengths)
        loss = nn.functional.binary_cross_entropy_with_logits(
            logits.float(), labels, reduction="sum") / len(rows)
        return loss.detach(), torch.autograd.grad(scaler.scale(loss), parameters)

    optimizer.zero_grad(set_to_none=True)
    total = torch.zeros((), device=device.device)
    parts = device.micro_batches(data.lengths(places), max(1, len(places)), model.words_at_once)
    for loss, gradients in device.map(compute, parts):
        total += loss
        for parameter, gradient in zip(parameters, gradients, strict=True):
            if parameter.grad is None:
                parameter.grad = gradient
            else:
                parameter.grad += gradient
    found = [torch.zeros_like(parameter) if parameter.grad is None else parameter.grad
             for parameter in parameters]
    # One exchange for each step: gradients, loss, and the wish to stop.
    *summed, total, stops = group.total([*found, total, torch.full_like(total, float(stop))])
    for parameter, gradient in zip(parameters, summed, strict=True):
        parameter.grad = gradient
    mean, stopping = torch.stack([total, stops]).tolist()
    if not math.isfinite(mean):
        raise UserError(f"the loss is {mean} after {len(rows)} more reviews; "
                        f"lower learning_rate (now {settings.learning_rate:g})")
    if settings.gradient_clip:
        scaler.unscale_(optimizer)
        nn.utils.clip_grad_norm_(parameters, settings.gradient_clip)
    scaler.step(optimizer)
    scaler.update()
    return mean, bool(stopping)


def _finish_epoch(model: Network, state: State, data: Data, validation: Data,
                  device: Device, should_stop: Callable[[], bool],
                  report: Callable[[dict[str, float]], None], group: Group) -> bool:
    """Evaluate, report, and keep the weights if they are the best so far; False if stopped."""
    metrics = {"train:loss": state.loss_sum / data.total}
    if validation.total:
        figures = evaluate(model, validation, device, should_stop, group)
        if figures is None:
            return False
        metrics |= {f"validation:{name}": value for name, value in figures.items()}
    state.epoch, state.rows, state.loss_sum = state.epoch + 1, 0, 0.0
    state.history.append(metrics)
    if max(state.history, key=_merit) is metrics:
        state.best = {name: tensor.detach().cpu().clone()
                      for name, tensor in model.state_dict().items()}
        state.best_epoch = state.epoch
    if validation.total:
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
             should_stop: Callable[[], bool] = lambda: False,
             group: Group = ALONE) -> dict[str, float] | None:
    """`loss` (mean cross entropy in nats) and `accuracy` (0 to 1) on all of `data`.

    None if `should_stop` said so before the end: figures of a part would be taken for the whole.
    """
    model.eval()
    places = data.mine()

    def compute(part: Rows) -> tuple[int, float, int]:
        """Number of reviews, sum of losses, right answers."""
        chosen = places[part]
        batch = make_batch([data.sequences[place] for place in chosen]).to(device.device)
        labels = torch.from_numpy(data.labels[chosen]).to(device.device)
        with torch.inference_mode(), device.autocast():
            logits = model(batch.ids, batch.lengths).float()
        loss = nn.functional.binary_cross_entropy_with_logits(logits, labels, reduction="sum")
        return len(chosen), float(loss), int(((logits > 0).float() == labels).sum())

    loss, correct, stop = 0.0, 0, False
    parts = device.micro_batches(data.lengths(places), 512, model.words_at_once)
    with Progress("evaluating", len(places), "reviews") as progress:
        for count, losses, right in device.map(compute, parts):
            loss += losses
            correct += right
            progress.advance(count)
            if stop := should_stop():
                break
    loss, right_ones, stops = group.add(np.array([loss, correct, stop], np.float64)).tolist()
    return None if stops else {"loss": loss / data.total, "accuracy": right_ones / data.total}


def log_odds(model: Network, data: Data, device: Device,
             group: Group = ALONE) -> npt.NDArray[np.float64]:
    """Of each review of all processes, shape (reviews,)."""
    model.eval()
    places = data.mine()
    found = np.empty(len(places))

    def compute(part: Rows) -> tuple[Rows, Tensor]:
        batch = make_batch([data.sequences[place] for place in places[part]]).to(device.device)
        with torch.inference_mode(), device.autocast():
            return part, model(batch.ids, batch.lengths).float().cpu()

    parts = device.micro_batches(data.lengths(places), 512, model.words_at_once)
    for part, values in device.map(compute, parts):
        found[part] = values.numpy()
    return data.everywhere(group, places, found)


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
