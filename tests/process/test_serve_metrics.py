"""`/metrics` of a server with two workers: whoever is asked answers for both."""

from __future__ import annotations

import os
import re
import shutil
import signal
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from executables import PATIENCE, Server, serving, until
from scraping import Scrape

CALLERS = 4
REQUESTS = 25


ANSWERED = 'serving_requests_total{code="2xx"}'


@pytest.fixture(scope="module")
def server(small_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    output = tmp_path_factory.mktemp("metrics") / "log"
    with serving(small_model, output, SAGEMAKER_MODEL_SERVER_WORKERS="2") as started:
        wait_for_workers(started.wait_until_ready(), 2)
        yield started


def wait_for_workers(server: Server, number: int) -> None:
    """Until so many were ready, those included that have ended."""
    until(lambda: server.log.count("worker ready") == number, "not all workers are ready")


def scrape(server: Server) -> Scrape:
    return Scrape(server.ask("GET", "/metrics").body.decode())


def load(server: Server, requests: int = REQUESTS) -> int:
    """Some requests, each on a connection of its own; returns how many were answered."""
    answered = 0
    for _ in range(requests):
        try:
            answered += server.predict(b'"Fine"\n""\n', "application/jsonlines").status == 200
        except OSError:  # its worker was killed
            pass
    return answered


def test_under_load_no_sum_falls_and_none_is_missing(server: Server) -> None:
    with ThreadPoolExecutor(CALLERS) as pool:
        seen = [scrape(server)]
        busy = [pool.submit(load, server) for _ in range(CALLERS)]
        while not all(one.done() for one in busy):
            seen.append(scrape(server))
            assert seen[-1].fallen(seen[-2]) == []
    assert sum(one.result() for one in busy) == CALLERS * REQUESTS
    last = Scrape.until(lambda: scrape(server), ANSWERED, seen[0][ANSWERED] + CALLERS * REQUESTS)
    records, bad = (last[name] - seen[0][name] for name in (
        "serving_records_total", "serving_bad_records_total"))
    assert (records, bad) == (2 * CALLERS * REQUESTS, CALLERS * REQUESTS)


def test_a_killed_worker_takes_nothing_with_it(server: Server) -> None:
    before = scrape(server)
    for _ in range(3):
        *others, last = server.workers()
        os.kill(last, signal.SIGKILL)
        wait_for_workers(server, len(others) + 2)
        answered = load(server)
        after = Scrape.until(lambda: scrape(server), ANSWERED,
                             before[ANSWERED] + answered)
        assert after.fallen(before) == []
        assert after["serving_worker_exits_total"] == before["serving_worker_exits_total"] + 1
        assert after["serving_workers"] == 2
        before = after


def test_it_is_answered_while_every_worker_predicts(server: Server) -> None:
    body = b'"A fine film, and worth your time."\n' * 4_000
    with ThreadPoolExecutor(CALLERS) as pool:
        busy = [pool.submit(server.predict, body, "application/jsonlines")
                for _ in range(CALLERS)]
        meanwhile = 0
        while not any(one.done() for one in busy):
            assert scrape(server)["serving_memory_bytes"] > 0
            meanwhile += 1
        assert meanwhile > 0
        assert [one.result(PATIENCE).status for one in busy] == [200] * CALLERS


def test_the_version_tells_one_model_from_another(server: Server, small_model: Path,
                                                  tmp_path: Path) -> None:
    def version(of: Server) -> str:
        found = re.findall(r'serving_model_info{model="[^"]+",version="([0-9a-f]{12})"} 1',
                           of.ask("GET", "/metrics").body.decode())
        assert [entry["version"] for entry in of.entries() if "version" in entry] == found
        return str(found[0])

    shutil.copytree(small_model, tmp_path / "same" / "model")
    shutil.copytree(small_model, tmp_path / "other" / "model")
    (tmp_path / "other" / "model" / "notes.txt").touch()
    versions = [version(server)]
    for root in ("same", "other"):
        with serving(tmp_path / root / "model", tmp_path / f"{root}.log") as another:
            versions.append(version(another.wait_until_ready()))
    assert versions[0] == versions[1] != versions[2]
