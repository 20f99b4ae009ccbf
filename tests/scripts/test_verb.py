"""Where settings come from, and how a script ends."""

from __future__ import annotations

import argparse
from pathlib import Path

from cloud.errors import ScriptError
from cloud.verb import Verb, end, run

import pytest
from botocore.exceptions import NoRegionError


@pytest.fixture
def verb() -> Verb:
    verb = Verb("bake_cake", "Bake a cake.", "--flour 2")
    verb.add_argument("--flour", type=int, default=1)
    verb.add_argument("--glaze", action=argparse.BooleanOptionalAction, default=True)
    verb.add_argument("--spices", nargs="*", default=[])
    return verb


def _read(verb: Verb, file: Path, *words: str) -> argparse.Namespace:
    return verb.read(["--project-file", str(file), *words])


@pytest.mark.parametrize(("typed", "environment", "written", "expected"), [
    ([], {}, "", 1),
    ([], {}, "[bake_cake]\nflour = 2", 2),
    ([], {"SENTIMENT_BAKE_CAKE_FLOUR": "3"}, "[bake_cake]\nflour = 2", 3),
    (["--flour", "4"], {"SENTIMENT_BAKE_CAKE_FLOUR": "3"}, "[bake_cake]\nflour = 2", 4),
    ([], {}, "[another]\nflour = 2", 1),
])
def test_an_option_goes_before_the_environment_before_the_file(
        verb: Verb, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, typed: list[str],
        environment: dict[str, str], written: str, expected: int) -> None:
    file = tmp_path / "project.toml"
    file.write_text(written)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert _read(verb, file, *typed).flour == expected


@pytest.mark.parametrize(("written", "typed", "glaze"), [
    ("glaze = false", [], False), ("glaze = true", ["--no-glaze"], False),
    ("glaze = false", ["--glaze"], True)])
def test_an_option_undoes_what_the_file_says(
        verb: Verb, tmp_path: Path, written: str, typed: list[str], glaze: bool) -> None:
    file = tmp_path / "project.toml"
    file.write_text(f"[bake_cake]\n{written}")
    assert _read(verb, file, *typed).glaze is glaze


def test_a_list_and_the_shared_settings_may_stand_in_the_file(verb: Verb, tmp_path: Path) -> None:
    file = tmp_path / "project.toml"
    file.write_text('region = "eu-west-1"\n[bake_cake]\nspices = ["clove", "mace"]')
    options = _read(verb, file)
    assert (options.region, options.spices) == ("eu-west-1", ["clove", "mace"])


@pytest.mark.parametrize(("written", "said"), [
    ("regoin = 'x'", "'regoin' is not one of project, region, bucket"),
    ("[bake_cake]\nsugar = 1", "[bake_cake] has 'sugar'"),
    ("[bake_cake]\nflour = 'much'", "argument --flour: invalid int value: 'much'"),
    ("this is no toml", "project.toml: "),
])
def test_a_file_that_is_wrong_is_named(verb: Verb, tmp_path: Path, written: str, said: str,
                                       capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "project.toml"
    file.write_text(written)
    with pytest.raises(SystemExit):
        _read(verb, file)
    assert said in capsys.readouterr().err


def test_help_has_an_example(verb: Verb) -> None:
    assert verb.format_help().endswith("example:\n  python scripts/bake_cake.py --flour 2\n")


@pytest.mark.parametrize(("error", "said"), [
    (ScriptError("the oven is cold"), "bake_cake: the oven is cold\n"),
    (NoRegionError(), "bake_cake: no Region: give --region, set AWS_REGION, or write it into "
                      "project.toml\n"),
    (FileNotFoundError(2, "No such file or directory", "flour"),
     "bake_cake: [Errno 2] No such file or directory: 'flour'\n"),
])
def test_what_fails_is_one_sentence(verb: Verb, error: Exception, said: str,
                                    capsys: pytest.CaptureFixture[str]) -> None:
    def act(_: argparse.Namespace) -> None:
        raise error

    assert run(verb, act, []) == 1
    assert capsys.readouterr().err == said


def test_an_interrupt_says_that_nothing_is_lost(
        verb: Verb, capsys: pytest.CaptureFixture[str]) -> None:
    def act(_: argparse.Namespace) -> None:
        raise KeyboardInterrupt

    assert run(verb, act, []) == 130
    assert "run it again to go on" in capsys.readouterr().err


@pytest.mark.parametrize(("words", "said"), [
    (["--dry-run"], "\ndry run: nothing was made, changed or removed\n"), ([], "")])
def test_a_dry_run_says_in_the_end_that_it_was_one(
        verb: Verb, capsys: pytest.CaptureFixture[str], words: list[str], said: str) -> None:
    assert run(verb, lambda _: None, words) == 0
    assert capsys.readouterr().out == said


def test_the_end_tells_what_was_made_its_price_and_how_to_remove_it(
        capsys: pytest.CaptureFixture[str]) -> None:
    end(["a cake", "its plate"], costs="nothing", remove="eat it")
    assert capsys.readouterr().out == ("\nmade    a cake\n        its plate\n"
                                       "costs   nothing\nremove  eat it\n")
