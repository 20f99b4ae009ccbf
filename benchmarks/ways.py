"""The servers that `serving.py` compares: a name, a way to start, a load that can be borne."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from benchmarks.servers import Launch, Place
from sentiment.artifacts.artifact import DESCRIPTION
from sentiment.artifacts.legacy import INFO

ROOT = Path(__file__).resolve().parents[1]
PLUGIN = ROOT / "benchmarks" / "baselines" / "fasttext_plugin.py"
QUEUE = 64
"""The server's own default, 16, would turn some of 32 callers away; here they wait."""

HOW_TO_GET_A_MODEL = """\
no model in {}; one is made like this, with the archive below ml/input/data/train:
  .venv/bin/python container/train --root ml --architecture lstm --hidden-dim 200
and then served with --model ml/model"""

LITERAL, CACHED, FASTTEXT = "literal Flask", "Flask, words cached", "fastText, our HTTP"


@dataclass(frozen=True)
class Way:
    """A server among those compared."""

    name: str
    launch: Callable[[Place], Launch]
    requests: int
    """Single reviews in each round and for each number of connections."""
    warm_up: int
    """Reviews before the clock starts; they fill what remembers words."""
    contract: bool
    """Whether it is our HTTP side, which takes batches and logs the time in the model."""


def name_of(model: Path) -> str:
    """What an artifact is called in the tables: `lstm+classic`.

    Raises:
        SystemExit: there is no model, with the words that say how to make one.
    """
    if (model / DESCRIPTION).is_file():
        about = json.loads((model / DESCRIPTION).read_text())
        return f"{about['architecture']['name']}+{about['text']['name']}"
    if (model / INFO).is_file():
        return "lstm+classic"
    raise SystemExit(HOW_TO_GET_A_MODEL.format(model))


def ours(model: Path, name: str, image: str | None, requests: int, warm_up: int) -> Way:
    """`container/serve`, or `serve` in the image, for one artifact."""
    def launch(place: Place) -> Launch:
        environment = _settings(place)
        if image is None:
            return _contract([str(ROOT / "container" / "serve")], model, place)
        container = f"benchmark-{place.port}"
        return Launch(["docker", "run", "--rm", "--name", container, f"--cpuset-cpus={place.core}",
                       f"--publish=127.0.0.1:{place.port}:{place.port}",
                       *(f"--env={key}={value}" for key, value in environment.items()),
                       f"--volume={model}:/opt/ml/model:ro", image, "serve"], container=container)
    return Way(name, launch, requests, warm_up, contract=True)


def flask(model: Path, nltk_data: Path, requests: int, warm_up: int, *, cached: bool) -> Way:
    """The published code for the `lstm+classic` artifact, behind Flask and gunicorn."""
    def launch(place: Place) -> Launch:
        paths = ":".join(str(ROOT / path) for path in (".", "container", "tests"))
        return Launch(
            [sys.executable, "-m", "gunicorn", f"--bind=127.0.0.1:{place.port}", "--workers=1",
             # One thread: on one core, several would only get in each other's way.
             "--worker-class=gthread", "--threads=1", "--keep-alive=75", "--no-control-socket",
             f"benchmarks.baselines.literal_flask:create_app({str(model)!r}, {cached})"],
            {"PYTHONPATH": paths, "NLTK_DATA": str(nltk_data), "OMP_NUM_THREADS": "1"})
    return Way(CACHED if cached else LITERAL, launch, requests, warm_up, contract=False)


def fasttext(model: Path, requests: int, warm_up: int) -> Way:
    """The algorithm fastText behind our HTTP side."""
    return Way(FASTTEXT, lambda place: _contract([str(PLUGIN), "serve"], model, place), requests,
               warm_up, contract=True)


def train_fasttext(archive: Path, scratch: Path) -> Path:
    """Train it on the archive through our `train` contract; returns the folder of the model.

    Raises:
        SystemExit: it ended badly; its own words are on standard error.
    """
    channel = scratch / "input" / "data" / "train"
    channel.mkdir(parents=True)
    (channel / archive.name).symlink_to(archive.absolute())
    done = subprocess.run([sys.executable, str(PLUGIN), "train", "--root", str(scratch)],
                          stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{done.stdout.strip().splitlines()[-1]}\n"
                         "or leave it out: --without fasttext")
    return scratch / "model"


def _contract(program: list[str], model: Path, place: Place) -> Launch:
    """A program of ours as a process, with `model` in a tree of its own."""
    (place.tree / "model").symlink_to(model)
    return Launch([sys.executable, *program, "--root", str(place.tree)], _settings(place))


def _settings(place: Place) -> dict[str, str]:
    return {"SAGEMAKER_BIND_TO_PORT": str(place.port), "SAGEMAKER_MODEL_SERVER_WORKERS": "1",
            "SAGEMAKER_MODEL_JOB_QUEUE_SIZE": str(QUEUE),
            "MALLOC_ARENA_MAX": "2"}  # as in the image; it bounds what threads keep
