"""What a training job prints, and how it is told what to do."""

from __future__ import annotations

import json
import os
import pty
import re
import subprocess
import sys
import termios
from pathlib import Path
from typing import Any

import pytest

from executables import (
    PATIENCE,
    SMALL,
    TRAIN,
    Trained,
    lay_out,
    one_processor,
    running,
    train,
)


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = lay_out(tmp_path_factory.mktemp("job"), 40)
    return lay_out(root, 10, channel="test", seed=2)


@pytest.fixture(scope="module")
def finished(root: Path) -> Trained:
    """A job with a test channel, run with two options that change what its file says."""
    ended = train(root, "--epochs", "2", "--batch_size=10", "--batch-size", "10")
    assert ended.status == 0, ended.log
    return ended


@pytest.fixture(scope="module")
def description() -> dict[str, Any]:
    ended = subprocess.run([sys.executable, TRAIN, "--describe"], capture_output=True, check=True,
                           timeout=PATIENCE)
    value: dict[str, Any] = json.loads(ended.stdout)
    return value


def values(log: str, regex: str) -> list[float]:
    """What the platform would find: it looks at the log line by line."""
    return [float(match[1]) for line in log.splitlines() if (match := re.search(regex, line))]


def test_the_log_has_every_setting_as_it_was_used(root: Path, finished: Trained,
                                                  description: dict[str, Any]) -> None:
    [said] = re.findall(r"settings with all defaults: ({.*})$", finished.log, re.MULTILINE)
    settings = json.loads(said)
    assert {*settings} == {row["name"] for row in description["hyperparameters"]}
    assert None not in settings.values() and "auto" not in (settings["text"],
                                                            settings["architecture"])
    model = json.loads((root / "model" / "model.json").read_text())
    assert settings == model["training"]["hyperparameters"]


def test_every_published_expression_finds_its_metric(finished: Trained,
                                                     description: dict[str, Any]) -> None:
    definitions = description["metric_definitions"]
    found = {one["Name"]: values(finished.log, one["Regex"]) for one in definitions}
    assert all(found.values()), found
    assert found["epoch"][:2] == [1, 2]
    assert len(definitions) <= 40


def test_every_objective_has_a_definition(description: dict[str, Any]) -> None:
    names = {one["Name"] for one in description["metric_definitions"]}
    assert description["objectives"]
    assert names.issuperset(description["objectives"])


def test_the_last_metrics_are_those_of_the_saved_model(finished: Trained, root: Path) -> None:
    saved = json.loads((root / "model" / "model.json").read_text())["training"]["metrics"]
    last = values(finished.log, "validation:accuracy=([0-9.]+);")[-1]
    assert last == pytest.approx(saved["validation:accuracy"], abs=1e-6)


def test_the_log_is_lines_without_carriage_returns(finished: Trained) -> None:
    assert "\r" not in finished.log
    assert finished.log.endswith("\n")


def test_options_win_over_the_file(finished: Trained) -> None:
    settings = json.loads(finished.log.partition("settings ")[2].splitlines()[0])
    assert (settings["epochs"], settings["batch_size"]) == (2, 10)
    assert settings["learning_rate"] == float(SMALL["learning_rate"])


def test_the_history_is_a_report(finished: Trained, root: Path) -> None:
    report = json.loads((root / "output" / "data" / "metrics.json").read_text())
    assert [epoch["epoch"] for epoch in report["history"]] == [1, 2, 3, 4]  # two models of two
    assert 0 <= report["final"]["test:accuracy"] <= 1


def test_the_root_can_be_a_variable(tmp_path: Path) -> None:
    lay_out(tmp_path, 2, hyperparameters={"epoch": "3"})
    with running(sys.executable, TRAIN, output=tmp_path / "log",
                 environment={"ML_ROOT": str(tmp_path)}) as started:
        assert started.wait() == 1
    assert "did you mean 'epochs'?" in (tmp_path / "output" / "failure").read_text()


@pytest.mark.parametrize(("arguments", "words"), [
    (["fast"], "argument 'fast' is not understood"), (["--epochs"], "--epochs has no value")])
def test_a_word_that_is_no_option_is_refused(tmp_path: Path, arguments: list[str],
                                             words: str) -> None:
    ended = train(tmp_path, *arguments)
    assert ended.status == 1
    assert words in (ended.failure or "")


def test_at_a_terminal_there_is_a_bar(tmp_path: Path) -> None:
    lay_out(tmp_path, 20, hyperparameters={**SMALL, "epochs": "1"})
    ours, its = pty.openpty()
    termios.tcsetwinsize(its, (24, 80))
    with subprocess.Popen([sys.executable, TRAIN, "--root", tmp_path], stdout=its,
                          preexec_fn=one_processor()) as process:
        os.close(its)
        try:
            shown = _all_from(ours)
        finally:
            process.kill()
            os.close(ours)
    assert "\repoch 1/1:" in shown
    assert "reviews" in shown


def _all_from(terminal: int) -> str:
    content = b""
    while True:
        try:
            content += os.read(terminal, 65536)
        except OSError:  # how Linux says that the other side was closed
            return content.decode()
