"""`docker run IMAGE train` as the platform runs it: result, stop, power loss, blame."""

from __future__ import annotations

import re

import pytest

from image.engine import HARDENED, ONE_PROCESSOR, SOMEBODY, Finished, Image, mount
from image.trees import Trained, Tree
from sentiment.artifacts.loading import load_model


def _endless(tree: Tree, **more: str) -> list[str]:
    """Docker's options for a job that ends only when it is made to."""
    tree.set_hyperparameters({"epochs": "1000", "batch-size": "32", **more})
    return [*ONE_PROCESSOR, *mount(tree.root, "/opt/ml")]


def _assert_model(run: Finished, tree: Tree) -> None:
    assert run.status == 0, run
    assert tree.model_files() == {"model.json", "vocabulary.json", "weights.safetensors"}
    assert not tree.failure.exists()


def _epochs(log: str) -> list[int]:
    """The epochs for which there are metric lines."""
    return [int(number) for number in re.findall(r" epoch=([0-9]+)", log)]


def test_train_makes_a_model(trained: Trained) -> None:
    _assert_model(trained.run, trained.tree)
    assert re.search(r"validation:accuracy=[01]\.[0-9]+;", trained.run.out)


def test_no_argument_means_train(image: Image, corpus_tree: Tree) -> None:
    run = image.run(options=[*ONE_PROCESSOR, *mount(corpus_tree.root, "/opt/ml")])
    _assert_model(run, corpus_tree)


def test_the_log_has_no_carriage_returns(trained: Trained) -> None:
    assert "\r" not in trained.run.out + trained.run.err


def test_any_user_can_train_on_a_read_only_root(image: Image, corpus_tree: Tree) -> None:
    corpus_tree.checkpoints.mkdir()
    places = [corpus_tree.model, corpus_tree.failure.parent, corpus_tree.checkpoints]
    image.run("chown", SOMEBODY, *(f"/tree/{place.name}" for place in places),
              options=mount(corpus_tree.root, "/tree"))
    mounts = mount(corpus_tree.root / "input", "/opt/ml/input", "ro")
    for place in places:
        mounts += mount(place, f"/opt/ml/{place.name}")
    run = image.run("train", options=[*HARDENED, *ONE_PROCESSOR, *mounts])
    _assert_model(run, corpus_tree)
    assert list(corpus_tree.checkpoints.glob("checkpoint-*"))


def test_docker_stop_leaves_the_best_model_so_far(image: Image, corpus_tree: Tree) -> None:
    with image.start("train", options=_endless(corpus_tree)) as job:
        job.wait_for_log(" epoch=2")
        status = job.stop(120)
        log = job.logs()
    _assert_model(Finished(status, log, ""), corpus_tree)
    assert load_model(corpus_tree.model).description["training"]["stopped"] is True
    assert max(_epochs(log)) < 1000


def test_a_killed_job_goes_on_where_it_was(image: Image, corpus_tree: Tree) -> None:
    corpus_tree.checkpoints.mkdir()
    # Only `lstm` may go on with another number of epochs.
    options = _endless(corpus_tree, architecture="lstm", hidden_dim="32")
    with image.start("train", options=options) as job:
        job.wait_for_log(" epoch=3")
        assert job.kill() == 137
        before = max(_epochs(job.logs()))
    assert corpus_tree.model_files() == set()

    run = image.train(corpus_tree.root, "--epochs", str(before + 1))
    _assert_model(run, corpus_tree)
    assert "resumed from checkpoint-" in run.out
    # The last checkpoint may be one epoch behind what the killed job has said.
    assert min(_epochs(run.out)) >= before


@pytest.mark.parametrize(("name", "content", "said"), [
    ("reviews.csv", "label,text\n1,A fine film.\nmaybe,Who knows.\n",
     "UserError: train/reviews.csv line 3: label is 'maybe'"),
    ("reviews.jsonl", '{"label": 1, "text": "A fine film."}\n{"label": 1\n',
     "UserError: train/reviews.jsonl line 2: not a JSON object"),
], ids=["csv", "jsonl"])
def test_a_fault_in_the_data_is_told_in_the_failure_file(
        image: Image, tree: Tree, name: str, content: str, said: str) -> None:
    tree.add_file("train", name, content)
    run = image.train(tree.root)
    assert run.status == 1
    assert tree.failure.read_text()[:200].startswith(said)
    assert tree.model_files() == set()
