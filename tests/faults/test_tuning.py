"""Tuning (T11-T13, T28): values as four clients write them, and a trial that is stopped early."""

from __future__ import annotations

import json
import re
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from contract.inputs.hyperparameters import Value
from executables import LSTM, SMALL, lay_out, until
from faults.nursery import Nursery
from sentiment.hyperparameters import HYPERPARAMETERS, METRICS

GIVEN: dict[str, Value] = {
    "epochs": 2, "batch_size": 16, "seed": 7, "text": "classic", "architecture": "lstm",
    "vocab_size": 300, "embedding_dim": 8, "hidden_dim": 9, "learning_rate": 1e-05,
    "weight_decay": 0.5, "gradient_clip": 0.25, "validation_fraction": 0.2, "validation_run": 3,
    "patience": 4, "checkpoint_seconds": 1.5, "device": "cpu", "max_bad_rows": 5}
"""A value of each hyperparameter that is not its default."""

CLIENTS: dict[str, Callable[[Any], object]] = {
    "API": str,
    "framework estimators": json.dumps,
    "ModelTrainer": lambda value: value if isinstance(value, str) else json.dumps(value),
    "HyperparameterTuner": str,
    "categorical ranges of a tuner": lambda value: json.dumps(str(value)),
    "integers as floats": lambda value: f"{value}.0" if type(value) is int else str(value),
}

CLIENTS_KEYS = {
    "_tuning_objective_metric": "validation:accuracy",
    "sagemaker_estimator_class_name": '"Estimator"',
    "sagemaker_estimator_module": '"sagemaker.estimator"',
    "sagemaker_program": "train.py", "sagemaker_submit_directory": "s3://bucket/x",
    "sagemaker_container_log_level": "20", "sagemaker_job_name": '"job"',
    "sagemaker_region": '"eu-west-1"'}

OBJECTIVES = [metric for metric in METRICS if metric.objective]


def test_there_is_a_value_for_every_hyperparameter() -> None:
    assert GIVEN.keys() == {row.name for row in HYPERPARAMETERS}


@pytest.mark.parametrize("client", CLIENTS)
def test_train_reads_every_hyperparameter_as_any_client_writes_it(
    client: str, nursery: Nursery, tmp_path: Path
) -> None:
    """The settings are in the log before the channels are looked at, and there is none."""
    written = {name: CLIENTS[client](value) for name, value in GIVEN.items()}
    config = tmp_path / "input" / "config"
    config.mkdir(parents=True)
    (config / "hyperparameters.json").write_text(json.dumps(written | CLIENTS_KEYS))
    ended = nursery.train(tmp_path)
    assert ended.status == 1
    found = json.loads(ended.log.partition("settings ")[2].splitlines()[0])
    assert found == GIVEN
    assert "no train or training channel" in (tmp_path / "output" / "failure").read_text()


@pytest.mark.parametrize("settings", [SMALL, LSTM], ids=["ngrams", "lstm"])
def test_a_trial_of_one_epoch_prints_every_objective(
    settings: dict[str, str], nursery: Nursery, tmp_path: Path
) -> None:
    ended = nursery.train(lay_out(tmp_path, 40, hyperparameters={**settings, "epochs": "1"}))
    assert ended.status == 0, ended.log
    assert all(re.search(metric.regex, ended.log) for metric in OBJECTIVES)


@pytest.mark.parametrize("settings", [SMALL, LSTM], ids=["ngrams", "lstm"])
def test_a_trial_that_is_stopped_before_its_first_epoch_ends_has_a_model_and_every_objective(
    settings: dict[str, str], nursery: Nursery, tmp_path: Path
) -> None:
    lay_out(tmp_path, 600, hyperparameters={**settings, "epochs": "1000", "batch-size": "1"})
    (tmp_path / "checkpoints").mkdir()
    with nursery.life(tmp_path, "--checkpoint-seconds", "0") as job:
        until(lambda: any((tmp_path / "checkpoints").iterdir()), "no checkpoint")
        job.send(signal.SIGTERM)
        assert job.wait() == 0, job.log
    assert "before the first epoch was complete" in job.log
    assert (tmp_path / "model" / "model.json").exists()
    assert all(re.search(metric.regex, job.log) for metric in OBJECTIVES)
