"""Fetch the film reviews: the Large Movie Review Dataset, 50,000 labelled reviews of IMDB.

The archive is fetched from its public place, goes on where it was broken off, and is checked. It
is all that the other scripts need; `--extract` unpacks it as well, for people to look into.
"""

from __future__ import annotations

import argparse
import hashlib
import shlex
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

from cloud.data.archives import extract
from cloud.data.download import download
from cloud.data.folders import new_folder
from cloud.errors import ScriptError
from cloud.verb import Verb, end, run

URL = "https://ai.stanford.edu/~amaas/data/sentiment/aclImdb_v1.tar.gz"
MD5 = "7c2ac02c03563afcf9b574c7e56c153a"
"""The MD5 of the public archive, as given with it."""
NAME = "aclImdb_v1.tar.gz"
FOLDER = "aclImdb"
_MARK = ".md5"


def get(directory: Path, *, url: str = URL, archive: Path | None = None, md5: str = MD5) -> Path:
    """Put the archive into `directory`, from `url` or a local `archive`; returns its path.

    Raises:
        ScriptError: it cannot be had, or is not the file with this MD5.
    """
    target = directory / NAME
    if target.is_file() and md5_of(target) == md5:
        print(f"{target} is there already")
        return target
    directory.mkdir(parents=True, exist_ok=True)
    if archive is None:
        part = directory / f"{NAME}.part"
        download(url, part)
        try:
            _check(part, md5, url)
        except ScriptError:
            part.unlink()
            raise
    elif archive.is_file():
        _check(archive, md5, archive)
        part = shutil.copyfile(archive, directory / f"{NAME}.copy")
    else:
        raise ScriptError(f"there is no file {archive}")
    part.replace(target)
    return target


def _check(file: Path, md5: str, origin: object) -> None:
    """Raises ScriptError: `file` is not the one with this MD5."""
    found = md5_of(file)
    if found != md5:
        raise ScriptError(f"{origin} has the MD5 {found}, expected {md5}: it was damaged on its "
                          f"way or is another file. If it is the one you mean, add --md5 {found}")


def unpack(archive: Path) -> Path:
    """Unpack the archive beside itself; returns the folder.

    Raises:
        ScriptError: the archive is not fit to be unpacked, or another folder is in the way.
    """
    target, md5 = archive.with_name(FOLDER), md5_of(archive)
    if target.exists():
        mark = target / _MARK
        if mark.is_file() and mark.read_text() == md5:
            print(f"{target} is there already")
            return target
        raise ScriptError(f"{target} is in the way: it was not unpacked from {archive}. Move it "
                          "away and run this again")
    with new_folder(target) as folder:
        count = extract(archive, folder)
        _lift(folder)
        (folder / _MARK).write_text(md5)
    print(f"unpacked {count} files")
    return target


def _lift(folder: Path) -> None:
    """Do without a single folder that holds all the rest, which is how archives are made."""
    inside = list(folder.iterdir())
    if len(inside) == 1 and inside[0].is_dir():
        top = inside[0].rename(folder.with_name("top"))
        for path in top.iterdir():
            path.rename(folder / path.name)


def md5_of(file: Path) -> str:
    """In hexadecimal. It tells a damaged file, and is what the archive's authors have published."""
    with file.open("rb") as stream:
        return hashlib.file_digest(
            stream, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()


def _act(options: argparse.Namespace) -> None:
    archive = get(options.to, url=options.url, archive=options.archive, md5=options.md5.lower())
    made = [str(archive)]
    if options.extract:
        made.append(f"{unpack(archive)}/")
    end(made, costs=f"nothing; {archive.stat().st_size / 1e6:.0f} MB of disk for the archive",
        remove=shlex.join(["rm", "-r", *made]))


def command() -> Verb:
    """The command line."""
    verb = Verb("get_data", __doc__, "--to data", asks_aws=False)
    verb.add_argument("--to", type=Path, default=Path("data"), metavar="DIR",
                      help="folder to put it into (%(default)s)")
    verb.add_argument("--archive", type=Path, metavar="FILE",
                      help="take this local file and fetch nothing")
    verb.add_argument("--url", default=URL, help="where to fetch it from (%(default)s)")
    verb.add_argument("--md5", default=MD5, metavar="HEX",
                      help="what the file must have (that of the public archive)")
    verb.add_argument("--extract", action=argparse.BooleanOptionalAction, default=False,
                      help=f"unpack it too, into {FOLDER}/ beside it")
    return verb


def main(arguments: Sequence[str] | None = None) -> int:
    """Fetch; returns the exit status."""
    return run(command(), _act, arguments)


if __name__ == "__main__":
    sys.exit(main())
