"""Each file is opened once and read front to back: a streaming mount is fast for nothing else."""

from __future__ import annotations

import builtins
import gzip
import io
import json
import tarfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from contract.inputs.jobconfig import Channel
from sentiment.reviews.dataset import read_reviews, read_texts

MakeChannel = Callable[..., Channel]

FOLDERS = {"neg/0.txt": "dull", "pos/1.txt": "fine"}
CSV = "label,text\n0,dull\n1,fine\n"
LINES = '{"label": 0, "text": "dull"}\n{"label": 1, "text": "fine"}\n'
ROWS = "0,1,2,0\n1,1,3,0\n"


def _tar(mode: str) -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode=mode) as tar:  # type: ignore[call-overload]
        for name, text in FOLDERS.items():
            info = tarfile.TarInfo(name)
            info.size = len(text)
            tar.addfile(info, io.BytesIO(text.encode()))
    return stream.getvalue()


LAYOUTS: dict[str, Mapping[str, str | bytes]] = {
    "folders": FOLDERS,
    "CSV": {"a.csv": CSV},
    "CSV without a suffix": {"part-0": CSV},
    "JSON Lines": {"a.jsonl": LINES},
    "gzip": {"a.csv.gz": gzip.compress(CSV.encode())},
    "folders in gzip": {f"{name}.gz": gzip.compress(text.encode())
                        for name, text in FOLDERS.items()},
    "tar": {"a.tar": _tar("w")},
    "tar.gz": {"a.tar.gz": _tar("w:gz")},
    "rows of ids": {"train.csv": ROWS, "word_dict.json": json.dumps({"dull": 2, "fine": 3})},
    "a file of another kind beside them": {"a.csv": CSV, "readme.md": "x"},
}


class _Strict(io.FileIO):
    """A file that is good for nothing but to be read on."""

    def seekable(self) -> bool:
        return False

    def seek(self, *_: object) -> int:
        raise io.UnsupportedOperation(f"seek in {self.name}")

    def fileno(self) -> int:
        raise io.UnsupportedOperation(f"descriptor of {self.name}")  # mmap and flock need it


@contextmanager
def _strictly() -> Iterator[list[Path]]:
    """Every file that is opened meanwhile, each of them strict."""
    paths: list[Path] = []

    def open_file(path: Path, mode: str = "r", *_: Any) -> io.BufferedReader:
        assert mode == "rb"
        paths.append(path)
        return io.BufferedReader(_Strict(path))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(io, "open", open_file)
        patch.setattr(builtins, "open", open_file)  # which is what gzip calls
        yield paths


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_layout_is_read_once_and_on(layout: str, make_channel: MakeChannel) -> None:
    channel = make_channel(LAYOUTS[layout])
    with _strictly() as opened:
        assert read_reviews(channel).labels == [0, 1]
    assert sorted(opened) == sorted(channel.directory / name for name in LAYOUTS[layout])


@pytest.mark.parametrize("layout", ["CSV", "JSON Lines", "gzip"])
def test_reviews_without_labels_are_read_once_and_on(
    layout: str, make_channel: MakeChannel
) -> None:
    channel = make_channel(LAYOUTS[layout])
    with _strictly() as opened:
        assert list(read_texts(channel)) == ["dull", "fine"]
    assert sorted(opened) == sorted(channel.directory / name for name in LAYOUTS[layout])
