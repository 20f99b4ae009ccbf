"""A small built-in corpus of film reviews, in the folder layout of the Large Movie Review Dataset.

It lets the whole container be tried and tested with no download. The reviews are put together from
hand-written sentences, so a model trained here has learned these sentences, not film criticism:
its accuracy says that the code works and nothing about real reviews.
"""

from __future__ import annotations

import argparse
import random
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import fillings
import phrases

MIN_WORDS = 4
MAX_WORDS = 250
GOOD_STARS = (7, 8, 9, 10)
BAD_STARS = (1, 2, 3, 4)

# How many sentences about the film itself; mostly short reviews, and a tail of long ones.
_POINTS = (2, 2, 3, 3, 3, 4, 4, 5, 6, 8, 11, 15)
_BRIEF = 0.5  # share of reviews that are but a few sentences of opinion
_LONG = 12  # sentences, from which on some reviews have paragraphs

# Aspects on which a review may disagree with its own verdict; story and ending weigh too much.
_MIXABLE = ("acting", "music", "dialogue", "photography")

# Keeps the seeds of the two halves apart whatever seed is asked for.
_TEST_SEED_STRIDE = 1_000_003

_Fills = Mapping[str, Sequence[str]]


class _Review(NamedTuple):
    stars: int
    text: str


def _setting(rng: random.Random) -> dict[str, Sequence[str]]:
    """The fills of one review: one film with a small cast, and every shade of opinion."""
    fills = fillings.FILLS
    director, *cast = rng.sample(fills["person"], 4)
    fixed = {key: [rng.choice(fills[key])] for key in ("genre", "title", "place", "who", "when")}
    return {
        **fills,
        **fixed,
        "director": [director],
        "person": cast,
        "role": rng.sample(fills["role"], 3),
    }


def _fill(rng: random.Random, pattern: str, fills: _Fills) -> str:
    words = {key: rng.choice(options) for key, options in fills.items()}
    words["person"], words["person2"] = rng.sample(fills["person"], 2)
    for key in ("role", "part", "fine", "poor"):
        words[key], words[f"{key}2"] = rng.sample(fills[key], 2)
    sentence = pattern.format(**words)
    return sentence[0].upper() + sentence[1:]


def _points(rng: random.Random, *, liked: bool, mixed: bool) -> list[str]:
    """Patterns about the film; a mixed review has one from the other side, on its own aspect."""
    ours, theirs = phrases.PRAISE, phrases.BLAME
    if not liked:
        ours, theirs = theirs, ours
    odd_one = rng.choice(_MIXABLE) if mixed else None
    pool = [pattern for aspect in ours if aspect != odd_one for pattern in ours[aspect]]
    points = rng.sample(pool, rng.choice(_POINTS))
    return points if odd_one is None else [*points, rng.choice(theirs[odd_one])]


def _concessions(rng: random.Random, *, liked: bool, count: int) -> list[str]:
    """Patterns that give the other side its due."""
    frames = phrases.ADMISSIONS if liked else phrases.GRANTS
    clauses = phrases.FAULTS if liked else phrases.MERITS
    pairs = zip(rng.sample(frames, count), rng.sample(clauses, count), strict=True)
    return [frame.replace("{fault}", said).replace("{merit}", said) for frame, said in pairs]


def _verdict(rng: random.Random, *, liked: bool, firm: bool) -> str:
    if liked:
        return rng.choice(phrases.FIRM_PRAISE if firm else phrases.MILD_PRAISE)
    return rng.choice(phrases.FIRM_BLAME if firm else phrases.MILD_BLAME)


def _join(rng: random.Random, sentences: Sequence[str]) -> str:
    if len(sentences) < _LONG or rng.random() < 0.7:
        return " ".join(sentences)
    cut = rng.randint(2, len(sentences) - 2)
    # The original dataset marks its paragraphs like this, and a tokenizer has to cope with it.
    return " ".join(sentences[:cut]) + "<br /><br />" + " ".join(sentences[cut:])


def _compose(rng: random.Random, stars: int) -> str:
    liked = stars in GOOD_STARS
    if rng.random() < _BRIEF:
        brief = phrases.BRIEF_PRAISE if liked else phrases.BRIEF_BLAME
        patterns = rng.sample(brief, rng.randint(1, 4))
        fills = _setting(rng)
        return _join(rng, [_fill(rng, pattern, fills) for pattern in patterns])
    firm = stars in (1, 2, 9, 10)
    body = [
        *_points(rng, liked=liked, mixed=not firm),
        *_concessions(rng, liked=liked, count=rng.randint(0, 1) if firm else rng.randint(1, 2)),
        *rng.sample(phrases.ASIDES, rng.randint(0, 3)),
    ]
    rng.shuffle(body)
    patterns = [rng.choice(phrases.OPENINGS), *body, _verdict(rng, liked=liked, firm=firm)]
    fills = _setting(rng)
    return _join(rng, [_fill(rng, pattern, fills) for pattern in patterns])


def _draw(count: int, seed: int, seen: set[str]) -> Iterator[_Review]:
    """Reviews that are not among `seen`, and are added to it."""
    rng = random.Random(seed)
    made = 0
    while made < count:
        stars = rng.choice(BAD_STARS if made % 2 else GOOD_STARS)
        text = _compose(rng, stars)
        if MIN_WORDS <= len(text.split()) <= MAX_WORDS and text not in seen:
            seen.add(text)
            made += 1
            yield _Review(stars, text)


def reviews(count: int, seed: int) -> Iterator[tuple[int, str]]:
    """Yield `count` different reviews as (label, text), 1 (positive) and 0 (negative) by turns.

    The same seed gives the same reviews on every platform.
    """
    for review in _draw(count, seed, set()):
        yield int(review.stars in GOOD_STARS), review.text


def write_corpus(directory: Path, *, train: int = 2000, test: int = 400, seed: int = 1) -> None:
    """Write `train` and `test` reviews as `directory/<half>/<pos|neg>/<index>_<stars>.txt`.

    Raises FileExistsError where a half is there already: leftovers would mix with the new files.
    """
    halves = {"train": (train, seed), "test": (test, seed + _TEST_SEED_STRIDE)}
    for half in halves:
        if (directory / half).exists():
            raise FileExistsError(f"{directory / half} exists already; choose an empty folder")
    seen: set[str] = set()
    for half, (count, half_seed) in halves.items():
        for label in ("pos", "neg"):
            (directory / half / label).mkdir(parents=True)
        for number, (stars, text) in enumerate(_draw(count, half_seed, seen)):
            label = "pos" if stars in GOOD_STARS else "neg"
            path = directory / half / label / f"{number // 2}_{stars}.txt"
            path.write_text(text, encoding="utf-8", newline="\n")


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description="Write a small corpus of film reviews.")
    parser.add_argument("directory", type=Path, metavar="DIR", help="folder to write into")
    parser.add_argument("--train", type=int, default=2000, metavar="N", help="default: 2000")
    parser.add_argument("--test", type=int, default=400, metavar="N", help="default: 400")
    parser.add_argument("--seed", type=int, default=1, metavar="S", help="default: 1")
    args = parser.parse_args(argv)
    try:
        write_corpus(args.directory, train=args.train, test=args.test, seed=args.seed)
    except OSError as error:
        parser.error(str(error))
    print(
        f"wrote {args.train} training and {args.test} test reviews"
        f" to {args.directory} (seed {args.seed})"
    )


if __name__ == "__main__":
    main()
