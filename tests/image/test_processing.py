"""`docker run IMAGE process TASK` as the platform runs it: on several hosts, stopped, hardened."""

from __future__ import annotations

import json
import signal
import tarfile
import tempfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

import corpus
from contract.paths import Paths
from image.engine import HARDENED, ONE_PROCESSOR, Finished, Image, mount
from processing_jobs import Files, lay_out, lines

HOSTS = ("algo-1", "algo-2")
MANY = '{"label": 1, "text": "A fine film"}\n{"label": 0, "text": "Dull"}\n' * 300_000

Run = Callable[..., None]


@pytest.fixture
def run(image: Image, workshop: Path) -> Run:
    """Run a job on two hosts, whose outputs go to one place as they do in S3."""
    def run(words: list[str], inputs: dict[str, Files], place: Path, *options: str) -> None:
        def one(host: str) -> Finished:
            root = Path(tempfile.mkdtemp(dir=workshop))
            others = [other for other in HOSTS if other != host]
            lay_out(root, inputs, [place.name], hosts=[host, *others])
            root.chmod(0o755)
            return image.run(*words, options=[
                *ONE_PROCESSOR, *options, *mount(root, "/opt/ml"),
                *mount(place, f"/opt/ml/processing/{place.name}")])

        with ThreadPoolExecutor(len(HOSTS)) as pool:
            for finished in pool.map(one, HOSTS):
                assert finished.status == 0, finished

    return run


@pytest.fixture
def place(workshop: Path) -> Path:
    """The output of all hosts."""
    folder = Path(tempfile.mkdtemp(dir=workshop)) / "evaluation"
    folder.mkdir()
    return folder


def reviews(count: int, seed: int) -> Files:
    return {f"{'pos' if label else 'neg'}/{number:03d}.txt": text
            for number, (label, text) in enumerate(corpus.reviews(count, seed))}


def test_two_hosts_prepare_a_part_each(run: Run, place: Path) -> None:
    run(["process", "prepare", "--run", "10"], {"reviews": reviews(100, 1)}, place)
    texts = [row["text"] for row in lines(place)]
    assert sorted(texts) == sorted(text for _, text in corpus.reviews(100, 1))
    assert {path.name for path in place.rglob("*.jsonl")} == {
        f"reviews-{host}-00000.jsonl" for host in HOSTS}


def test_two_hosts_evaluate_a_part_each(run: Run, place: Path, model: Path,
                                        tmp_path: Path) -> None:
    packed = tmp_path / "model.tar.gz"
    with tarfile.open(packed, "w:gz") as tar:
        tar.add(model, ".")
    run(["evaluate"], {"model": {"model.tar.gz": packed.read_bytes()}, "test": reviews(60, 2)},
        place, "--entrypoint", "process")
    assert len(lines(place)) == 60
    found = [json.loads((place / f"evaluation-{host}.json").read_text()) for host in HOSTS]
    assert sum(one["probabilities"]["reviews"] for one in found) == 60


def test_any_user_can_prepare_on_a_read_only_root(image: Image, workshop: Path) -> None:
    root = lay_out(Path(tempfile.mkdtemp(dir=workshop)), {"reviews": reviews(20, 1)})
    image.run("chmod", "-R", "a+rwX", "/tree", options=mount(root, "/tree"))
    done = image.run("process", "prepare", options=[*HARDENED, *mount(root, "/opt/ml")])
    assert done.status == 0, done
    assert Paths(root).message.read_text() == "prepared 16 train, 2 validation, 2 test"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_stop_ends_it_with_nothing_written(image: Image, workshop: Path,
                                             number: signal.Signals) -> None:
    root = lay_out(Path(tempfile.mkdtemp(dir=workshop)), {"reviews": {"reviews.jsonl": MANY}})
    with image.start("process", "prepare", options=mount(root, "/opt/ml")) as job:
        job.wait_for_log("prepare on host algo-1")
        image.engine.must("kill", "--signal", number.name, job.name)
        assert job.status() == 128 + number
    assert lines(root / "processing" / "output") == []
    assert "before the task was done" in Paths(root).message.read_text()


def test_without_arguments_it_says_what_to_put_there(image: Image, workshop: Path) -> None:
    """The platform adds no word, so the image's CMD is run (P1)."""
    root = lay_out(Path(tempfile.mkdtemp(dir=workshop)), {"reviews": reviews(2, 1)})
    done = image.run(options=mount(root, "/opt/ml"))
    assert done.status == 1
    assert 'ContainerArguments to ["process", "prepare"]' in Paths(root).message.read_text()
