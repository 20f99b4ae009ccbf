"""`contract.training`: exit status, failure file and options, with an algorithm made for it."""

from __future__ import annotations

import errno
import json
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from contract.algorithm import Algorithm, Predictor, TrainingJob
from contract.errors import PlatformError, UserError
from contract.inputs.hyperparameters import Hyperparameter
from contract.running.metrics import Metric
from contract.training import FAILURE_LIMIT, main

pytestmark = pytest.mark.usefixtures("quiet_process")

DEPTH = Hyperparameter(name="max_depth", kind=int, default=6, minimum=1, maximum=9, help="whole")


def _no_model(directory: Path) -> Predictor:
    raise UserError(f"no model in {directory}")


def _algorithm(train: Callable[[TrainingJob], None]) -> Algorithm:
    return Algorithm("test", (DEPTH,), (Metric("loss", "text", objective=True),), train, _no_model)


def _raising(error: BaseException) -> Algorithm:
    def train(job: TrainingJob) -> None:
        raise error

    return _algorithm(train)


def _run(algorithm: Algorithm, root: Path, *options: str) -> int:
    return main(algorithm, ["--root", str(root), *options])


def test_a_job_gets_all_it_needs(tmp_path: Path) -> None:
    jobs: list[TrainingJob] = []
    (tmp_path / "input" / "data" / "train").mkdir(parents=True)
    assert _run(_algorithm(jobs.append), tmp_path, "--max-depth", "3") == 0
    [job] = jobs
    assert job.hyperparameters == {"max_depth": 3}
    assert list(job.channels) == ["train"]
    assert job.model_directory == tmp_path / "model"
    assert job.model_directory.is_dir()
    assert job.checkpoint_directory is None
    assert job.processors >= 1


@pytest.mark.parametrize(("error", "status", "sentence"), [
    (UserError("a.csv line 3: label is '7'"), 1, "UserError: a.csv line 3: label is '7'"),
    (PlatformError("no GPU"), 3, "PlatformError: no GPU"),
    (OSError(errno.ENOSPC, "full", "/x"), 3, "PlatformError: no space left; raise VolumeSizeInGB"),
    (MemoryError(), 3, "PlatformError: out of memory"),
    (KeyError("x"), 4, "AlgorithmError: a fault of the container, KeyError: 'x'."),
    (KeyboardInterrupt(), 4, "AlgorithmError: a fault of the container, KeyboardInterrupt"),
])
def test_each_blame_has_its_exit_status_and_its_sentence(
    error: BaseException, status: int, sentence: str, tmp_path: Path
) -> None:
    assert _run(_raising(error), tmp_path) == status
    assert (tmp_path / "output" / "failure").read_text().startswith(sentence)


def test_only_a_fault_of_ours_has_a_trace_in_the_log(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    _run(_raising(UserError("mend this")), tmp_path)
    assert "Traceback" not in caplog.text
    _run(_raising(KeyError("x")), tmp_path)
    assert "Traceback" in caplog.text


@pytest.mark.parametrize("message", ["x" * 5000, "é" * 5000, "\ud800 lone surrogate"],
                         ids=["long", "long and wide", "no valid unicode"])
def test_the_failure_file_is_short_utf8(message: str, tmp_path: Path) -> None:
    assert _run(_raising(UserError(message)), tmp_path) == 1
    text = (tmp_path / "output" / "failure").read_bytes().decode("utf-8")
    assert len(text) <= FAILURE_LIMIT
    assert text.startswith("UserError: ")


def test_an_earlier_runs_failure_does_not_stay(tmp_path: Path) -> None:
    assert _run(_raising(UserError("x")), tmp_path) == 1
    assert _run(_algorithm(lambda job: None), tmp_path) == 0
    assert not (tmp_path / "output" / "failure").exists()


def test_a_place_for_the_failure_that_cannot_be_written_changes_no_status(tmp_path: Path) -> None:
    def train(job: TrainingJob) -> None:
        (tmp_path / "output").write_text("a file where a folder belongs")
        raise UserError("x")

    assert _run(_algorithm(train), tmp_path) == 1


def test_a_stop_before_there_is_a_model_is_no_failure(tmp_path: Path) -> None:
    def train(job: TrainingJob) -> None:
        signal.raise_signal(signal.SIGTERM)
        job.stop.raise_if_set()

    assert _run(_algorithm(train), tmp_path) == 128 + signal.SIGTERM
    assert not (tmp_path / "output" / "failure").exists()


@pytest.mark.parametrize(("options", "message"), [
    (["max_depth"], "argument 'max_depth' is not understood; write --NAME VALUE"),
    (["--"], "argument '--' is not understood"),
    (["-d", "3"], "argument '-d' is not understood"),
    (["--max-depth"], "option --max-depth has no value; write --max-depth VALUE"),
    (["--max-dept", "3"], "unknown hyperparameter 'max-dept', did you mean 'max_depth'?"),
    (["--max-depth", "10"], "hyperparameter max-depth='10': expected a whole number in [1, 9]"),
])
def test_a_wrong_option_is_named(options: list[str], message: str, tmp_path: Path) -> None:
    assert _run(_algorithm(lambda job: None), tmp_path, *options) == 1
    assert message in (tmp_path / "output" / "failure").read_text()


def test_describe_prints_what_a_job_may_be_given_and_touches_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert _run(_raising(UserError("must not run")), tmp_path, "--describe") == 0
    description = json.loads(capsys.readouterr().out)
    [row] = description["hyperparameters"]
    assert (row["name"], row["allowed"]) == ("max_depth", "a whole number in [1, 9]")
    assert [metric["Name"] for metric in description["metric_definitions"]] == ["loss"]
    assert description["objectives"] == ["loss"]
    assert list(tmp_path.iterdir()) == []


def test_an_algorithm_for_one_host_refuses_several(tmp_path: Path) -> None:
    config = tmp_path / "input" / "config"
    config.mkdir(parents=True)
    (config / "resourceconfig.json").write_text(
        '{"current_host": "algo-1", "hosts": ["algo-1", "algo-2"]}')
    assert _run(_algorithm(lambda job: None), tmp_path) == 1
    assert (tmp_path / "output" / "failure").read_text() == (
        "UserError: test trains on one host, and the job has 2; set its InstanceCount to 1\n")
