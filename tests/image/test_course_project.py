"""Models of the course project: pickles, made here as it makes them, read in the image as data."""

from __future__ import annotations

import os
import pickle
from pathlib import Path

import pytest
import torch

import corpus
import published
from image.engine import Image, mount
from sentiment.text.stopwords import ENGLISH

FILES = ("model_info.pth", "model.pth", "word_dict.pkl")
SIZES = {"embedding_dim": 8, "hidden_dim": 16, "vocab_size": 500}


class _Trap:
    """Runs a command where it is unpickled in the careless way."""

    def __init__(self, command: str) -> None:
        self.command = command

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.system, (self.command,)


def _words(review: str) -> list[str]:
    return published.review_to_words(review, lambda: ENGLISH)


@pytest.fixture(scope="module")
def reviews() -> list[str]:
    return [text for _, text in corpus.reviews(12, seed=3)]


@pytest.fixture
def artifact(tmp_path_factory: pytest.TempPathFactory, reviews: list[str],
             ) -> tuple[Path, list[str]]:
    """A folder with the three files, and the labels that the published code gives `reviews`."""
    folder = tmp_path_factory.mktemp("course")
    torch.manual_seed(5)
    model = published.LSTMClassifier(**SIZES)
    word_dict = published.build_dict([_words(review) for review in reviews], SIZES["vocab_size"])
    rows = [published.convert_and_pad(word_dict, _words(review)) for review in reviews]
    with torch.no_grad():
        scores = model(torch.tensor([[length, *row] for row, length in rows]))
        model.dense.bias.sub_(torch.logit(scores).mean())  # untrained, so make it undecided
        scores = model(torch.tensor([[length, *row] for row, length in rows]))
    torch.save(SIZES, folder / FILES[0])
    torch.save(model.state_dict(), folder / FILES[1])
    (folder / FILES[2]).write_bytes(pickle.dumps(word_dict))
    return folder, [str(int(score)) for score in scores.round()]


def test_its_model_gives_its_labels(
        image: Image, artifact: tuple[Path, list[str]], reviews: list[str]) -> None:
    folder, labels = artifact
    assert set(labels) == {"0", "1"}
    with image.serve(folder) as server:
        server.wait_until_ready()
        answers = [server.invocations(review.encode(), "text/plain") for review in reviews]
    assert [answer.body.decode() for answer in answers] == labels
    assert {answer.content_type for answer in answers} == {"text/plain"}


@pytest.mark.parametrize("name", FILES)
def test_a_pickle_with_a_trap_is_refused_and_not_run(
        image: Image, artifact: tuple[Path, list[str]], tmp_path: Path, name: str) -> None:
    folder, _ = artifact
    (folder / name).write_bytes(pickle.dumps(_Trap("touch /marks/sprung")))
    options = [*mount(folder, "/opt/ml/model", "ro"), *mount(tmp_path, "/marks")]
    done = image.run("serve", options=options)
    assert done.status == 1
    assert f"{name}: refused" in done.out + done.err
    assert list(tmp_path.iterdir()) == []

    careless = f"import pickle; pickle.load(open('/opt/ml/model/{name}', 'rb'))"
    image.run("python3", "-c", careless, options=options)
    assert [path.name for path in tmp_path.iterdir()] == ["sprung"]  # so it was a real trap
