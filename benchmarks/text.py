"""From text to ids: the published recipe against the pipeline `classic`, on the same reviews.

The recipe reads NLTK's stop words anew for every word, makes a new stemmer for every word and calls
BeautifulSoup for every review; `classic` must give the same ids. All of it runs on one core.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

sys.path.extend(str(Path(__file__).resolve().parents[1] / place)
                for place in (".", "container", "tests"))

import nltk
from nltk.corpus import stopwords

import published
from benchmarks import measure
from benchmarks.nltk_data import add_nltk_option, unpacked
from benchmarks.reviews import Review, add_archive_option, read_reviews
from sentiment.text.base import Ids
from sentiment.text.classic import Classic
from sentiment.text.tokens import Tokens

VOCABULARY_SIZE = 5000
FITTED_ON = 4000
"""Reviews that the vocabulary is made from; the warm pipeline has read them, too."""

DEFAULT_SIZE = 60_000
"""Words of the default pipeline, as its vocabulary has."""

PUBLISHED = "published recipe"

Made = Sequence[int] | Ids
Encode = Callable[[str], Made]


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print; returns 1 if the ids differ."""
    options = _options(arguments)
    about = measure.machine()
    measure.pin(measure.cores()[-1])
    reviews = read_reviews(options.archive, "train")
    known, fresh = reviews[:FITTED_ON], reviews[FITTED_ON:]
    with tempfile.TemporaryDirectory(prefix="benchmark-text-") as scratch:
        nltk.data.path[:] = [str(unpacked(options.nltk_data, Path(scratch)))]
        warm = Classic.fit((review.content.decode() for review in known), VOCABULARY_SIZE)
        for review in known:
            warm.encode(review.content.decode())
        default = Tokens.fit((review.content.decode() for review in known), DEFAULT_SIZE)
        for review in known:
            default.encode(review.content.decode())
        old = _published(dict(warm.vocabulary))
        old(known[0].content.decode())  # what is loaded on first use

        slow = _Slices(fresh, 0, options.old_reviews)
        cold_part = _Slices(fresh, slow.end(options.rounds), options.reviews)
        warm_part = _Slices(fresh, cold_part.end(options.rounds), options.reviews)
        if warm_part.end(options.rounds) > len(fresh):
            raise SystemExit(f"only {len(fresh)} fresh reviews; take fewer rounds or reviews")
        wanted: list[Made] = []
        results = measure.alternate(options.rounds, {
            PUBLISHED: lambda at: _run(old, slow.of(at), wanted),
            "classic, cold": lambda at: _run(Classic(warm.vocabulary).encode, cold_part.of(at), []),
            "classic, warm": lambda at: _run(warm.encode, warm_part.of(at), []),
            "tokens (the default), warm": lambda at: _run(default.encode, warm_part.of(at), []),
            "floor: decode and split": lambda at: _run(_only_split, warm_part.of(at), []),
        })
    compared = fresh[:slow.end(options.rounds)]
    different = sum(list(ids) != warm.encode(review.content.decode()).tolist()
                    for ids, review in zip(wanted, compared, strict=True))
    print(about)
    print(_table(results))
    print(f"\nids compared on {len(compared)} reviews: {different} differ")
    return 1 if different else 0


@dataclass(frozen=True)
class _Slices:
    """Each round's reviews; none of them is used twice."""

    reviews: Sequence[Review]
    start: int
    size: int

    def of(self, at: int) -> Sequence[Review]:
        return self.reviews[self.end(at):self.end(at + 1)]

    def end(self, rounds: int) -> int:
        return self.start + rounds * self.size


def _run(encode: Encode, reviews: Sequence[Review], made: list[Made]) -> measure.Round:
    """Time `encode` from the bytes on; the ids go into `made`."""
    def work() -> int:
        made.extend([encode(review.content.decode()) for review in reviews])
        return len(reviews)
    return measure.timed(work)


def _published(word_dict: dict[str, int]) -> Encode:
    """The recipe as one function; the zeros after the review's length are dropped."""
    def encode(text: str) -> list[int]:
        words = published.review_to_words(text, lambda: stopwords.words("english"))
        row, length = published.convert_and_pad(word_dict, words)
        return row[:length]
    return encode


def _only_split(text: str) -> list[int]:
    text.split()
    return []


def _table(results: dict[str, list[measure.Round]]) -> str:
    base = measure.per_cpu_second(results[PUBLISHED]).median
    return measure.markdown_table(
        ("way", "reviews", "reviews/s, wall", "reviews per CPU second", "times published"),
        [(name, sum(entry.reviews for entry in rounds), measure.per_wall_second(rounds),
          measure.per_cpu_second(rounds),
          measure.number(measure.per_cpu_second(rounds).median / base))
         for name, rounds in results.items()])


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="benchmarks/text.py", description=__doc__,
        epilog="cold: a new object in every round, so every distinct word is stemmed once more. "
               f"warm: one object that has read {FITTED_ON} other reviews; those it is timed on "
               "are new to it in every round.")
    add_archive_option(parser)
    add_nltk_option(parser)
    parser.add_argument("--rounds", type=int, default=5, help="default: %(default)s")
    parser.add_argument("--reviews", type=int, default=2000,
                        help="for classic, in each round (default: %(default)s)")
    parser.add_argument("--old-reviews", type=int, default=60,
                        help="for the published recipe, in each round (default: %(default)s)")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
