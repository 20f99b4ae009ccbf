"""The stand-in for Lambda: processes that know what they are given, for as long as they may."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

import lambda_standin
from executables import PATIENCE, until
from lambda_standin import EventTooLargeError, Function, FunctionError

HANDLERS = """
import os, pathlib, sys, time
import beside

def echo(event, context):
    return event

def surroundings(event, context):
    return {"pid": os.getpid(), "path": sys.path[0], "environment": dict(os.environ)}

def context(event, context):
    return [context.aws_request_id, context.get_remaining_time_in_millis()]

def fail(event, context):
    raise ValueError("what went wrong")

def leave(event, context):
    os._exit(0)

def strange(event, context):
    return {1, 2}

def length(event, context):
    return len(event)

def large(event, context):
    return "x" * event

def wait(event, context):
    pathlib.Path(event, str(os.getpid())).touch()
    time.sleep(600)

def meet(event, context):
    pathlib.Path(event, str(os.getpid())).touch()
    while len(os.listdir(event)) < 2:
        time.sleep(0.01)
    return os.getpid()
"""

Make = Callable[..., Function]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "code"
    folder.mkdir()
    (folder / "handlers.py").write_text(HANDLERS)
    (folder / "beside.py").touch()
    return folder


@pytest.fixture
def make(folder: Path) -> Iterator[Make]:
    made: list[Function] = []

    def make(name: str, timeout: float = PATIENCE, **environment: str) -> Function:
        made.append(Function(folder, f"handlers.{name}", environment, timeout=timeout))
        return made[-1]

    yield make
    for function in made:
        function.close()


@pytest.mark.parametrize("event", [{"a": [1, None, "é🎬"]}, [], "text", None], ids=str)
def test_events_and_replies_travel_as_json(make: Make, event: Any) -> None:
    assert make("echo")(event) == event


def test_the_handler_finds_its_own_folder_first(make: Make, folder: Path) -> None:
    assert make("surroundings")({})["path"] == str(folder)


def test_the_handler_has_the_given_environment_and_no_other(
    make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "the user's own")
    seen = make("surroundings", ENDPOINT_NAME="sentiment")({})["environment"]
    assert seen["ENDPOINT_NAME"] == "sentiment"
    assert not {"AWS_SECRET_ACCESS_KEY", "HOME", "PATH"} & set(seen)


def test_the_context_has_an_id_and_the_time_left(make: Make) -> None:
    function = make("context")
    (first, _), (second, left) = function({}), function({})
    assert first != second
    assert 0 < left <= PATIENCE * 1000


def test_a_process_is_used_again(make: Make) -> None:
    function = make("surroundings")
    assert function({})["pid"] == function({})["pid"] != os.getpid()


def test_while_one_process_is_busy_another_one_serves(make: Make, tmp_path: Path) -> None:
    folder = tmp_path / "met"
    folder.mkdir()
    function = make("meet")
    with ThreadPoolExecutor(2) as threads:
        first, second = threads.map(function, [str(folder)] * 2)
    assert first != second


@pytest.mark.parametrize(("name", "trace"), [
    ("fail", "ValueError: what went wrong"), ("strange", "not JSON serializable"),
    ("leave", ""), ("absent", "no attribute 'absent'"),
])
def test_a_handler_without_a_reply_is_an_error_each_time(
    make: Make, name: str, trace: str, capfd: pytest.CaptureFixture[str]
) -> None:
    function = make(name)
    for _ in range(2):
        with pytest.raises(FunctionError):
            function({})
    assert trace in capfd.readouterr().err


def test_a_handler_is_ended_when_its_time_is_up(make: Make, tmp_path: Path) -> None:
    with pytest.raises(FunctionError, match=r"after 0\.2 seconds"):
        make("wait", timeout=0.2)(str(tmp_path))


def test_an_event_may_have_six_megabytes(make: Make) -> None:
    function = make("length")
    longest = "é" * (3 * 1024 * 1024 - 1)  # two bytes each, and the quotes
    assert function(longest) == len(longest)
    with pytest.raises(EventTooLargeError):
        function(longest + "x")


def test_a_reply_may_have_six_megabytes(make: Make) -> None:
    function = make("large")
    longest = 6 * 1024 * 1024 - 2
    assert len(function(longest)) == longest
    with pytest.raises(FunctionError, match="the reply has"):
        function(longest + 1)


def test_closing_ends_who_is_at_work(make: Make, tmp_path: Path) -> None:
    folder = tmp_path / "waiting"
    folder.mkdir()
    function = make("wait")
    errors: list[Exception] = []

    def ask() -> None:
        try:
            function(str(folder))
        except FunctionError as error:
            errors.append(error)

    thread = threading.Thread(target=ask)
    thread.start()
    until(lambda: bool(list(folder.iterdir())), "the handler was not called")
    function.close()
    thread.join(PATIENCE)
    assert len(errors) == 1
    with pytest.raises(FunctionError, match="closed"):
        function(str(folder))


def test_no_process_outlives_the_one_that_started_it(folder: Path) -> None:
    program = f"""
import os, signal
from pathlib import Path
from lambda_standin import Function
Function(Path({str(folder)!r}), "handlers.echo", {{}}, timeout=60)("x")
os.kill(os.getpid(), signal.SIGKILL)
"""
    # Its output ends when the last process that holds it has ended.
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, timeout=PATIENCE,
                          cwd=Path(lambda_standin.__file__).parent)
    assert (done.returncode, done.stderr) == (-9, b"")
