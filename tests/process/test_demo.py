"""`make demo` as a newcomer meets it: trains, serves, shows a page, ends all on Ctrl-C."""

from __future__ import annotations

import json
import re
import signal
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

import demo
from executables import Program, free_port, running, until


@pytest.fixture(scope="module")
def started(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Program]:
    output = tmp_path_factory.mktemp("demo") / "log"
    # Behind a proxy that knows nothing of this machine, as in many companies.
    with running(sys.executable, demo.ROOT / "local_test" / "demo.py", "--reviews", "300",
                 "--port", str(free_port()), "--endpoint-port", str(free_port()),
                 output=output, environment={"http_proxy": "http://127.0.0.1:1",
                                             "no_proxy": "", "NO_PROXY": ""}) as program:
        program.wait_for("Ctrl-C ends everything")
        yield program


def addresses(program: Program) -> list[str]:
    """The endpoint's and the page's address, as printed."""
    return re.findall(r"http://127\.0\.0\.1:\d+", program.log)


def test_prints_a_classified_example_with_curl(started: Program) -> None:
    command, answer = re.findall(r"^(?:\$ curl|{).*$", started.log, re.M)[:2]
    assert "/invocations" in command
    assert json.loads(answer)["label"] in ("positive", "negative")


def test_page_gets_its_answers_through_its_own_address(started: Program) -> None:
    page = addresses(started)[-1]
    with urllib.request.urlopen(f"{page}/", timeout=30) as response:
        assert b"<textarea" in response.read()
    request = urllib.request.Request(f"{page}/predict", b'{"text": "Fine film.", "explain": true}',
                                     {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=30) as response:
        answer = json.loads(response.read())
    assert answer["label"] in ("positive", "negative")
    assert answer["words"]


def test_shows_what_the_function_logs_of_a_request(started: Program) -> None:
    page = addresses(started)[-1]
    request = urllib.request.Request(f"{page}/predict", b"Fine film.",
                                     {"Content-Type": "text/plain"})
    with urllib.request.urlopen(request, timeout=30) as response:
        assert response.read() in (b"0", b"1")
        name = response.headers["x-request-id"]
    [line] = [line for line in started.log.splitlines() if name in line]
    assert json.loads(line)["status"] == 200


def test_interrupt_ends_it_with_all_it_started(started: Program) -> None:
    endpoint = addresses(started)[0]
    started.send(signal.SIGINT)
    assert started.wait() == 0
    until(lambda: not answers(endpoint), "the endpoint still answers")
    assert "demo: ended" in started.log


def answers(address: str) -> bool:
    try:
        with urllib.request.urlopen(f"{address}/ping", timeout=5):
            return True
    except OSError:
        return False


def test_bundled_model_is_served_without_training(
        small_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(demo, "BUNDLED_MODEL", small_model)
    assert demo._make_model(tmp_path, reviews=0) == 0
    assert (tmp_path / "model" / "model.json").read_bytes() == (
        small_model / "model.json").read_bytes()
