"""Several pipes at once: in any order of filling, and all of them ended when one fails."""

from __future__ import annotations

import itertools
import os
import signal
import threading
from collections.abc import Mapping
from pathlib import Path

import pytest

from contract.algorithm import TrainingJob
from contract.errors import UserError
from contract.inputs.hyperparameters import resolve
from contract.inputs.jobconfig import Channel, InputMode
from contract.running.stopping import Stopped, StopRequest
from piping import feeding
from sentiment.hyperparameters import HYPERPARAMETERS
from sentiment.learning.preparation import Prepared, prepare

NAMES = ("train", "validation", "test", "unlabelled")
ROWS = 2000
"""Of each channel: more than a pipe holds."""


def _job(directory: Path, names: tuple[str, ...] = NAMES, stop: StopRequest | None = None,
         **hyper: str) -> TrainingJob:
    channels = {name: Channel(name, directory / name, "text/csv", InputMode.PIPE)
                for name in names}
    return TrainingJob(
        hyperparameters=resolve(HYPERPARAMETERS, hyper), channels=channels,
        model_directory=directory / "model", output_directory=directory / "output",
        checkpoint_directory=None, stop=StopRequest() if stop is None else stop, processors=1)


def _rows(name: str) -> list[bytes]:
    rows = (f"{row % 2},{name} has a {('dull', 'fine')[row % 2]} film of {row} again and again\n"
            for row in range(ROWS))
    return [b"label,text\n", *map(str.encode, rows)]


def _sizes(prepared: Prepared) -> Mapping[str, int]:
    assert prepared.test is not None
    return {"train": len(prepared.train), "validation": len(prepared.validation),
            "test": len(prepared.test), "unlabelled": len(prepared.unlabelled)}


@pytest.mark.parametrize("order", [*itertools.permutations(NAMES, 4)][::5], ids=" ".join)
def test_pipes_may_be_filled_in_any_order(order: tuple[str, ...], tmp_path: Path) -> None:
    with feeding(tmp_path, *((f"{name}_0", _rows(name)) for name in order)):
        prepared = prepare(_job(tmp_path))
    assert _sizes(prepared) == dict.fromkeys(NAMES, ROWS)


def test_a_pipe_gives_what_files_give(tmp_path: Path) -> None:
    with feeding(tmp_path, *((f"{name}_0", _rows(name)) for name in NAMES)):
        piped = prepare(_job(tmp_path))
    job = _job(tmp_path)
    for name in NAMES:
        (tmp_path / name).mkdir()
        (tmp_path / name / "a.csv").write_bytes(b"".join(_rows(name)))
    files = prepare(TrainingJob(**{**vars(job), "channels": {
        name: Channel(name, tmp_path / name) for name in NAMES}}))
    assert piped.facts == files.facts
    assert piped.pipeline.vocabulary == files.pipeline.vocabulary


@pytest.mark.parametrize("name", ["unlabelled", "more"])
def test_a_pipe_that_nobody_wants_holds_up_no_other(
    name: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """It is filled before the others, with more than a pipe holds."""
    with feeding(tmp_path, (f"{name}_0", _rows(name)), ("train_0", _rows("train"))):
        prepared = prepare(_job(tmp_path, ("train", name), architecture="lstm"))
    assert not prepared.unlabelled
    assert ("channel more is not used; those that are" in caplog.text) == (name == "more")


def test_a_pipe_that_nobody_wants_need_not_be_filled(tmp_path: Path) -> None:
    with feeding(tmp_path, ("train_0", _rows("train"))):
        prepared = prepare(_job(tmp_path, ("train", "unlabelled"), architecture="lstm"))
    assert not prepared.unlabelled


@pytest.mark.parametrize("name", ["validation", "test"])
def test_a_pipe_with_nothing_in_it_is_a_channel_that_is_not_given(
    name: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with feeding(tmp_path, (f"{name}_0", []), ("train_0", _rows("train"))):
        prepared = prepare(_job(tmp_path, ("train", name)))
    assert f"channel {name} is empty; the job goes on" in caplog.text
    assert prepared.set_aside
    assert prepared.test is None


def test_what_is_wrong_with_one_pipe_ends_the_reading_of_all(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "validation_0")  # nobody ever writes there
    with feeding(tmp_path, ("train_0", [b"label,text\n7,x\n"])), \
            pytest.raises(UserError, match=r"^train_0 line 2: label is '7'"):
        prepare(_job(tmp_path, ("train", "validation")))
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("pipe")]


def test_a_stop_ends_the_reading_of_all(tmp_path: Path) -> None:
    stop = StopRequest()
    for name in NAMES:
        os.mkfifo(tmp_path / f"{name}_0")
    stopper = threading.Timer(0.3, stop._receive, (signal.SIGTERM, None))
    stopper.start()
    with pytest.raises(Stopped):
        prepare(_job(tmp_path, stop=stop))
    stopper.join()
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("pipe")]
