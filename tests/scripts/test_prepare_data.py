"""What is made is what training would have read, once, and again only where something changed."""

from __future__ import annotations

import csv
import json
import os
import shutil
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest

import corpus
import evaluate
import published
from accounts import Finished, Script
from contract.inputs.jobconfig import Channel
from sentiment.reviews.dataset import read_reviews
from sentiment.text.stopwords import ENGLISH

HALVES = ("train", "test")


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The built-in corpus in folders; read-only by agreement."""
    folder = tmp_path_factory.mktemp("corpus") / "aclImdb"
    corpus.write_corpus(folder, train=60, test=20)
    return folder


@pytest.fixture(scope="module")
def archive(source: Path) -> Path:
    file = source.with_name("aclImdb_v1.tar.gz")
    with tarfile.open(file, "w:gz") as tar:
        tar.add(source, "aclImdb")
    return file


Prepare = Callable[..., Finished]


@pytest.fixture
def target(tmp_path: Path) -> Path:
    return tmp_path / "prepared"


@pytest.fixture
def prepare(script: Script, target: Path) -> Prepare:
    def call(*words: object) -> Finished:
        return script("prepare_data", *words, "--to", target)

    return call


def _contents(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes()
            for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("half", HALVES)
def test_the_raw_form_trains_exactly_as_the_archive_does(
        prepare: Prepare, archive: Path, target: Path, half: str) -> None:
    done = prepare(archive)
    assert (done.status, done.err) == (0, "")
    made = read_reviews(Channel(half, target / half))
    assert made.fingerprint() == evaluate.read(archive, half).fingerprint()


def test_encoded_rows_are_those_of_the_published_recipe(
        prepare: Prepare, source: Path, target: Path) -> None:
    assert prepare(source, "--form", "encoded", "--vocab-size", 300).status == 0
    words = {half: [published.review_to_words(text, lambda: ENGLISH)
                    for text in evaluate.read(source, half).texts] for half in HALVES}
    expected = published.build_dict(words["train"], 300)
    for half in HALVES:
        assert json.loads((target / half / "word_dict.json").read_text()) == expected
        with (target / half / f"{half}.csv").open(newline="") as file:
            rows = [list(map(int, row)) for row in csv.reader(file)]
        pairs = [published.convert_and_pad(expected, review) for review in words[half]]
        assert rows == [[label, length, *ids] for label, (ids, length) in zip(
            evaluate.read(source, half).labels, pairs, strict=True)]


def test_the_encoded_form_is_what_training_takes(
        prepare: Prepare, source: Path, target: Path) -> None:
    prepare(source, "--form", "encoded")
    made = read_reviews(Channel("train", target / "train"))
    assert made.counts == evaluate.read(source, "train").counts
    assert made.vocabulary and len(made.encoded) == 60


@pytest.mark.parametrize("form", ["raw", "encoded"])
def test_folder_and_archive_come_to_the_same_bytes(
        script: Script, source: Path, archive: Path, tmp_path: Path, form: str) -> None:
    for place in (source, archive):
        script("prepare_data", place, "--form", form, "--to", tmp_path / place.name)
    made = [_contents(tmp_path / place.name) for place in (source, archive)]
    for files in made:
        del files[".prepared.json"]
    assert made[0] == made[1] and len(made[0]) == (2 if form == "raw" else 4)


def test_a_second_run_makes_nothing(prepare: Prepare, archive: Path, target: Path) -> None:
    prepare(archive)
    before = target.stat().st_ino
    done = prepare(archive)
    assert done.status == 0 and f"{target} is up to date\n" in done.out
    assert target.stat().st_ino == before


@pytest.mark.parametrize("form", ["raw", "encoded"])
@pytest.mark.parametrize("spoil", [
    lambda file: file.write_bytes(b"other"), lambda file: file.unlink()], ids=["changed", "gone"])
def test_results_that_have_changed_are_made_anew(
        prepare: Prepare, source: Path, target: Path, form: str,
        spoil: Callable[[Path], object]) -> None:
    prepare(source, "--form", form)
    made = _contents(target)
    spoil(next(path for path in (target / "test").iterdir()))
    done = prepare(source, "--form", form)
    assert "its files have been changed" in done.out
    assert _contents(target) == made


def test_other_code_makes_the_data_anew(
        prepare: Prepare, source: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    prepare(source)
    code = tmp_path / "text.py"
    code.write_text("# a better stemmer")
    monkeypatch.setattr("prepare_data.CODE", (code,))
    assert "other code than the last time" in prepare(source).out
    assert "is up to date" in prepare(source).out


def test_the_code_that_is_watched_is_all_that_has_a_say() -> None:
    import prepare_data

    names = {path.name for path in prepare_data.CODE}
    assert {"classic.py", "markup.py", "stopwords.py", "dataset.py", "labels.py", "evaluate.py",
            "prepare_data.py"} <= names
    assert len(names) == len(prepare_data.CODE)  # they are told apart by their names


def test_other_reviews_make_the_data_anew(
        prepare: Prepare, source: Path, target: Path, tmp_path: Path) -> None:
    mine = shutil.copytree(source, tmp_path / "mine")
    prepare(mine)
    (mine / "train" / "pos" / "new_9.txt").write_text("Superb.")
    assert "other reviews than the last time" in prepare(mine).out
    assert len(read_reviews(Channel("train", target / "train"))) == 61


@pytest.mark.parametrize("words", [["--form", "encoded"], ["--form", "encoded",
                                                           "--vocab-size", "50"]])
def test_other_settings_make_the_data_anew(
        prepare: Prepare, source: Path, words: list[str]) -> None:
    prepare(source, "--form", "encoded", "--vocab-size", "40")
    assert "other settings than the last time" in prepare(source, *words).out
    assert "is up to date" in prepare(source, *words).out


def test_a_folder_from_elsewhere_is_not_touched(
        prepare: Prepare, source: Path, target: Path) -> None:
    (target / "mine").mkdir(parents=True)
    done = prepare(source)
    assert done.status == 1
    assert f"{target} was not made by this script; move it away" in done.err
    assert (target / "mine").exists()


def test_the_command_that_removes_it_can_be_copied(
        script: Script, source: Path, tmp_path: Path) -> None:
    target = tmp_path / "my data"
    done = script("prepare_data", source, "--to", target)
    assert done.out.endswith(f"remove  rm -r '{target}'\n")


def test_a_file_that_somebody_has_added_is_not_lost(
        prepare: Prepare, source: Path, target: Path) -> None:
    prepare(source)
    (target / "train" / "mine.jsonl").write_text("mine")
    done = prepare(source, "--form", "encoded")
    assert done.status == 1 and "holds train/mine.jsonl, which is not from here" in done.err
    assert (target / "train" / "mine.jsonl").exists()


def test_an_error_leaves_what_was_there(
        prepare: Prepare, source: Path, archive: Path, target: Path, tmp_path: Path) -> None:
    prepare(source)
    before = _contents(target)
    damaged = tmp_path / "damaged.tar.gz"
    damaged.write_bytes(archive.read_bytes()[:-100])
    done = prepare(damaged)
    assert done.status == 1 and "archive is damaged or cut off" in done.err
    assert _contents(target) == before
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(".")]


def _one_half(folder: Path) -> str:
    corpus.write_corpus(folder / "c", train=4, test=4)
    shutil.rmtree(folder / "c" / "test")
    return "c"


def _encoded(folder: Path) -> str:
    for half in HALVES:
        (folder / half).mkdir()
        (folder / half / "a.csv").write_text("1,1,2\n0,1,2\n")
        (folder / half / "word_dict.json").write_text('{"film": 2}')
    return "."


@pytest.mark.parametrize(("make", "message"), [
    (lambda folder: "nowhere.tar.gz", "run `python scripts/get_data.py`"),
    (_one_half, "has no halves: expected train/ and test/ inside"),
    (_encoded, "holds encoded rows; give the reviews"),
], ids=["missing", "one half", "encoded already"])
def test_a_source_that_cannot_be_used_says_why(
        prepare: Prepare, tmp_path: Path, target: Path, make: Callable[[Path], str],
        message: str) -> None:
    done = prepare(tmp_path / make(tmp_path))
    assert done.status == 1 and message in done.err
    assert not target.exists()


def test_a_vocabulary_without_words_is_refused(prepare: Prepare, source: Path) -> None:
    done = prepare(source, "--form", "encoded", "--vocab-size", "2")
    assert done.status == 1 and "--vocab-size 2 leaves no id for a word" in done.err


@pytest.mark.skipif(not os.environ.get("IMDB_ARCHIVE") and os.environ.get("REQUIRE_DATA") != "1",
                    reason="IMDB_ARCHIVE does not name the archive of real reviews")
def test_the_real_archive_comes_to_50_000_rows(prepare: Prepare, target: Path) -> None:
    assert prepare(os.environ["IMDB_ARCHIVE"], "--form", "encoded").status == 0
    for half in HALVES:
        with (target / half / f"{half}.csv").open() as file:
            assert sum(line.count(",") == 501 for line in file) == 25_000
        assert len(json.loads((target / half / "word_dict.json").read_text())) == 4998
