"""Make what training reads out of the archive: its reviews in two forms.

raw       train/ and test/, the reviews as JSON Lines; the container encodes them itself
encoded   the same in the course project's rows, label,length,id_1,...,id_500, with the word
          dictionary beside them, made by the container's own code

Done once: again only if the reviews, the code, the settings or the results have changed.
"""

from __future__ import annotations

import argparse
import gzip
import hashlib
import json
import shlex
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any, cast

from cloud import ROOT
from cloud.data.folders import new_folder
from cloud.errors import ScriptError
from cloud.verb import Verb, end, run

from tqdm import tqdm

from contract.errors import UserError
from evaluate import read
from sentiment import labels
from sentiment.reviews.dataset import Reviews
from sentiment.text.base import FIRST_WORD, MAX_WORDS
from sentiment.text.classic import Classic

SOURCE = Path("data/aclImdb_v1.tar.gz")
HALVES = ("train", "test")
MANIFEST = ".prepared.json"
"""Hidden, so that it is neither uploaded nor learned from."""
_SENTIMENT = ROOT / "container" / "sentiment"
CODE = (*sorted(_SENTIMENT.glob("text/[!_]*.py")), *sorted(_SENTIMENT.glob("reviews/[!_]*.py")),
        _SENTIMENT / "labels.py", ROOT / "local_test" / "evaluate.py", Path(__file__).resolve())
LIBRARIES = ("beautifulsoup4", "nltk")
VOCAB_SIZE = 5000


def prepare(source: Path, form: str, target: Path | None = None,
            vocab_size: int = VOCAB_SIZE) -> Path:
    """Write the reviews of `source` in `form` to the folder `target`; returns it.

    `source` is an archive or a folder with `train` and `test`. The vocabulary of the encoded form
    has at most `vocab_size` ids, chosen by the training reviews.

    Raises:
        ScriptError: the reviews cannot be read, or `target` holds what is not from here.
    """
    target = target or SOURCE.parent / form
    if not source.exists():
        raise ScriptError(f"there is no {source}; run `python scripts/get_data.py`, or name an "
                          "archive or a folder")
    if vocab_size <= FIRST_WORD:
        raise ScriptError(f"--vocab-size {vocab_size} leaves no id for a word; the first "
                          f"{FIRST_WORD} stand for no word and for infrequent ones")
    recipe = _recipe(source, form, vocab_size)
    reason = _reason(target, recipe)
    if reason is None:
        print(f"{target} is up to date")
        return target
    print(f"making {target}: {reason}", flush=True)
    reviews = {half: _read(source, half) for half in HALVES}
    if reviews["train"].fingerprint() == reviews["test"].fingerprint():
        raise ScriptError(f"{source} has no halves: expected train/ and test/ inside")
    with new_folder(target) as folder:
        FORMS[form](reviews, folder, vocab_size)
        made = {**recipe, "files": _digests(folder)}
        (folder / MANIFEST).write_text(json.dumps(made, indent=2) + "\n", encoding="utf-8")
    return target


def _read(source: Path, half: str) -> Reviews:
    try:
        reviews = read(source, half)
    except UserError as error:
        raise ScriptError(f"{source}: {error}") from error
    if not reviews.texts:
        raise ScriptError(f"{source} holds encoded rows; give the reviews that they were made from")
    counts = " and ".join(f"{count} {name}" for name, count in reviews.counts.items())
    print(f"{half}: {counts} reviews", flush=True)
    return reviews


def _write_raw(halves: Mapping[str, Reviews], folder: Path, _: int) -> None:
    for half, reviews in halves.items():
        place = folder / half / "reviews.jsonl.gz"
        place.parent.mkdir()
        # Without name and time, so that the same reviews give the same bytes.
        with place.open("wb") as file, gzip.GzipFile("", "wb", fileobj=file, mtime=0) as stream:
            for label, text in _pairs(reviews, half):
                line = json.dumps({"label": labels.NAMES[label], "text": text})
                stream.write(line.encode() + b"\n")


