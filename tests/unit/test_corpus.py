from __future__ import annotations

import hashlib
import math
import os
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

import corpus

TRAIN, TEST = 600, 200


@pytest.fixture(scope="module")
def sample() -> list[tuple[int, str]]:
    return list(corpus.reviews(TRAIN, seed=1))


def _words(text: str) -> set[str]:
    return set(re.findall(r"[a-z']+", text.lower()))


def _document_counts(reviews: list[tuple[int, str]]) -> dict[int, Counter[str]]:
    """How many reviews of each label have a word."""
    counts: dict[int, Counter[str]] = {0: Counter(), 1: Counter()}
    for label, text in reviews:
        counts[label].update(_words(text))
    return counts


def test_labels_take_turns(sample: list[tuple[int, str]]) -> None:
    assert [label for label, _ in sample[:4]] == [1, 0, 1, 0]
    assert sum(label for label, _ in sample) == TRAIN // 2


def test_reviews_differ_from_one_another(sample: list[tuple[int, str]]) -> None:
    assert len({text for _, text in sample}) == TRAIN


def test_lengths_are_within_the_promised_range(sample: list[tuple[int, str]]) -> None:
    lengths = [len(text.split()) for _, text in sample]
    assert min(lengths) >= corpus.MIN_WORDS
    assert max(lengths) <= corpus.MAX_WORDS
    assert min(lengths) < 60
    assert max(lengths) > 200


def test_every_slot_is_filled_and_every_sentence_starts_with_a_capital(
    sample: list[tuple[int, str]],
) -> None:
    for _, text in sample:
        assert not re.search(r"[{}]", text)
        assert text[0].isupper()
        assert not re.search(r"[.?!] [a-z]", text)


def test_it_has_what_real_reviews_have(sample: list[tuple[int, str]]) -> None:
    texts = [text for _, text in sample]
    broken = sum("<br /><br />" in text for text in texts)
    assert 0 < broken < TRAIN // 4
    assert any(not text.isascii() for text in texts)
    assert any('"' in text for text in texts)


def test_the_same_seed_gives_the_same_reviews_in_another_process() -> None:
    program = (
        "import corpus, hashlib;"
        "text = '\\n'.join(text for _, text in corpus.reviews(50, seed=7));"
        "print(hashlib.sha256(text.encode()).hexdigest())"
    )
    here = "\n".join(text for _, text in corpus.reviews(50, seed=7))
    there = subprocess.run(
        [sys.executable, "-c", program],
        env={
            **os.environ,
            "PYTHONPATH": str(Path(corpus.__file__).parent),
            "PYTHONHASHSEED": "12345",
        },
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    ).stdout.strip()
    assert there == hashlib.sha256(here.encode()).hexdigest()


def test_another_seed_gives_other_reviews(sample: list[tuple[int, str]]) -> None:
    other = {text for _, text in corpus.reviews(TRAIN, seed=2)}
    common = other & {text for _, text in sample}  # a few short ones, as among people
    assert len(common) < TRAIN / 10


def test_no_single_word_gives_the_label_away(sample: list[tuple[int, str]]) -> None:
    counts = _document_counts(sample)
    half = TRAIN // 2
    accuracy = {
        word: 0.5 + abs(counts[1][word] - counts[0][word]) / half / 2
        for word in counts[0].keys() | counts[1].keys()
    }
    assert max(accuracy.values()) < 0.75


def test_the_words_together_do(sample: list[tuple[int, str]]) -> None:
    counts = _document_counts(sample)

    def score(text: str) -> float:
        return sum(math.log((counts[1][w] + 1) / (counts[0][w] + 1)) for w in _words(text))

    unseen = list(corpus.reviews(TEST, seed=99))
    right = sum((score(text) > 0) == bool(label) for label, text in unseen)
    assert right / TEST > 0.9


def test_write_corpus_lays_out_the_folders(tmp_path: Path) -> None:
    corpus.write_corpus(tmp_path, train=20, test=10, seed=3)
    for half, per_label in (("train", 10), ("test", 5)):
        for label, stars in (("pos", "789"), ("neg", "1234")):
            files = list((tmp_path / half / label).iterdir())
            assert len(files) == per_label
            allowed = "|".join([*stars, "10"] if label == "pos" else stars)
            assert all(re.fullmatch(rf"\d+_({allowed})\.txt", file.name) for file in files)
            numbers = sorted(int(file.name.split("_")[0]) for file in files)
            assert numbers == list(range(per_label))
            assert all(file.read_text(encoding="utf-8") for file in files)


def test_train_and_test_share_no_review(tmp_path: Path) -> None:
    corpus.write_corpus(tmp_path, train=200, test=200)
    train, test = (
        {file.read_bytes() for file in (tmp_path / half).rglob("*.txt")}
        for half in ("train", "test")
    )
    assert len(train) == len(test) == 200
    assert not train & test


def test_it_does_not_write_into_a_corpus_that_is_there(tmp_path: Path) -> None:
    (tmp_path / "test").mkdir()
    with pytest.raises(FileExistsError, match="exists already"):
        corpus.write_corpus(tmp_path, train=2, test=2)
    assert not (tmp_path / "train").exists()


def test_the_command_says_in_one_line_what_it_wrote(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    target = tmp_path / "data"
    corpus.main([str(target), "--train", "4", "--test", "2", "--seed", "5"])
    lines = capsys.readouterr().out.splitlines()
    assert lines == [f"wrote 4 training and 2 test reviews to {target} (seed 5)"]


def test_the_command_refuses_a_second_run(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    corpus.main([str(tmp_path), "--train", "2", "--test", "2"])
    with pytest.raises(SystemExit):
        corpus.main([str(tmp_path), "--train", "2", "--test", "2"])
    assert "exists already" in capsys.readouterr().err
