"""`contract.processing`: settings, exit status and exit message, with a task made for it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from contract.algorithm import Algorithm, TrainingJob
from contract.errors import PlatformError, UserError
from contract.inputs.hyperparameters import Hyperparameter
from contract.paths import Paths
from contract.processing import MESSAGE_LIMIT, main
from contract.tasks import ProcessingJob, ProcessingTask
from contract.training import main as train
from processing_jobs import lay_out, request, write_config

Process = Callable[..., tuple[int, str]]

OPTIONS = (Hyperparameter(name="times", kind=int, default=1, minimum=1, maximum=9,
                          help="how often"),)


def _algorithm(work: Callable[[ProcessingJob], str]) -> Algorithm:
    def refuse(job: TrainingJob) -> None:
        raise AssertionError("no training was asked for")

    def load(directory: Path) -> Any:
        raise AssertionError("no model was asked for")

    return Algorithm("stand-in", (), (), refuse, load,
                     tasks={"count": ProcessingTask("count", OPTIONS, work)})


@pytest.fixture
def process(quiet_process: None, tmp_path: Path) -> Process:
    """Run `process` in `tmp_path`; returns its exit status and message."""
    def run(work: Callable[[ProcessingJob], str], *arguments: str) -> tuple[int, str]:
        status = main(_algorithm(work), ["--root", str(tmp_path), *arguments])
        return status, Paths(tmp_path).message.read_bytes().decode()

    return run


def _fails(error: Exception) -> Callable[[ProcessingJob], str]:
    def work(job: ProcessingJob) -> str:
        raise error

    return work


def test_a_task_is_given_its_options_and_its_message_is_kept(process: Process) -> None:
    assert process(lambda job: f"{job.options['times']} times", "count", "--times", "3") == (
        0, "3 times")


@pytest.mark.parametrize(("error", "status", "words"), [
    (UserError("no such review"), 1, "UserError: no such review"),
    (PlatformError("no disk"), 3, "PlatformError: no disk"),
    (ZeroDivisionError("a bug"), 4, "AlgorithmError: a fault of the container, ZeroDivisionError"),
])
def test_a_failure_has_its_status_and_its_sentence(process: Process, error: Exception, status: int,
                                                   words: str) -> None:
    ended, message = process(_fails(error), "count")
    assert ended == status
    assert message.startswith(words)


@pytest.mark.parametrize("text", ["é" * 1000, "x" + "🎬" * 500, "\ud800" * 2000, "x" * 1025])
def test_a_long_message_is_cut_between_two_characters(process: Process, tmp_path: Path,
                                                      text: str) -> None:
    _, message = process(lambda job: text, "count")
    assert MESSAGE_LIMIT - 4 < len(message.encode()) <= MESSAGE_LIMIT
    assert set(message) <= set(text) | {"?"}


@pytest.mark.parametrize(("arguments", "words"), [
    ([], 'no task is named: set the job\'s AppSpecification.ContainerArguments to ["process", '),
    (["cuont"], "there is no task 'cuont'"),
    (["count", "--times", "0"], "times='0': expected a whole number in [1, 9]"),
    (["count", "--tmies", "2"], "unknown option 'tmies', did you mean 'times'?"),
    (["count", "now"], "argument 'now' is not understood"),
])
def test_wrong_words_are_the_users(process: Process, arguments: list[str], words: str) -> None:
    status, message = process(lambda job: "done", *arguments)
    assert status == 1
    assert words in message


def test_without_configuration_the_folders_of_the_input_are_the_inputs(
        process: Process, tmp_path: Path) -> None:
    for name in ("model", "test"):
        (tmp_path / "processing" / "input" / name).mkdir(parents=True)
    status, message = process(lambda job: f"{sorted(job.inputs)} {sorted(job.outputs)}", "count")
    assert (status, message) == (0, "['model', 'test'] ['output']")


def test_inputs_go_by_their_name_and_by_the_end_of_their_path(process: Process,
                                                              tmp_path: Path) -> None:
    config = request(["model"], ["output"])
    config["ProcessingInputs"][0]["InputName"] = "input-1"
    lay_out(tmp_path, {"model": {}})
    write_config(tmp_path, config)
    status, message = process(
        lambda job: str(job.input("input-1") == job.input("model")), "count")
    assert (status, message) == (0, "True")


def test_each_host_knows_its_place_whatever_the_order(process: Process, tmp_path: Path) -> None:
    lay_out(tmp_path, {"reviews": {}}, hosts=["algo-2", "algo-3", "algo-1"], sharded=["reviews"])
    _, message = process(lambda job: f"{job.host} {job.rank} {job.hosts} "
                                     f"{job.input('reviews').sharded}", "count")
    assert message == "algo-2 1 3 True"


@pytest.mark.parametrize("path", ["/opt/ml/model", "/opt/ml/processing", "/tmp/x", "relative",
                                  "/opt/ml/processing/../model"])
@pytest.mark.parametrize("side", ["input", "output"])
def test_a_place_outside_of_processing_is_refused(process: Process, tmp_path: Path, path: str,
                                                  side: str) -> None:
    config = request(["reviews"], ["output"])
    place = (config["ProcessingInputs"][0]["S3Input"] if side == "input"
             else config["ProcessingOutputConfig"]["Outputs"][0]["S3Output"])
    place["LocalPath"] = path
    lay_out(tmp_path, {"reviews": {}})
    write_config(tmp_path, config)
    status, message = process(lambda job: "done", "count")
    assert status == 1
    assert "expected a folder below /opt/ml/processing" in message


@pytest.mark.parametrize("name", ["output", "input/reviews", "input"])
def test_a_link_is_not_followed(process: Process, tmp_path: Path, name: str) -> None:
    lay_out(tmp_path, {"reviews": {}})
    (tmp_path / "processing" / name).rename(tmp_path / "elsewhere")
    (tmp_path / "processing" / name).symlink_to(tmp_path / "elsewhere")
    status, message = process(lambda job: "done", "count")
    assert status == 1
    assert "is a link or lies behind one" in message


def test_a_link_in_the_place_of_a_folder_to_write_is_not_followed(process: Process,
                                                                  tmp_path: Path) -> None:
    lay_out(tmp_path, {"reviews": {}})
    (tmp_path / "processing" / "output" / "train").symlink_to(tmp_path)
    status, message = process(lambda job: str(job.output("train")), "count")
    assert status == 1
    assert "is a link, and links are not uploaded" in message


def test_an_output_that_the_platform_has_not_made_is_not_made(process: Process,
                                                              tmp_path: Path) -> None:
    lay_out(tmp_path, {"reviews": {}})
    (tmp_path / "processing" / "output").rmdir()
    status, message = process(lambda job: "done", "count")
    assert status == 1
    assert "there is no folder" in message
    assert not (tmp_path / "processing" / "output").exists()


def test_strange_and_missing_fields_of_the_configuration_do_no_harm(process: Process,
                                                                    tmp_path: Path) -> None:
    lay_out(tmp_path, {"reviews": {}})
    write_config(tmp_path, {"ProcessingInputs": [7, {"InputName": None}, {"S3Input": []}],
                            "ProcessingOutputConfig": None, "New": {}})
    status, message = process(lambda job: f"{dict(job.inputs)} {dict(job.outputs)}", "count")
    assert (status, message) == (0, "{} {}")


def test_a_name_that_is_missing_says_which_there_are(process: Process, tmp_path: Path) -> None:
    lay_out(tmp_path, {"one": {}, "two": {}}, ["left", "right"])
    assert "the job's inputs are: one, two" in process(
        lambda job: job.input("model", or_only=True).name, "count")[1]
    assert "the job's outputs are: left, right" in process(
        lambda job: str(job.output("train")), "count")[1]


def test_the_word_train_in_a_processing_job_says_what_to_put_where(
        quiet_process: None, tmp_path: Path) -> None:
    lay_out(tmp_path, {"reviews": {}})
    algorithm = _algorithm(lambda job: "done")
    assert train(algorithm, ["--root", str(tmp_path), "--epochs", "3"]) == 1
    message = Paths(tmp_path).message.read_text()
    assert 'AppSpecification.ContainerArguments to ["process", "count"]' in message
    assert not Paths(tmp_path).failure.exists()
