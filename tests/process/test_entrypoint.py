"""The image's entry point, with programs on the PATH that only say how they were called."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from executables import CONTAINER, PATIENCE

ENTRYPOINT = CONTAINER / "entrypoint"


@pytest.fixture
def programs(tmp_path: Path) -> Path:
    """A folder with four programs, and `data`, which is none."""
    for name in ("train", "serve", "process", "tool"):
        program = tmp_path / name
        program.write_text('#!/bin/sh\necho "$$ ${0##*/}$(printf " [%s]" "$@")"\nexit 7\n')
        program.chmod(0o755)
    (tmp_path / "data").touch()
    return tmp_path


def call(programs: Path, *words: str) -> tuple[subprocess.Popen[str], str, str]:
    with subprocess.Popen([ENTRYPOINT, *words], text=True, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, cwd=programs,
                          env={"PATH": f"{programs}:/usr/bin:/bin"}) as process:
        try:
            return process, *process.communicate(timeout=PATIENCE)
        finally:
            process.kill()


@pytest.mark.parametrize(("words", "called"), [
    ([], "train []"),
    (["train"], "train []"),
    (["train", "--epochs", "3"], "train [--epochs] [3]"),
    (["--epochs", "3"], "train [--epochs] [3]"),
    (["-h"], "train [-h]"),
    (["serve"], "serve []"),
    (["serve", "--root", "/a b"], "serve [--root] [/a b]"),
    (["process", "prepare", "--seed", "3"], "process [prepare] [--seed] [3]"),
    (["tool"], "tool []"),
    (["tool", "a b", "*", ""], "tool [a b] [*] []"),
    (["./tool", "x"], "tool [x]"),
])
def test_the_first_word_chooses_the_program(programs: Path, words: list[str],
                                            called: str) -> None:
    _, output, errors = call(programs, *words)
    assert output.split(" ", 1)[1] == called + "\n"
    assert errors == ""


@pytest.mark.parametrize(("words", "output"), [
    (["true"], ""), (["echo", "a  b"], "a  b\n"), (["printf", "%s", "x"], "x")])
def test_a_program_that_the_shell_has_itself_is_run(programs: Path, words: list[str],
                                                    output: str) -> None:
    process, said, errors = call(programs, *words)
    assert (process.returncode, said, errors) == (0, output, "")


def test_the_program_takes_the_place_of_the_shell(programs: Path) -> None:
    """Signals go to process 1 alone, and its exit status is the container's."""
    process, output, _ = call(programs, "train")
    assert int(output.split()[0]) == process.pid
    assert process.returncode == 7


@pytest.mark.parametrize("word", ["unknown", "", "data", "./data", "/", "cd", "if", "a b"])
def test_any_other_word_gets_the_usage_and_status_2(programs: Path, word: str) -> None:
    process, output, errors = call(programs, word)
    assert process.returncode == 2
    assert errors.startswith("usage: docker run IMAGE train")
    assert output == ""
