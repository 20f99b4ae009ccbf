"""Batch transform jobs with the real image: joined, cut into requests, or in chunks."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest

from batching import CSV, JSON_LINES, PLAIN, Job, Transform, lines_of
from contract.algorithm import Predictor
from image.engine import Image, environment
from numbered import BAD, number, objects, probability, reviews, rows, same
from sentiment.plugin import ALGORITHM

COUNT = 10_000


@pytest.fixture(scope="module")
def predictor(model: Path) -> Predictor:
    loaded = ALGORITHM.load(model)
    loaded.start(1)
    return loaded


def run(image: Image, model: Path, job: Job, name: str, body: bytes) -> bytes:
    with image.serve(model, options=["--read-only", "--tmpfs", "/tmp", "--cpus", "2",
                                     *environment(job.environment)]) as container:
        address = container.wait_until_ready().address().removeprefix("http://")
        return Transform(job, address).run({name: body})[f"{name}.out"]


def test_json_lines_are_joined_with_their_answers(image: Image, model: Path,
                                                  predictor: Predictor) -> None:
    texts, expected = reviews(predictor, COUNT)
    job = Job(content_type=JSON_LINES, join=True, strategy="MultiRecord", payload_mb=1,
              transforms=4)
    found = lines_of(run(image, model, job, "r.jsonl", objects(texts)), json.loads)
    assert [line["id"] for line in found] == list(range(COUNT))
    assert same([probability(line["SageMakerOutput"]) for line in found], expected)


def test_rows_are_joined_with_their_answers(image: Image, model: Path,
                                            predictor: Predictor) -> None:
    texts, expected = reviews(predictor, COUNT)
    job = Job(content_type=CSV, join=True, input_filter="$[1:]", output_filter="$[0,-1]",
              largest=100_000)
    found = list(csv.reader(lines_of(run(image, model, job, "r.csv", rows(texts)))))
    assert [int(place) for place, _ in found] == list(range(COUNT))
    assert same([number(cell) for _, cell in found], expected)


def test_an_object_of_text_without_a_limit_is_answered_line_by_line(
        image: Image, model: Path, predictor: Predictor) -> None:
    texts, expected = reviews(predictor, COUNT)
    job = Job(content_type=PLAIN, split="None", assemble="None", payload_mb=0)
    found = lines_of(run(image, model, job, "r.txt", "\n".join(texts).encode()))
    assert found == [BAD if value is None else str(int(value >= 0.5)) for value in expected]
