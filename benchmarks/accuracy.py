"""Accuracy: our models beside fastText with bigrams and a trigram NB-SVM, on the same reviews.

The two others learn the 25,000 training reviews in this run; ours are given as folders, as `train`
wrote them. All of them answer for the 25,000 test reviews, on one core and one thread.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

sys.path.extend(str(Path(__file__).resolve().parents[1] / place) for place in (".", "container"))

from benchmarks import measure, ways
from benchmarks.baselines import fasttext_plugin
from benchmarks.baselines.nbsvm import NbSvm
from benchmarks.reviews import Review, add_archive_option, read_reviews
from contract.algorithm import Predictor
from contract.errors import UserError
from sentiment.artifacts.loading import load_model
from sentiment.predictor import SentimentPredictor

BATCH = 512
BASELINES = ("fasttext", "nbsvm")

Labels = Callable[[Sequence[str]], list[int]]
"""Takes texts, gives their labels."""


@dataclass(frozen=True)
class Candidate:
    """A model ready to answer."""

    name: str
    labels: Labels
    size: int
    """Bytes of its files."""
    seconds: float | None
    """That it took to learn; None where nobody has noted them."""


@dataclass(frozen=True)
class Result:
    """What was found of a candidate."""

    accuracy: float
    batches: measure.Round
    """All test reviews, in batches of 512."""
    alone: list[float]
    """CPU seconds of one review in a call of its own."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print."""
    options = _options(arguments)
    about = measure.machine()
    measure.pin(measure.cores()[-1])
    test = read_reviews(options.archive, "test")[:options.reviews]
    candidates = [_ours(path) for path in options.model]
    if len(options.without) < len(BASELINES):
        train = read_reviews(options.archive, "train")
        candidates += [_learned(name, learn, train) for name, learn in
                       (("fasttext", _fasttext), ("nbsvm", _nbsvm)) if name not in options.without]
    results = [(candidate, evaluate(candidate.labels, test, options.alone))
               for candidate in candidates]
    print(f"{about}\n")
    print(table(results, len(test)))
    return 0


def evaluate(labels: Labels, reviews: Sequence[Review], alone: int) -> Result:
    """Ask for all reviews in batches, and for the first `alone` of them one by one."""
    texts = [review.content.decode() for review in reviews]
    found: list[int] = []

    def work() -> int:
        for at in range(0, len(texts), BATCH):
            found.extend(labels(texts[at:at + BATCH]))
        return len(texts)

    batches = measure.timed(work)
    right = sum(answer == review.label for answer, review in zip(found, reviews, strict=True))
    single = []
    for text in texts[:alone]:
        begun = time.process_time()
        labels([text])
        single.append(time.process_time() - begun)
    return Result(right / len(texts), batches, single)


def table(results: Sequence[tuple[Candidate, Result]], reviews: int) -> str:
    """One line a candidate."""
    return measure.markdown_table(
        ("model", f"accuracy on {reviews:,}", "size MB", "training s", "one review, median CPU ms",
         "p99 CPU ms", f"reviews per CPU second in batches of {BATCH}"),
        [(candidate.name, f"{result.accuracy:.4f}", measure.number(candidate.size / 1e6),
          "" if candidate.seconds is None else measure.number(candidate.seconds),
          *(measure.number(1000 * measure.quantile(result.alone, share)) for share in (0.5, 0.99)),
          measure.number(result.batches.reviews / result.batches.cpu))
         for candidate, result in results])


def _ours(directory: Path) -> Candidate:
    name = ways.name_of(directory)
    training = load_model(directory).description.get("training", {})
    return Candidate(f"{name}, {training.get('epochs', '?')} epochs",
                     answers_of(SentimentPredictor.load(directory)), _size(directory),
                     training.get("seconds"))


def _learned(name: str, learn: Callable[[Sequence[Review], Path], Labels],
             reviews: Sequence[Review]) -> Candidate:
    with tempfile.TemporaryDirectory(prefix="benchmark-accuracy-") as scratch:
        begun = time.process_time()
        labels = learn(reviews, Path(scratch))
        return Candidate({"fasttext": "fastText, bigrams", "nbsvm": "NB-SVM, trigrams"}[name],
                         labels, _size(Path(scratch)), time.process_time() - begun)


def _fasttext(reviews: Sequence[Review], directory: Path) -> Labels:
    fasttext_plugin.fit([(review.label, review.content.decode()) for review in reviews], directory)
    return answers_of(fasttext_plugin.FastTextPredictor(directory))


def _nbsvm(reviews: Sequence[Review], directory: Path) -> Labels:
    model = NbSvm.fit([review.content.decode() for review in reviews],
                      [review.label for review in reviews])
    model.save(directory)
    return model.labels


def answers_of(predictor: Predictor) -> Labels:
    """A predictor of the contract as a function from texts to labels."""
    predictor.start(1)

    def labels(texts: Sequence[str]) -> list[int]:
        instances = [predictor.read(text, {}) for text in texts]
        return [int(answer.as_label()) for answer in predictor.predict(instances, lambda: None)]

    return labels


def _size(directory: Path) -> int:
    return sum(path.stat().st_size for path in directory.rglob("*") if path.is_file())


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="benchmarks/accuracy.py", description=__doc__,
        epilog="fastText is in no list of requirements: `.venv/bin/pip install fasttext` builds it "
               "with gcc. Training seconds of ours are those that the artifact notes, wall time "
               "wherever it was trained; those of the others are CPU seconds here.")
    add_archive_option(parser)
    parser.add_argument("--model", type=Path, action="append", default=[], metavar="DIR",
                        help="a folder with model.json, as `train` writes it; several may be given")
    parser.add_argument("--without", nargs="+", choices=BASELINES, default=[],
                        help="rows to leave out")
    parser.add_argument("--reviews", type=int, metavar="N",
                        help="test reviews to ask for (default: all)")
    parser.add_argument("--alone", type=int, default=2000, metavar="N",
                        help="of them one by one as well (default: %(default)s)")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except UserError as error:
        sys.exit(str(error))
