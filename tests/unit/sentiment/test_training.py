from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, field, replace

import numpy as np
import pytest
import torch

import published
from contract.errors import PlatformError, UserError
from sentiment.learning import snapshot
from sentiment.learning.data import NO_DATA, Data
from sentiment.learning.device import Device, choose_device
from sentiment.learning.training import (
    Settings,
    State,
    adam,
    evaluate,
    optimizer_tensors,
    restore_optimizer,
    seed_everything,
    train,
)
from sentiment.models.architectures import LSTMClassifier, LSTMSettings

CPU = Device(torch.device("cpu"), torch.float32)
SIZES = LSTMSettings(vocabulary_size=40, embedding_dim=6, hidden_dim=8)
PLAIN = Settings(epochs=3, batch_size=16, learning_rate=0.01, gradient_clip=0.0, patience=0,
                 seed=4, checkpoint_seconds=1e9)


@pytest.fixture(autouse=True)
def small_micro_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    """These reviews are so few and short that they would all be one: 20 are two, 50 are four."""
    monkeypatch.setattr(LSTMClassifier, "words_at_once", 300)


def _data(count: int, seed: int = 1) -> Data:
    """Reviews whose label is whether they hold word 2; that can be learned."""
    random = np.random.default_rng(seed)
    sequences = [random.integers(2, 40, random.integers(1, 30)).astype(np.int32)
                 for _ in range(count)]
    return Data(sequences, np.array([float((ids == 2).any()) for ids in sequences], np.float32))


@dataclass
class Run:
    """One run with everything that it calls back written down."""

    data: Data = field(default_factory=lambda: _data(50))
    validation: Data = field(default_factory=lambda: _data(20, seed=2))
    settings: Settings = PLAIN
    device: Device = CPU
    should_stop: Callable[[], bool] = lambda: False
    state: State = field(default_factory=State)
    snapshots: list[bytes] = field(default_factory=list)
    reports: list[dict[str, float]] = field(default_factory=list)

    def __post_init__(self) -> None:
        seed_everything(self.settings.seed)
        self.model = LSTMClassifier(SIZES)
        self.optimizer = adam(self.model, self.settings)

    def start(self) -> Run:
        train(self.model, self.optimizer, self.state, self.data, self.validation, self.settings,
              self.device, should_stop=self.should_stop, report=self.reports.append,
              checkpoint=lambda: self.snapshots.append(
                  snapshot.pack(self.model, self.optimizer, self.state)))
        return self

    def resume(self, content: bytes) -> Run:
        self.state = snapshot.restore(content, self.model, self.optimizer)
        return self.start()


def _assert_same_weights(one: LSTMClassifier, two: LSTMClassifier) -> None:
    for name, tensor in one.state_dict().items():
        assert torch.equal(tensor, two.state_dict()[name]), name


def _figures(model: LSTMClassifier, data: Data) -> dict[str, float]:
    figures = evaluate(model, data, CPU)
    assert figures is not None
    return figures


def _after(calls: int) -> Callable[[], bool]:
    """False that many times, then True."""
    answers = iter([False] * calls)
    return lambda: next(answers, True)


def test_an_epoch_is_the_published_epoch_in_the_same_order() -> None:
    run = Run(settings=replace(PLAIN, epochs=1), validation=NO_DATA, data=_data(64))
    theirs = published.LSTMClassifier(SIZES.embedding_dim, SIZES.hidden_dim, SIZES.vocabulary_size)
    theirs.load_state_dict(run.model.state_dict())
    order = np.random.default_rng([PLAIN.seed, 0]).permutation(64)
    rows = torch.tensor([[len(ids), *ids.tolist(), *[0] * (published.PAD - len(ids))]
                         for ids in (run.data.sequences[row] for row in order)])
    loss = published.train_epoch(theirs, torch.optim.Adam(theirs.parameters(), lr=0.01), rows,
                                 torch.from_numpy(run.data.labels[order]), PLAIN.batch_size)
    run.start()
    assert run.reports[0]["train:loss"] == pytest.approx(loss, abs=1e-5)
    for name, tensor in theirs.state_dict().items():
        torch.testing.assert_close(run.model.state_dict()[name], tensor, atol=1e-4, rtol=0)


