"""Trees for training in the image, and a model and a server to share."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from image.engine import Container, Image
from image.trees import QUICK, Trained, Tree


def _new_tree(workshop: Path) -> Tree:
    return Tree.make(Path(tempfile.mkdtemp(dir=workshop)))


@pytest.fixture
def tree(workshop: Path) -> Tree:
    """An empty /opt/ml."""
    return _new_tree(workshop)


@pytest.fixture
def corpus_tree(tree: Tree) -> Tree:
    """An /opt/ml with the generated corpus and settings that are quickly done."""
    tree.add_corpus()
    tree.set_hyperparameters(QUICK)
    return tree


@pytest.fixture(scope="session")
def trained(image: Image, workshop: Path) -> Trained:
    tree = _new_tree(workshop)
    tree.add_corpus()
    tree.set_hyperparameters(QUICK)
    return Trained(tree, image.train(tree.root))


@pytest.fixture(scope="session")
def model(trained: Trained) -> Path:
    """The folder of a model, to be mounted where it is served."""
    assert trained.run.status == 0, trained.run
    return trained.tree.model


@pytest.fixture(scope="session")
def server(image: Image, model: Path) -> Iterator[Container]:
    with image.serve(model) as container:
        yield container.wait_until_ready()
