"""`train` on a streaming mount (FastFile): what it does with each file of a channel."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest

import corpus
from executables import SMALL, lay_out, train

WATCH = """
import atexit, json, os, sys
seen = []
def hook(event, arguments):
    if event in ("open", "mmap.__new__", "fcntl.flock", "fcntl.lockf", "fcntl.fcntl"):
        seen.append([event, *map(str, arguments[:2])])
sys.addaudithook(hook)
def tell():
    with open(os.environ["WATCHED"], "w") as stream:
        json.dump(list(seen), stream)
atexit.register(tell)
"""
"""For `sitecustomize`: writes down every opening, mapping and locking of files."""

REVIEWS = list(corpus.reviews(60, 1))
LINES = "".join(json.dumps({"label": label, "text": text}) + "\n" for label, text in REVIEWS)
LAYOUTS = {
    "folders": {f"{('neg', 'pos')[label]}/{row}.txt": text.encode()
                for row, (label, text) in enumerate(REVIEWS)},
    "JSON Lines and gzip": {"a.jsonl": LINES.encode(), "b.jsonl.gz": gzip.compress(LINES.encode())},
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_each_file_is_opened_once_to_be_read(layout: str, tmp_path: Path) -> None:
    root = lay_out(tmp_path / "ml", 0, channel="unused",
                   hyperparameters={**SMALL, "epochs": "1"})
    (root / "input" / "config" / "inputdataconfig.json").write_text(
        json.dumps({"train": {"TrainingInputMode": "FastFile"}}))
    channel = root / "input" / "data" / "train"
    for name, content in LAYOUTS[layout].items():
        (channel / name).parent.mkdir(parents=True, exist_ok=True)
        (channel / name).write_bytes(content)
    (tmp_path / "sitecustomize.py").write_text(WATCH)
    trained = train(root, environment={"PYTHONPATH": str(tmp_path),
                                       "WATCHED": str(tmp_path / "seen.json")})
    assert trained.status == 0, trained.log
    seen = json.loads((tmp_path / "seen.json").read_text())
    opened = [(path, mode) for event, path, mode in (entry for entry in seen if entry[0] == "open")
              if path.startswith(f"{channel}/")]
    assert sorted(opened) == sorted((str(channel / name), "r") for name in LAYOUTS[layout])
    assert not [entry for entry in seen if entry[0] != "open"]
