"""How the image is started: words, options and entry points (T1, T3, K3, K5)."""

from __future__ import annotations

import pytest

from image.engine import ONE_PROCESSOR, Image, mount
from image.trees import Tree


@pytest.mark.parametrize("word", ["trian", "SERVE", "/opt", ""])
def test_a_word_that_is_no_program_gets_the_usage(image: Image, word: str) -> None:
    done = image.run(word)
    assert done.status == 2
    assert done.err.startswith("usage: docker run IMAGE train")


@pytest.mark.parametrize(("words", "said"), [
    (["chmod", "--version"], "chmod (GNU coreutils)"),
    (["bash", "-c", "echo $0 here"], "bash here"),
    (["python3", "--version"], "Python 3.11"),
    (["true"], ""),
    (["echo", "hi"], "hi"),
])
def test_a_program_on_the_path_is_run(image: Image, words: list[str], said: str) -> None:
    done = image.run(*words)
    assert done.status == 0
    assert done.out.startswith(said)


def test_pip_and_python_are_of_one_installation(image: Image) -> None:
    """Driver scripts of SDK clients install with the one and run with the other (K3)."""
    assert image.run("pip", "--version").out == image.run("python3", "-m", "pip", "--version").out
    assert "/opt/venv/" in image.run("pip", "--version").out


def test_a_program_keeps_its_exit_status(image: Image) -> None:
    assert image.run("bash", "-c", "exit 7").status == 7


def test_train_can_be_the_entrypoint(image: Image, corpus_tree: Tree) -> None:
    done = image.run(options=["--entrypoint", "train", *ONE_PROCESSOR,
                              *mount(corpus_tree.root, "/opt/ml")])
    assert done.status == 0
    assert "model.json" in corpus_tree.model_files()


def test_serve_can_be_the_entrypoint(image: Image) -> None:
    done = image.run(options=["--entrypoint", "serve"])
    assert done.status == 1
    assert "no model in /opt/ml/model" in done.out + done.err


def test_arguments_without_train_are_training_options(image: Image, corpus_tree: Tree) -> None:
    done = image.run("--epochs", "1", "--hidden_dim=8",
                     options=[*ONE_PROCESSOR, *mount(corpus_tree.root, "/opt/ml")])
    assert done.status == 0
    assert '"epochs": 1' in done.out
    assert '"hidden_dim": 8' in done.out
