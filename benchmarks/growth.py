"""Growth: what reading and encoding cost `train`, in time and memory, as its reviews become more.

The real training reviews are repeated as often as needed, each repetition with one word in ten
exchanged and now and then one misspelled, so that the number of distinct words grows as well.
They lie on disk as JSON Lines, and each size is read by a process of its own.
"""

from __future__ import annotations

import argparse
import json
import random
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from string import ascii_lowercase

sys.path.extend(str(Path(__file__).resolve().parents[1] / place) for place in (".", "container"))

from benchmarks import encoding, measure
from benchmarks.encoding import Figures
from benchmarks.reviews import add_archive_option, read_reviews

SIZES = (25_000, 250_000, 2_500_000)
SHARD = 50_000
"""Reviews in one file."""
MISSPELLED = 0.2
"""Share of the repeated reviews in which one word is misspelled."""

Labelled = tuple[int, str]


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print."""
    options = _options(arguments)
    about = measure.machine()
    measure.pin(measure.cores()[-1])
    originals = [(review.label, review.content.decode())
                 for review in read_reviews(options.archive, "train")]
    rows = []
    for size in sorted(options.sizes):
        with tempfile.TemporaryDirectory(prefix="benchmark-growth-",
                                         dir=options.scratch) as scratch:
            _check_space(Path(scratch), originals, size)
            volume = write_reviews(Path(scratch), originals, size)
            rows.append((volume, _in_its_own_process(Path(scratch), options.architecture)))
        print(f"{size:,} reviews are done", file=sys.stderr)
    print(f"{about}; architecture {options.architecture}\n")
    print(table(rows))
    print(f"\n{verdict([figures for _, figures in rows])}")
    return 0


def write_reviews(directory: Path, originals: Sequence[Labelled], size: int) -> int:
    """Write `size` reviews as JSON Lines, some to a file; returns the bytes of all files.

    The first ones are the originals as they are. The same arguments give the same files.
    """
    volume = 0
    reviews = repeated(originals, size)
    for start in range(0, size, SHARD):
        path = directory / f"part-{start // SHARD:05}.jsonl"
        with path.open("w", encoding="utf-8") as stream:
            for _ in range(min(SHARD, size - start)):
                label, text = next(reviews)
                stream.write(json.dumps({"label": label, "text": text}) + "\n")
        volume += path.stat().st_size
    return volume


def repeated(originals: Sequence[Labelled], size: int) -> Iterator[Labelled]:
    """So many reviews: the originals, and then the same again with other words among theirs."""
    rng = random.Random(1)
    pool = [word for _, text in originals for word in text.split(" ")[:20] if word.isalpha()]
    for at in range(size):
        label, text = originals[at % len(originals)]
        yield label, text if at < len(originals) else _perturbed(text, pool, rng)


def _perturbed(text: str, pool: Sequence[str], rng: random.Random) -> str:
    words = text.split(" ")
    for word in rng.choices(pool, k=len(words) // 10):
        _put(words, int(rng.random() * len(words)), word)
    if rng.random() < MISSPELLED:
        place = int(rng.random() * len(words))
        middle = int(rng.random() * len(words[place]))
        _put(words, place, words[place][:middle] + rng.choice(ascii_lowercase)
             + words[place][middle:])
    return " ".join(words)


def _put(words: list[str], place: int, word: str) -> None:
    """Only for another word: markup that is torn apart would be parsed in another way."""
    if words[place].isalpha():
        words[place] = word


def table(rows: Sequence[tuple[int, Figures]]) -> str:
    """One line a size; `rows` are bytes on disk and figures."""
    return measure.markdown_table(
        ("reviews", "bytes", "CPU s", "reviews per CPU second", "peak MB",
         "bytes of memory per review"),
        [(f"{figures.reviews:,}", f"{volume:,}", measure.number(figures.cpu),
          measure.number(figures.reviews / figures.cpu), f"{figures.peak / 1e6:,.0f}",
          measure.number(figures.per_review)) for volume, figures in rows])


def verdict(figures: Sequence[Figures]) -> str:
    """Whether time is linear, in words."""
    smallest, largest = figures[0], figures[-1]
    times = (largest.cpu / largest.reviews) / (smallest.cpu / smallest.reviews)
    return (f"a review among {largest.reviews:,} takes {measure.number(times)} times the CPU "
            f"seconds of one among {smallest.reviews:,} (1 is linear); "
            f"{smallest.before / 1e6:,.0f} MB are resident before the first review")


def _in_its_own_process(directory: Path, architecture: str) -> Figures:
    """Raises RuntimeError: the child failed."""
    done = subprocess.run([sys.executable, encoding.__file__, str(directory), architecture],
                          stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"reading and encoding ended with status {done.returncode}")
    return Figures(**json.loads(done.stdout))


def _check_space(directory: Path, originals: Sequence[Labelled], size: int) -> None:
    """Room for the files, and as much again for what `train` itself may lay aside."""
    mean = sum(len(text) for _, text in originals) / len(originals) + 40
    needed, free = int(2.2 * mean * size), shutil.disk_usage(directory).free
    if free < needed:
        raise SystemExit(f"{directory.parent}: {size:,} reviews need {needed >> 20:,} MiB of free "
                         f"disk, and there are {free >> 20:,}; take --scratch or fewer --sizes")


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="benchmarks/growth.py", description=__doc__)
    add_archive_option(parser)
    parser.add_argument("--sizes", type=int, nargs="+", default=SIZES, metavar="N",
                        help=f"reviews (default: {' '.join(map(str, SIZES))}; the last needs "
                             "3.5 GB of disk twice over, and half an hour)")
    parser.add_argument("--architecture", default="auto",
                        help="the hyperparameter of that name, which chooses how texts are read "
                             "(default: %(default)s)")
    parser.add_argument("--scratch", type=Path, metavar="DIR",
                        help="where the reviews are written and removed again "
                             f"(default: {tempfile.gettempdir()})")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
