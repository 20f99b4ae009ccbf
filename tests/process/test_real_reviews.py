"""On real reviews: memory while reading, a model that has learned, explanations that are true.

The IMDB archive is never committed. IMDB_ARCHIVE names it; without it these tests are skipped, and
with REQUIRE_DATA=1 they fail instead.
"""

from __future__ import annotations

import os
import random
import subprocess
import sys
from pathlib import Path

import pytest

import evaluate
from executables import CONTAINER, train, write_channel
from sentiment.predictor import SentimentPredictor
from sentiment.reviews.dataset import Reviews

ARCHIVE = os.environ.get("IMDB_ARCHIVE", "")

LEARNED, HELD_OUT = 4000, 500


@pytest.fixture(scope="module")
def archive() -> Path:
    if not ARCHIVE:
        if os.environ.get("REQUIRE_DATA"):
            pytest.fail("REQUIRE_DATA is set, but IMDB_ARCHIVE is not")
        pytest.skip("IMDB_ARCHIVE does not name the archive of real reviews")
    return Path(ARCHIVE)


@pytest.fixture(scope="module")
def real_reviews(archive: Path) -> Reviews:
    """Some of the training reviews, shuffled; the test reviews are not for tests."""
    everything = evaluate.read(archive, half="train")
    rows = random.Random(5).sample(range(len(everything)), LEARNED + HELD_OUT)
    return Reviews([everything.labels[row] for row in rows],
                   [everything.texts[row] for row in rows])


@pytest.fixture(scope="module")
def predictor(real_reviews: Reviews, tmp_path_factory: pytest.TempPathFactory,
              ) -> SentimentPredictor:
    """A model that has learned from 4,000 real reviews with the real `train`."""
    root = tmp_path_factory.mktemp("real")
    write_channel(root, "train", list(zip(real_reviews.labels, real_reviews.texts,
                                          strict=True))[:LEARNED])
    trained = train(root, "--epochs", "3", "--batch-size", "64")
    assert trained.status == 0, trained.log
    return SentimentPredictor.load(root / "model")


def test_whole_archive_is_read_in_well_under_a_gigabyte(archive: Path, tmp_path: Path) -> None:
    (tmp_path / archive.name).symlink_to(archive.resolve())
    # Not getrusage, whose peak begins with that of the process which started this one.
    code = ("import re, sys; from pathlib import Path; "
            "from contract.inputs.jobconfig import Channel; "
            "from sentiment.reviews.dataset import read_reviews; "
            "reviews = read_reviews(Channel('train', Path(sys.argv[1]))); "
            "status = Path('/proc/self/status').read_text(); "
            "print(len(reviews), re.search(r'VmHWM:\\s+(\\d+)', status)[1])")
    done = subprocess.run([sys.executable, "-c", code, tmp_path], check=True, text=True,
                          env={**os.environ, "PYTHONPATH": str(CONTAINER)}, capture_output=True)
    count, kilobytes = map(int, done.stdout.split())
    assert count == 25_000
    assert kilobytes < 400_000


def test_model_is_better_than_chance_by_far(predictor: SentimentPredictor,
                                            real_reviews: Reviews) -> None:
    answers = predictor.predict([predictor.read(text) for text in real_reviews.texts[LEARNED:]])
    right = sum(answer.label == label for answer, label
                in zip(answers, real_reviews.labels[LEARNED:], strict=True))
    assert right / HELD_OUT > 0.7


def test_without_its_most_positive_words_a_review_scores_lower(
        predictor: SentimentPredictor, real_reviews: Reviews) -> None:
    texts = [text for text in real_reviews.texts[LEARNED:] if len(text) < 1000][:30]
    explained = predictor.predict(
        [predictor.read({"text": text, "explain": True}) for text in texts])
    shortened = []
    for text, answer in zip(texts, explained, strict=True):
        most = sorted(answer.words or [], key=lambda word: -word["contribution"])[:3]
        for word in sorted(most, key=lambda word: -word["start"]):
            text = text[:int(word["start"])] + " " + text[int(word["end"]):]
        shortened.append(text)
    after = predictor.predict([predictor.read(text) for text in shortened])
    lower = sum(b.probability < a.probability for a, b in zip(explained, after, strict=True))
    assert lower >= 0.9 * len(texts)
