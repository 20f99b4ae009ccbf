"""The three scripts of local_test, run as a user runs them, from another directory."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from image.engine import PATIENCE, Engine, Finished, Image, request

LOCAL_TEST = Path(__file__).resolve().parents[2] / "local_test"


@pytest.fixture(scope="module")
def scripts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the folder, so that the checkout stays as it is."""
    copy = tmp_path_factory.mktemp("local") / "local_test"
    shutil.copytree(LOCAL_TEST, copy, ignore=shutil.ignore_patterns(
        "model", "output", "checkpoints", "__pycache__"))
    return copy


@pytest.fixture(scope="module")
def trained(scripts: Path, image: Image) -> Finished:
    return _run(image.engine, scripts / "train_local.sh", image.tag)


@pytest.fixture(scope="module")
def port(scripts: Path, image: Image, trained: Finished) -> Iterator[str]:
    """The port of a server that serve_local.sh has started."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = str(probe.getsockname()[1])
    server = subprocess.Popen([scripts / "serve_local.sh", image.tag], cwd="/",
                              env=_environment(image.engine, PORT=port))
    try:
        _wait_until_ready(server, port)
        yield port
    finally:
        server.terminate()
        assert server.wait(PATIENCE) == 0


def _environment(engine: Engine, **values: str) -> dict[str, str]:
    return {**os.environ, "DOCKER": engine.client, **values}


def _run(engine: Engine, *words: str | Path, **environment: str) -> Finished:
    done = subprocess.run(words, capture_output=True, text=True, cwd="/", timeout=PATIENCE,
                          stdin=subprocess.DEVNULL, env=_environment(engine, **environment))
    return Finished(done.returncode, done.stdout, done.stderr)


def _wait_until_ready(server: subprocess.Popen[bytes], port: str) -> None:
    deadline = time.monotonic() + PATIENCE
    while request(f"http://127.0.0.1:{port}/ping").status != 200:
        assert server.poll() is None, "serve_local.sh has ended"
        assert time.monotonic() < deadline, "serve_local.sh is not ready"
        time.sleep(0.05)


def test_train_local_makes_a_model_that_belongs_to_the_user(
        scripts: Path, trained: Finished) -> None:
    assert trained.status == 0, trained
    made = [path for place in ("model", "output")
            for path in (scripts / "test_dir" / place).rglob("*")]
    assert "model.json" in {path.name for path in made}
    assert {path.stat().st_uid for path in made} == {os.getuid()}


def test_train_local_takes_the_sample_channel(trained: Finished) -> None:
    assert "channel train: 150 positive and 150 negative reviews" in trained.out
    assert "validation:best_accuracy=1.0" in trained.out


@pytest.mark.parametrize(("name", "content_type", "said"), [
    ("review.txt", [], "1\n"),
    ("review.json", [], '{"label": "negative", "probability": 0.'),
    ("reviews.json", [], '{"predictions": [{"label": "positive", '),
    ("reviews.jsonl", [], '{"label": "positive", '),
    ("reviews.csv", [], "0."),
    ("encoded.csv", [], "0.99"),
    ("explain.json", [], '{"label": '),
    ("reviews.jsonl", ["application/x-ndjson"], '{"label": "positive", '),
])
def test_predict_prints_the_answer(image: Image, scripts: Path, port: str, name: str,
                                   content_type: list[str], said: str) -> None:
    done = _run(image.engine, scripts / "predict.sh", scripts / "payloads" / name, *content_type,
                PORT=port)
    assert done.status == 0, done
    assert done.out.startswith(said)
    assert done.out.endswith("\n")


def test_predict_fails_with_the_words_of_the_server(
        image: Image, scripts: Path, port: str) -> None:
    done = _run(image.engine, scripts / "predict.sh", scripts / "payloads" / "review.txt",
                "application/json", PORT=port)
    assert done.status == 1
    assert "not JSON" in done.err
    assert done.out == ""


def test_serve_local_mounts_the_model_read_only(
        image: Image, scripts: Path, port: str) -> None:
    names = image.engine.must("ps", "--quiet", "--filter", f"publish={port}").split()
    modes = image.engine.must("inspect", "--format", "{{range .Mounts}}{{.RW}}{{end}}", names[0])
    assert modes == "false"


@pytest.mark.parametrize(("script", "words"), [
    ("train_local.sh", []), ("train_local.sh", ["--help"]), ("serve_local.sh", []),
    ("serve_local.sh", ["one", "two"]), ("predict.sh", []), ("predict.sh", ["--help"]),
])
def test_a_wrong_call_gets_the_usage(engine: Engine, script: str, words: list[str]) -> None:
    done = _run(engine, LOCAL_TEST / script, *words)
    assert done.status == 2
    assert done.err.startswith(f"usage: {script}")
