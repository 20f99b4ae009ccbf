"""`process` as a real process: reviews to splits, splits to a model, the model to its figures."""

from __future__ import annotations

import json
import os
import shutil
import signal
import sys
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

import corpus
from contract.paths import Paths
from executables import CONTAINER, SMALL, Program, running, train, until
from executables import lay_out as lay_out_training
from processing_jobs import lay_out, lines

MANY = '{"label": 1, "text": "A fine film"}\n{"label": 0, "text": "Dull"}\n' * 75_000
"""Enough to read that a signal arrives meanwhile."""


@contextmanager
def processing(root: Path, *words: str, program: Path = CONTAINER / "process"
               ) -> Iterator[Program]:
    with running(sys.executable, program, "--root", root, *words,
                 output=root / "process.log") as started:
        yield started


def process(root: Path, *words: str) -> str:
    """Run a task to its good end; returns its message."""
    with processing(root, *words) as job:
        assert job.wait() == 0, job.log
    return Paths(root).message.read_text()


def refused(root: Path, *words: str) -> str:
    """Run a task that fails by a fault of the user; returns its message."""
    with processing(root, *words) as job:
        assert job.wait() == 1, job.log
        assert "Traceback" not in job.log
    return Paths(root).message.read_text()


def reviews(count: int, seed: int) -> dict[str, str]:
    return {f"part-{part}.jsonl": "".join(
        json.dumps({"label": label, "text": text}) + "\n"
        for label, text in list(corpus.reviews(count, seed))[part::3]) for part in range(3)}


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = lay_out(tmp_path_factory.mktemp("prepared"), {"reviews": reviews(300, 1)})
    assert process(root, "prepare") == "prepared 240 train, 30 validation, 30 test"
    return root / "processing" / "output"