def test_it_learns() -> None:
    run = Run(data=_data(400), settings=replace(PLAIN, epochs=12, learning_rate=0.02)).start()
    assert run.reports[-1]["validation:best_accuracy"] >= 0.9
    assert run.reports[-1]["train:loss"] < run.reports[0]["train:loss"] / 2


def test_a_run_resumed_from_any_checkpoint_ends_bit_for_bit_alike() -> None:
    whole = Run(settings=replace(PLAIN, checkpoint_seconds=-1, gradient_clip=1.0)).start()
    assert len(whole.snapshots) == 3 * (4 + 1)  # after each step, and after each epoch
    for content in whole.snapshots:
        resumed = Run(settings=replace(whole.settings, checkpoint_seconds=1e9)).resume(content)
        _assert_same_weights(resumed.model, whole.model)
        assert resumed.state.history == whole.state.history
        assert resumed.state.best_epoch == whole.state.best_epoch


def test_checkpoints_inside_an_epoch_change_nothing() -> None:
    _assert_same_weights(Run(settings=replace(PLAIN, checkpoint_seconds=-1)).start().model,
                         Run().start().model)


def test_a_stopped_run_goes_on_where_it_was() -> None:
    whole = Run().start()
    for steps in range(0, 12, 3):  # the last of them is the last step of an epoch
        stopped = Run(should_stop=_after(steps)).start()
        resumed = Run().resume(stopped.snapshots[-1])
        _assert_same_weights(resumed.model, whole.model)


@pytest.mark.parametrize("steps", [0, 1, 5, 7])
def test_a_stop_ends_training_after_the_step_it_came_in(steps: int) -> None:
    run = Run(should_stop=_after(steps)).start()
    assert run.state.epoch * 50 + run.state.rows == {
        0: 16, 1: 32, 5: 50, 7: 50 + 32}[steps]  # a validation asks twice
    assert len(run.snapshots) == run.state.epoch + 1


def test_more_epochs_may_be_asked_for_on_resume() -> None:
    short = Run(settings=replace(PLAIN, epochs=1)).start()
    resumed = Run().resume(short.snapshots[-1])
    assert [report["epoch"] for report in resumed.reports] == [2.0, 3.0]
    _assert_same_weights(resumed.model, Run().start().model)


def test_the_order_of_reviews_differs_between_epochs_and_seeds() -> None:
    one, two = Run().start(), Run(settings=replace(PLAIN, seed=5))
    two.model.load_state_dict(Run().model.state_dict())
    two.start()
    assert one.reports[0]["train:loss"] != two.reports[0]["train:loss"]


def test_the_best_epochs_weights_are_kept() -> None:
    run = Run(settings=replace(PLAIN, epochs=6, learning_rate=0.1)).start()
    accuracies = [report["validation:accuracy"] for report in run.reports]
    run.model.load_state_dict(run.state.best)
    assert _figures(run.model, run.validation)["accuracy"] == max(accuracies)
    assert accuracies[run.state.best_epoch - 1] == max(accuracies)
    assert run.reports[-1]["validation:best_accuracy"] == max(accuracies)


def test_the_best_so_far_never_falls() -> None:
    run = Run(settings=replace(PLAIN, epochs=6, learning_rate=0.1)).start()
    best = [report["validation:best_accuracy"] for report in run.reports]
    assert best == sorted(best)


def test_without_validation_reviews_the_last_epoch_is_kept() -> None:
    run = Run(validation=NO_DATA).start()
    assert run.state.best_epoch == 3
    assert torch.equal(run.state.best["dense.bias"], run.model.dense.bias)
    assert set(run.reports[0]) == {"train:loss", "epoch"}


