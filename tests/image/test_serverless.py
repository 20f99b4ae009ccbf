"""What serverless leaves to a container: a read-only image, a gigabyte, and no shared memory."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from image.engine import SOMEBODY, Container, Image, mount
from scraping import Scrape

SERVERLESS = ("--read-only", "--user", SOMEBODY, "--cap-drop", "ALL", "--memory", "1g",
              "--memory-swap", "1g", "--cpus", "0.5", "--ipc", "none", "--network", "none")
START_SECONDS = 180
"""The platform's patience with a start (S25)."""

# Prints what POST answers, run inside, where no network leads to. Takes the content type, a text,
# and how often it is repeated.
ASK = """
import sys, urllib.request
media, text, times = sys.argv[1:]
call = urllib.request.Request("http://127.0.0.1:8080/invocations", text.encode() * int(times),
                              {"Content-Type": media})
sys.stdout.write(urllib.request.urlopen(call, timeout=60).read().decode())
"""
SCRAPE = """
import urllib.request
print(urllib.request.urlopen("http://127.0.0.1:8080/metrics", timeout=60).read().decode())
"""
SEMAPHORE = "import multiprocessing; multiprocessing.Semaphore()"

BODY = "A fine film.\n"


@pytest.fixture(scope="module", params=[("--tmpfs", "/tmp"), ("--volume", "/tmp")],
                ids=["tmp in memory", "tmp on disk"])
def serverless(image: Image, model: Path, request: pytest.FixtureRequest) -> Iterator[Container]:
    begun = time.monotonic()
    with image.start("serve", options=[*SERVERLESS, *request.param,
                                       *mount(model, "/opt/ml/model", "ro")]) as container:
        container.wait_for_log("worker ready")
        assert time.monotonic() - begun < START_SECONDS
        yield container


def ask(container: Container, media: str, text: str, times: int = 1) -> str:
    done = container.execute("python3", "-c", ASK, media, text, str(times))
    assert done.status == 0, done.err
    return done.out


def test_there_are_no_semaphores_to_lean_on(serverless: Container) -> None:
    assert serverless.execute("test", "-e", "/dev/shm").status != 0
    done = serverless.execute("python3", "-c", SEMAPHORE)
    assert done.status != 0
    assert "FileNotFoundError" in done.err


@pytest.mark.parametrize(("media", "text"), [
    ("text/plain", "A fine film."), ("text/csv", '"A fine film."\n"A dull one."\n'),
    ("application/json", '["A fine film.", "A dull one."]'),
    ("application/jsonlines", '"A fine film."\n{\n"A dull one."\n')])
def test_answers_are_those_of_any_other_mode(serverless: Container, server: Container,
                                             media: str, text: str) -> None:
    assert ask(serverless, media, text) == server.invocations(text.encode(), media).body.decode()


def test_a_request_as_large_as_may_be_is_answered(serverless: Container) -> None:
    line = json.dumps("A fine film. " * 1000) + "\n"
    times = 4 * 1024 * 1024 // len(line)
    assert ask(serverless, "application/jsonlines", line, times).count("probability") == times


def test_one_worker_serves_and_its_figures_need_no_shared_memory_either(
        serverless: Container) -> None:
    before, after = (Scrape(serverless.execute("python3", "-c", SCRAPE).out)
                     for _ in (1, ask(serverless, "text/plain", "Fine")))
    assert (after["serving_workers"], after["serving_worker_exits_total"]) == (1, 0)
    assert after["serving_requests_total{code=\"2xx\"}"] > 0
    assert before["serving_memory_bytes"] < 512e6


def test_it_stops_when_it_is_told_to(image: Image, model: Path) -> None:
    with image.start("serve", options=[*SERVERLESS, "--tmpfs", "/tmp",
                                       *mount(model, "/opt/ml/model", "ro")]) as container:
        container.wait_for_log("worker ready")
        assert container.stop(30) == 0