@pytest.fixture(scope="module")
def archive(prepared: Path, tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """The model.tar.gz of a job that trained on the splits."""
    root = lay_out_training(tmp_path_factory.mktemp("trained"), 0, channel="empty",
                            hyperparameters=SMALL)
    for name in ("train", "validation", "test"):
        shutil.copytree(prepared / name, root / "input" / "data" / name)
    shutil.rmtree(root / "input" / "data" / "empty")
    ended = train(root)
    assert ended.status == 0, ended.log
    packed = root / "model.tar.gz"
    with tarfile.open(packed, "w:gz") as tar:
        tar.add(root / "model", ".")
    return packed.read_bytes()


@pytest.fixture(scope="module")
def evaluated(prepared: Path, archive: bytes, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The output of one host that scored all of 200 reviews."""
    return evaluate(tmp_path_factory.mktemp("alone"), archive, ["algo-1"])


def evaluate(root: Path, archive: bytes, hosts: list[str]) -> Path:
    lay_out(root, {"model": {"model.tar.gz": archive}, "test": reviews(200, 2)}, ["evaluation"],
            hosts=hosts)
    process(root, "evaluate")
    return root / "processing" / "evaluation"


def read(path: Path) -> Any:
    return json.loads(path.read_text())


def test_splits_have_all_reviews_and_both_labels(prepared: Path) -> None:
    rows = {name: lines(prepared / name) for name in ("train", "validation", "test")}
    texts = [row["text"] for found in rows.values() for row in found]
    assert sorted(texts) == sorted(text for _, text in corpus.reviews(300, 1))
    assert all({row["label"] for row in found} == {0, 1} for found in rows.values())


def test_the_figures_are_where_a_pipeline_looks_for_them(evaluated: Path) -> None:
    metrics = read(evaluated / "evaluation.json")["binary_classification_metrics"]
    assert metrics["accuracy"]["value"] > 0.8
    assert sum(sum(row.values()) for row in metrics["confusion_matrix"].values()) == 200


def test_every_review_has_its_prediction_in_order(evaluated: Path) -> None:
    rows = lines(evaluated)
    assert [(row["file"], row["review"]) for row in rows] == [
        (f"test/part-{part}.jsonl", number)
        for part, size in enumerate((67, 67, 66)) for number in range(1, size + 1)]
    right = sum((row["probability"] > 0.5) == row["label"] for row in rows) / len(rows)
    assert right == read(evaluated / "evaluation.json")[
        "binary_classification_metrics"]["accuracy"]["value"]


def test_two_hosts_score_a_part_each_and_a_third_job_puts_them_together(
        evaluated: Path, archive: bytes, tmp_path: Path) -> None:
    names = ("algo-1", "algo-2")
    parts = [evaluate(tmp_path / host, archive, [host, *(set(names) - {host})]) for host in names]
    files = {path.name: path.read_bytes() for part in parts for path in part.iterdir()}
    assert set(files) == {f"{kind}-{host}.{end}" for host in names
                          for kind, end in (("evaluation", "json"), ("predictions", "jsonl"))}
    root = lay_out(tmp_path / "all", {"predictions": files}, ["evaluation"])
    process(root, "evaluate")
    found, wanted = (read(place / "evaluation.json")
                     for place in (root / "processing" / "evaluation", evaluated))
    assert found["binary_classification_metrics"] == wanted["binary_classification_metrics"]
    assert found["probabilities"] == pytest.approx(wanted["probabilities"])


def test_a_model_directory_will_do_as_well_as_an_archive(evaluated: Path, archive: bytes,
                                                         tmp_path: Path) -> None:
    root = lay_out(tmp_path, {"model": {"m.tar.gz": archive}, "test": reviews(200, 2)},
                   ["evaluation"])
    place = root / "processing" / "input" / "model"
    with tarfile.open(place / "m.tar.gz") as tar:
        tar.extractall(place, filter="data")
    (place / "m.tar.gz").unlink()
    process(root, "evaluate")
    assert lines(root / "processing" / "evaluation") == lines(evaluated)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_stop_ends_it_at_once_and_leaves_no_output(tmp_path: Path,
                                                     number: signal.Signals) -> None:
    root = lay_out(tmp_path, {"reviews": {"reviews.jsonl": MANY}})
    with processing(root, "prepare") as job:
        job.wait_for("prepare on host algo-1")
        job.send(number)
        assert job.wait() == 128 + number
    assert [path for path in (root / "processing/output").rglob("*") if path.is_file()] == []
    assert Paths(root).message.read_text() == f"stopped by {number.name} before the task was done"


def test_a_stop_ends_the_scoring_too(tmp_path: Path, archive: bytes) -> None:
    root = lay_out(tmp_path, {"model": {"model.tar.gz": archive},
                              "test": {"reviews.jsonl": MANY}}, ["evaluation"])
    with processing(root, "evaluate") as job:
        job.wait_for("evaluate on host algo-1")
        job.send(signal.SIGINT)
        assert job.wait() == 128 + signal.SIGINT
    assert list((root / "processing" / "evaluation").iterdir()) == []


def test_a_kill_while_it_writes_leaves_whole_files_only(tmp_path: Path) -> None:
    root = lay_out(tmp_path, {"reviews": {"reviews.jsonl": MANY}})
    output = root / "processing" / "output"
    with processing(root, "prepare") as job:
        until(lambda: any(path.is_file() for path in output.rglob("*")), "nothing is written")
        job.send(signal.SIGKILL)
        job.wait()
    assert lines(output)  # every line of every file is JSON
    assert [path for path in output.rglob("*") if path.is_file() and path.suffix != ".jsonl"] == []


def test_a_hostile_archive_is_refused_in_words(tmp_path: Path) -> None:
    packed = tmp_path / "hostile"
    with tarfile.open(packed, "w:gz") as tar:
        link = tarfile.TarInfo("model.json")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        tar.addfile(link)
    root = lay_out(tmp_path, {"model": {"model.tar.gz": packed.read_bytes()},
                              "test": reviews(3, 2)}, ["evaluation"])
    assert refused(root, "evaluate") == (
        "UserError: model.tar.gz has 'model.json', which is neither a folder nor a plain file; it "
        "is not used")


@pytest.mark.parametrize(("inputs", "words"), [
    ({"test": {"a.jsonl": '{"label": 1, "text": "Fine"}'}}, "no input 'model'"),
    ({"model": {}, "test": {"a.jsonl": "{}"}}, "no model in"),
    ({"predictions": {}}, "has no predictions-*.jsonl"),
    ({"predictions": {"predictions-1.jsonl": '{"label": 1, "probability": 2}'}},
     "predictions-1.jsonl line 1: expected a label and a probability"),
])
def test_what_an_evaluation_lacks_is_said(tmp_path: Path, inputs: dict[str, dict[str, str]],
                                          words: str) -> None:
    assert words in refused(lay_out(tmp_path, inputs, ["evaluation"]), "evaluate")


def test_reviews_that_cannot_be_answered_are_bad_rows(tmp_path: Path, archive: bytes) -> None:
    rows = '{"label": 1, "text": "Fine"}\n{"label": 1, "text": " "}\n'
    root = lay_out(tmp_path, {"model": {"model.tar.gz": archive}, "test": {"a.jsonl": rows}},
                   ["evaluation"])
    process(root, "evaluate", "--max-bad-rows", "1")
    assert [row["review"] for row in lines(root / "processing" / "evaluation")] == [1]
    log = (root / "process.log").read_text()
    assert "bad row left out: test/a.jsonl review 2: the review is empty" in log


def test_a_processing_job_without_arguments_is_told_what_to_put_there(tmp_path: Path) -> None:
    """The platform then starts the image's CMD, which is `train`."""
    root = lay_out(tmp_path, {"reviews": reviews(3, 1)})
    with processing(root, program=CONTAINER / "train") as job:
        assert job.wait() == 1
    message = Paths(root).message.read_text()
    assert 'ContainerArguments to ["process", "prepare"] or ["process", "evaluate"]' in message


def test_the_imdb_archive_becomes_its_own_splits(tmp_path: Path) -> None:
    if not (archive := os.environ.get("IMDB_ARCHIVE")):
        if os.environ.get("REQUIRE_DATA") == "1":
            pytest.fail("IMDB_ARCHIVE is not set, and REQUIRE_DATA=1")
        pytest.skip("IMDB_ARCHIVE is not set")
    root = lay_out(tmp_path, {"reviews": {}})
    shutil.copy(archive, root / "processing" / "input" / "reviews")
    assert process(root, "prepare") == (
        "prepared 22500 train, 2500 validation, 25000 test, 50000 unlabelled")