def _write_encoded(halves: Mapping[str, Reviews], folder: Path, vocab_size: int) -> None:
    print("choosing the vocabulary", flush=True)
    pipeline = Classic.fit(halves["train"].texts, vocab_size)
    for half, reviews in halves.items():
        (folder / half).mkdir()
        (folder / half / "word_dict.json").write_text(json.dumps(pipeline.vocabulary))
        with (folder / half / f"{half}.csv").open("w", encoding="ascii", newline="") as file:
            for label, text in _pairs(reviews, half):
                ids = pipeline.encode(text)
                row = ",".join(map(str, (label, len(ids), *ids)))
                file.write(f"{row}{',0' * (MAX_WORDS - len(ids))}\n")


FORMS: Mapping[str, Callable[[Mapping[str, Reviews], Path, int], None]] = {
    "raw": _write_raw, "encoded": _write_encoded}


def _pairs(reviews: Reviews, half: str) -> Iterator[tuple[int, str]]:
    pairs = zip(reviews.labels, reviews.texts, strict=True)
    yield from cast(Iterable[tuple[int, str]], tqdm(
        pairs, total=len(reviews), desc=half, unit=" reviews", disable=None))


def _recipe(source: Path, form: str, vocab_size: int) -> dict[str, Any]:
    """All that decides what is made."""
    digest = hashlib.sha256(json.dumps(_digests(source)).encode()).hexdigest()
    settings: dict[str, Any] = {"form": form}
    if form == "encoded":
        settings["vocab_size"] = vocab_size
    return {"reviews": digest, "settings": settings,
            "code": {path.name: _digest(path) for path in CODE},
            "libraries": {name: version(name) for name in LIBRARIES}}


def _reason(target: Path, recipe: Mapping[str, Any]) -> str | None:
    """Why `target` has to be made, or None if it is what the recipe would make.

    Raises:
        ScriptError: it holds something that somebody else put there.
    """
    if not target.exists():
        return "it is not there yet"
    try:
        manifest = json.loads((target / MANIFEST).read_text(encoding="utf-8"))
        expected = manifest["files"]
    except (OSError, ValueError, LookupError, TypeError):
        raise ScriptError(f"{target} was not made by this script; move it away, or choose another "
                          "folder with --to") from None
    files = _digests(target)
    if foreign := sorted(files.keys() - expected.keys()):
        raise ScriptError(f"{target} holds {foreign[0]}, which is not from here and would be lost; "
                          "move it away")
    changed = [name for name, value in recipe.items() if manifest.get(name) != value]
    if changed:
        return f"other {' and '.join(changed)} than the last time"
    return None if files == expected else "its files have been changed"


def _digests(place: Path) -> dict[str, str]:
    """SHA-256 of a file, or of all files below a folder, by name; hidden ones are not data."""
    if place.is_file():
        return {place.name: _digest(place)}
    names = ((path, path.relative_to(place)) for path in sorted(place.rglob("*")))
    return {name.as_posix(): _digest(path) for path, name in names
            if path.is_file() and not any(part.startswith(".") for part in name.parts)}


def _digest(file: Path) -> str:
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _act(options: argparse.Namespace) -> None:
    target = prepare(options.source, options.form, options.to, options.vocab_size)
    size = sum((target / name).stat().st_size for name in _digests(target))
    end(made=[f"{target}/{name}" for name in _digests(target)],
        costs=f"nothing; {size / 1e6:.0f} MB of disk", remove=shlex.join(["rm", "-r", str(target)]))


def command() -> Verb:
    """The command line."""
    verb = Verb("prepare_data", __doc__, "--form encoded", asks_aws=False)
    verb.add_argument("source", type=Path, nargs="?", default=SOURCE,
                      help="archive or folder with train and test reviews (%(default)s)")
    verb.add_argument("--form", choices=tuple(FORMS), default="raw", help="(%(default)s)")
    verb.add_argument("--to", type=Path, metavar="DIR", help="folder to make (data/FORM)")
    verb.add_argument("--vocab-size", type=int, default=VOCAB_SIZE, metavar="N",
                      help="ids of the encoded form (%(default)s)")
    return verb


def main(arguments: Sequence[str] | None = None) -> int:
    """Prepare; returns the exit status."""
    return run(command(), _act, arguments)


if __name__ == "__main__":
    sys.exit(main())