def test_patience_ends_training_that_gets_no_better() -> None:
    # With a step of next to nothing the accuracy never changes, so the first epoch stays best.
    patient = replace(PLAIN, epochs=50, patience=2, learning_rate=1e-30)
    run = Run(settings=patient).start()
    assert (run.state.best_epoch, run.state.epoch) == (1, 3)
    resumed = Run(settings=patient).resume(run.snapshots[-1])
    assert resumed.state.epoch == 3


@pytest.mark.parametrize("broken", [float("nan"), float("inf")])
def test_a_loss_that_is_no_number_says_what_to_change(broken: float) -> None:
    run = Run()
    with torch.no_grad():
        run.model.dense.bias.fill_(broken)
    with pytest.raises(UserError, match=r"^the loss is .*lower learning_rate \(now 0\.01\)"):
        run.start()


def test_the_gradient_is_clipped_to_the_norm_asked_for() -> None:
    run = Run(settings=replace(PLAIN, epochs=1, gradient_clip=1e-3)).start()
    norm = torch.stack([parameter.grad.norm() for parameter in run.model.parameters()
                        if parameter.grad is not None]).norm()
    assert float(norm) <= 1e-3 * 1.001


def test_evaluation_counts_every_review_once() -> None:
    model = LSTMClassifier(SIZES)
    data = _data(67)
    alone = [_figures(model, Data([ids], data.labels[row:row + 1]))
             for row, ids in enumerate(data.sequences)]
    together = _figures(model, data)
    assert together["accuracy"] == pytest.approx(sum(one["accuracy"] for one in alone) / 67)
    assert together["loss"] == pytest.approx(sum(one["loss"] for one in alone) / 67, abs=1e-6)


def test_the_optimisers_memory_survives_as_flat_tensors() -> None:
    run = Run().start()
    other = adam(LSTMClassifier(SIZES), PLAIN)
    restore_optimizer(other, optimizer_tensors(run.optimizer))
    for name, tensor in optimizer_tensors(run.optimizer).items():
        assert torch.equal(optimizer_tensors(other)[name], tensor), name


def test_a_gpu_learns_from_a_whole_batch_at_once_and_a_cpu_from_some_words() -> None:
    lengths = np.array([7, 100, 100, 90, 299])
    gpu = Device(torch.device("cuda"), torch.bfloat16)
    assert [list(group) for group in gpu.micro_batches(lengths, 5, 300)] == [[0, 3, 1, 2, 4]]
    assert [list(group) for group in CPU.micro_batches(lengths, 5, 300)] == [[4], [2], [0, 3, 1]]


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has a GPU")
def test_without_a_gpu_auto_is_the_cpu_and_cuda_fails(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    assert choose_device("auto", 1) == choose_device("cpu", 1) == CPU
    assert "computing on the CPU" in caplog.text
    with pytest.raises(PlatformError, match="choose a GPU instance"):
        choose_device("cuda", 1)


def test_the_number_of_processors_changes_nothing_but_the_time() -> None:
    several_groups = replace(PLAIN, batch_size=50)
    lengths = _data(50).lengths(np.arange(50))
    assert len(CPU.micro_batches(lengths, 50, LSTMClassifier.words_at_once)) == 4
    alone = Run(settings=several_groups).start()
    with choose_device("cpu", 3) as device:
        together = Run(settings=several_groups, device=device).start()
    _assert_same_weights(alone.model, together.model)


def test_a_stop_while_it_validates_keeps_the_best_before() -> None:
    asked = 0

    def in_the_second_validation() -> bool:
        """A step is asked about once, and so is each of the two groups in a validation."""
        nonlocal asked
        asked += 1
        return asked > 2 * 4 + 2

    run = Run(settings=replace(PLAIN, epochs=9), should_stop=in_the_second_validation).start()
    assert run.state.epoch == 1
    assert run.state.best_epoch == 1
    assert run.state.rows == len(run.data)
    resumed = Run(settings=replace(PLAIN, epochs=2)).resume(run.snapshots[-1])
    whole = Run(settings=replace(PLAIN, epochs=2)).start()
    _assert_same_weights(resumed.model, whole.model)
