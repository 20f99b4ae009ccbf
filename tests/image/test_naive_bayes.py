"""The example's image: ours, with another algorithm in it and the same behaviour round it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

import corpus
from executables import write_channel
from image.engine import HARDENED, ONE_PROCESSOR, Image, environment, mount
from image.trees import Tree

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "naive_bayes"


@pytest.fixture(scope="module")
def other(image: Image) -> Iterator[Image]:
    tag = f"{image.tag}-naive-bayes"
    image.engine.must("build", "--tag", tag, "--build-arg", f"IMAGE={image.tag}", str(EXAMPLE))
    yield Image(image.engine, tag)
    image.engine.must("image", "rm", tag)


@pytest.fixture
def job(tree: Tree) -> Tree:
    """An /opt/ml with reviews as JSON Lines."""
    write_channel(tree.root, "train", corpus.reviews(100, seed=1))
    return tree


def test_it_trains_and_serves_on_a_read_only_root_without_network(other: Image, job: Tree) -> None:
    other.run("chmod", "-R", "a+rwX", "/tree", options=mount(job.root, "/tree"))
    trained = other.run("train", options=[*HARDENED, *mount(job.root, "/opt/ml")])
    assert trained.status == 0, trained
    assert job.model_files() == {"model.json"}
    with other.serve(job.model, options=[*ONE_PROCESSOR, *environment({"SAGEMAKER_BATCH": "true"})]
                     ) as server:
        server.wait_until_ready()
        answer = server.invocations(b"A wonderful film.\n\nA dull film.\n", "text/plain")
        assert server.stop(30) == 0
    assert answer.body.split(b"\n")[1] == b"ERROR"
    assert set(answer.body.split()) <= {b"0", b"1", b"ERROR"}


def test_no_argument_means_train(other: Image, job: Tree) -> None:
    done = other.run(options=[*ONE_PROCESSOR, *mount(job.root, "/opt/ml")])
    assert done.status == 0, done
    assert "validation:accuracy=" in done.out


def test_nothing_of_the_first_algorithm_is_left(other: Image) -> None:
    listing = other.run("bash", "-c", "cd /opt/program && ls").out.split()
    assert {"naive_bayes.py", "plug.py", "contract"} <= set(listing)
    assert "sentiment" not in listing
