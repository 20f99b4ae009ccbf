"""Batch transform jobs on a real `serve`: what goes in comes out, in order, whatever the job says.

`BATCH_REVIEWS=100000` makes the job of every format as large as the largest.
"""

from __future__ import annotations

import csv
import functools
import json
import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from batching import CSV, JSON, JSON_LINES, PLAIN, Job, JobError, Transform, lines_of
from contract.algorithm import Predictor
from executables import Server, serving, until
from numbered import BAD, number, objects, probability, reviews, rows, same
from sentiment.plugin import ALGORITHM

LARGEST = 100_000
REQUEST = '"message": "request"'
"""In the log line of each."""
REVIEWS = int(os.environ.get("BATCH_REVIEWS", "4000"))


@pytest.fixture(scope="module")
def predictor(small_model: Path) -> Predictor:
    loaded = ALGORITHM.load(small_model)
    loaded.start(1)
    return loaded


@pytest.fixture(scope="module")
def server(small_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """As for a job that says nothing but what must be said."""
    with batch_server(small_model, tmp_path_factory.mktemp("batch") / "log",
                      Job(content_type=PLAIN)) as started:
        yield started


@contextmanager
def batch_server(model: Path, log: Path, job: Job) -> Iterator[Server]:
    with serving(model, log, SAGEMAKER_MODEL_SERVER_WORKERS="2", **job.environment) as server:
        yield server.wait_until_ready()


def on(server: Server, job: Job) -> Transform:
    return Transform(job, f"127.0.0.1:{server.port}")


def test_a_hundred_thousand_reviews_are_joined_with_their_answers(
        server: Server, predictor: Predictor) -> None:
    texts, expected = reviews(predictor, LARGEST)
    transform = on(server, Job(content_type=JSON_LINES, join=True, payload_mb=1, transforms=4))
    found = lines_of(transform.run({"r.jsonl": objects(texts)})["r.jsonl.out"], json.loads)
    assert [line["id"] for line in found] == list(range(LARGEST))
    assert same([probability(line["SageMakerOutput"]) for line in found], expected)
    assert len(transform.bodies) > 20


def test_many_rows_are_joined_with_their_answers(server: Server, predictor: Predictor) -> None:
    texts, expected = reviews(predictor, REVIEWS)
    job = Job(content_type=CSV, join=True, input_filter="$[1:]", output_filter="$[0,-1]",
              transforms=4, largest=40_000)
    found = list(csv.reader(lines_of(on(server, job).run({"r.csv": rows(texts)})["r.csv.out"])))
    assert [int(place) for place, _ in found] == list(range(REVIEWS))
    assert same([number(cell) for _, cell in found], expected)


def test_many_lines_of_text_are_answered_in_order(server: Server, predictor: Predictor) -> None:
    texts, expected = reviews(predictor, REVIEWS)
    job = Job(content_type=PLAIN, accept=CSV, transforms=4, largest=40_000)
    found = lines_of(on(server, job).run({"r.txt": "\n".join(texts).encode()})["r.txt.out"])
    assert same([number(cell) for cell in found], expected)


@pytest.mark.parametrize("job", [
    Job(content_type=PLAIN, assemble="Line", ends_whole_lines=True),
    Job(content_type=PLAIN, assemble="Line", ends_whole_lines=False),
    Job(content_type=PLAIN, assemble="None"),
    Job(content_type=PLAIN, strategy="SingleRecord", transforms=4),
    Job(content_type=PLAIN, split="None", assemble="None"),
], ids=["line end always", "line end where missing", "no line end", "single records", "not split"])
def test_however_requests_are_cut_and_put_together_the_lines_are_the_same(
        server: Server, predictor: Predictor, job: Job) -> None:
    texts, expected = reviews(predictor, 300)
    body = "".join(f"{text}\n" for text in texts).encode()
    found = lines_of(on(server, job).run({"r.txt": body})["r.txt.out"])
    assert found == [BAD if value is None else str(int(value >= 0.5)) for value in expected]


def test_an_object_without_a_limit_comes_in_chunks(small_model: Path, predictor: Predictor,
                                                   tmp_path: Path) -> None:
    texts, expected = reviews(predictor, 3000)
    job = Job(content_type=JSON_LINES, split="None", assemble="None", payload_mb=0)
    with batch_server(small_model, tmp_path / "log", job) as server:
        transform = on(server, job)
        found = lines_of(transform.run({"r.jsonl": objects(texts)})["r.jsonl.out"], json.loads)
    assert same([probability(line) for line in found], expected)
    assert len(transform.bodies) == 1


def test_documents_that_the_platform_puts_together_get_a_line_each(
        server: Server, predictor: Predictor) -> None:
    texts, expected = reviews(predictor, 300)
    job = Job(content_type=JSON, join=True, output_filter="$['id','SageMakerOutput']")
    found = lines_of(on(server, job).run({"r.json": objects(texts)})["r.json.out"], json.loads)
    assert [line["id"] for line in found] == list(range(300))
    assert same([probability(line["SageMakerOutput"]) for line in found], expected)


def test_each_object_gets_its_own_result(server: Server, predictor: Predictor) -> None:
    texts, expected = reviews(predictor, 300)
    parts = {f"{at}.jsonl": texts[at:at + 70] for at in range(0, 300, 70)}
    results = on(server, Job(content_type=JSON_LINES)).run(
        {name: objects(part) for name, part in parts.items()})
    assert list(results) == [f"{name}.out" for name in parts]
    assert same([probability(line) for result in results.values()
                 for line in lines_of(result, json.loads)], expected)


@pytest.mark.parametrize(("job", "agreed"), [
    (Job(content_type=PLAIN), (2, "MULTI_RECORD", 6)),
    (Job(content_type=PLAIN, strategy="SingleRecord", payload_mb=3), (2, "SINGLE_RECORD", 3)),
    (Job(content_type=PLAIN, payload_mb=50, transforms=1), (1, "MULTI_RECORD", 50)),
])
def test_what_a_job_leaves_open_the_container_says(small_model: Path, tmp_path: Path, job: Job,
                                                   agreed: tuple[int, str, int]) -> None:
    with batch_server(small_model, tmp_path / "log", job) as server:
        transform = on(server, job)
        transform.run({"r.txt": b"Fine\n"})
    assert tuple(transform.parameters[name] for name in
                 ("MaxConcurrentTransforms", "BatchStrategy", "MaxPayloadInMB")) == agreed


def _goes_on(server: Server, answers: int, running: threading.Thread) -> bool:
    return server.log.count(REQUEST) >= answers or not running.is_alive()


def test_a_request_that_comes_again_changes_nothing(small_model: Path, predictor: Predictor,
                                                    tmp_path: Path) -> None:
    texts, expected = reviews(predictor, 8000)
    job = Job(content_type=JSON_LINES, join=True, transforms=4, largest=50_000)
    with batch_server(small_model, tmp_path / "log", job) as server:
        transform = on(server, job)
        results: dict[str, bytes] = {}
        running = threading.Thread(
            target=lambda: results.update(transform.run({"r.jsonl": objects(texts)})))
        running.start()
        try:
            until(lambda: REQUEST in server.log, "nothing is answered yet")
            while running.is_alive() and not transform.retried:
                answered = server.log.count(REQUEST)
                for worker in server.workers():  # one of them alone may have nothing to do
                    with suppress(ProcessLookupError):
                        os.kill(worker, signal.SIGKILL)
                until(functools.partial(_goes_on, server, answered + 20, running),
                      "nothing is answered after the workers have died")
        finally:
            running.join()
    found = lines_of(results["r.jsonl.out"], json.loads)
    assert transform.retried > 0
    assert [line["id"] for line in found] == list(range(8000))
    assert same([probability(line["SageMakerOutput"]) for line in found], expected)


def test_a_request_that_is_refused_fails_the_job(server: Server) -> None:
    with pytest.raises(JobError, match="400"):
        on(server, Job(content_type=JSON)).run({"r.json": b'{"text": "Fine"}\n{"text": \n'})
