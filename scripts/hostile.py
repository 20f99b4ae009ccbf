"""Try hostile inputs on the real `train` and `serve`, and write docs/hostile-inputs.md.

    .venv/bin/python scripts/hostile.py

Each row of the page is one run: what was given, and the status and words that came back.
"""

from __future__ import annotations

import gzip
import http.client
import io
import json
import os
import pickle
import pickletools
import shutil
import socket
import subprocess
import sys
import tarfile
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "hostile-inputs.md"
sys.path.insert(0, str(ROOT / "local_test"))

GOOD_CSV = "label,text\n" + "1,a fine film\n0,a dull film\n" * 40


class Trap:
    """A pickle that would leave a file behind if it were ever run."""

    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self) -> tuple[Callable[..., int], tuple[str]]:
        return os.system, (f"touch {self.marker}",)


def put(tree: Path, name: str, content: str | bytes) -> None:
    path = tree / "input" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content.encode() if isinstance(content, str) else content)


def tar_with(name: str, content: bytes) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
        member = tarfile.TarInfo(name)
        member.size = len(content)
        tar.addfile(member, io.BytesIO(content))
    return buffer.getvalue()


def endless_tar() -> bytes:
    """A hidden member that is passed over, as far as its header says: a zettabyte."""
    header = bytearray(tarfile.TarInfo("._film.txt").tobuf(tarfile.USTAR_FORMAT))
    header[124:136] = (2**70).to_bytes(11, "big").rjust(12, b"\x80")
    header[148:156] = b" " * 8
    header[148:156] = f"{sum(header):06o}\0 ".encode()
    return gzip.compress(bytes(header) + bytes(2048))


def training_cases(marker: Path) -> dict[str, dict[str, str | bytes]]:
    """Name of each case, and the files below `input/` that make it."""
    csv = "data/train/a.csv"
    settings = "config/hyperparameters.json"
    row = "1,2,5,6" + ",0" * 498
    return {
        "no channel at all": {},
        "an empty channel": {"data/train/.keep": ""},
        "unknown hyperparameter": {csv: GOOD_CSV, settings: '{"epoch": "3"}'},
        "impossible hyperparameter": {csv: GOOD_CSV, settings: '{"epochs": "0", "seed": "x"}'},
        "hyperparameters are not JSON": {csv: GOOD_CSV, settings: '{"epochs": '},
        "an input mode that there is not": {csv: GOOD_CSV, "config/inputdataconfig.json":
                                            '{"train": {"TrainingInputMode": "Stream"}}'},
        "CSV: a label that is neither": {csv: GOOD_CSV + "maybe,what a film\n"},
        "CSV: unquoted commas": {csv: GOOD_CSV + "1,good, really, good\n"},
        "CSV: unclosed quote": {csv: GOOD_CSV + '1,"no end\n'},
        "CSV: wrong header": {csv: "stars,words\n5,good\n"},
        "CSV: bytes that are not UTF-8": {csv: GOOD_CSV.encode() + b"1,caf\xe9\n"},
        "CSV: one class only": {csv: "label,text\n1,good\n1,fine\n"},
        "CSV: cut off .gz": {csv + ".gz": gzip.compress(GOOD_CSV.encode())[:-20]},
        "JSON Lines: a line that is no object": {"data/train/a.jsonl": "[1]\n"},
        "JSON Lines: 100,000 brackets": {"data/train/a.jsonl": "[" * 100_000},
        "archive: cut off": {"data/train/a.tar.gz": tar_with("pos/1.txt", os.urandom(9000))[:4000]},
        "archive: member ../../evil": {"data/train/a.tar.gz": tar_with("../../pos/x.txt", b"hm")},
        "archive: a hidden member of a zettabyte": {"data/train/a.tar.gz": endless_tar()},
        "folders: no negative review": {"data/train/pos/1.txt": "good"},
        "rows without word_dict": {"data/train/train.csv": row + "\n"},
        "rows: id outside the vocabulary": {"data/train/train.csv": row + "\n",
                                            "data/train/word_dict.json": '{"a": 2}'},
        "word_dict.pkl runs a command": {"data/train/train.csv": row + "\n",
                                         "data/train/word_dict.pkl": pickle.dumps(Trap(marker))},
        "a file of an unknown kind": {"data/train/a.parquet": "PAR1"},
        "an earlier model that is none": {csv: GOOD_CSV, "data/model/model.tar.gz": "hello"},
        "an earlier model with ../evil": {csv: GOOD_CSV, "data/model/model.tar.gz":
                                          tar_with("../evil", b"hm")},
        "a host that is not in the list": {csv: GOOD_CSV, "config/resourceconfig.json":
                                           '{"current_host": "algo-1", "hosts": ["algo-2"]}'},
    }


def try_training(marker: Path) -> Iterator[tuple[str, str, str]]:
    for name, files in training_cases(marker).items():
        with tempfile.TemporaryDirectory() as folder:
            tree = Path(folder)
            for path, content in files.items():
                put(tree, path, content)
            done = subprocess.run([sys.executable, ROOT / "container" / "train", "--root", tree],
                                  capture_output=True, text=True, timeout=120, check=False)
            failure = tree / "output" / "failure"
            words = failure.read_text().strip() if failure.exists() else "no failure file"
            words = words.replace(str(tree), "/opt/ml")
            left = sorted(path.name for path in (tree / "model").glob("*"))
            yield name, f"exit {done.returncode}", words + (f" (left {left})" if left else "")


def serving_cases() -> dict[str, tuple[str, str, dict[str, str], bytes]]:
    """Name of each case: method, path, headers, body."""
    def post(kind: str, body: bytes, **headers: str) -> tuple[str, str, dict[str, str], bytes]:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return "POST", "/invocations", {"Content-Type": kind, **named}, body
    bomb = gzip.compress(bytes(300 * 1024 * 1024), 9)
    return {
        "empty body": post("text/plain", b""),
        "a type that is not supported": post("image/png", b"x"),
        "an answer that cannot be made": post("text/plain", b"x", Accept="image/png"),
        "a charset that is none": post("text/plain; charset=zlib", b"x"),
        "bytes that are not UTF-8": post("text/plain", b"\xff\xfe\xff"),
        "broken JSON": post("application/json", b'{"text": '),
        "100,000 open brackets": post("application/json", b"[" * 100_000),
        "a number of 10,000 digits": post("application/json", b"1" * 10_000),
        "JSON without text": post("application/json", b'{"review": "good"}'),
        "text that is a number": post("application/json", b'{"text": 5}'),
        "a bad line among good ones": post("application/jsonlines", b'"good"\n{\n"bad"\n'),
        "CSV with unquoted commas": post("text/csv", b"good, really good\n"),
        "a row whose length lies": post("text/csv", b"9,1,2\n"),
        "a word id outside the vocabulary": post("text/csv", b"1,999999\n"),
        "a pickled NumPy array": post("application/x-npy", pickled_array()),
        "a NumPy array of 300 million rows of nothing": post("application/x-npy", empty_rows()),
        "three million empty lists in a document": post(
            "application/json", b"[" + b"[]," * 3_000_000 + b"[]]"),
        "one review of 200,000 characters": post("text/plain", b"good " * 40_000),
        "30,000 unclosed tags": post("text/plain", b"<a " * 30_000),
        "a word of 99,000 letters y": post("text/plain", b"y" * 99_000),
        "gzip bomb, 300 MB from 300 kB": post("text/plain", bomb, Content_Encoding="gzip"),
        "cut off gzip": post("text/plain", gzip.compress(b"good film")[:-6],
                             Content_Encoding="gzip"),
        "a body of 101 MB": post("text/plain", b"x" * (101 * 1024 * 1024)),
        "headers of 20 kB": ("GET", "/ping", {"X-Long": "y" * 20_000}, b""),
        "a route that is none": ("GET", "/etc/passwd", {}, b""),
        "a method that is not allowed": ("DELETE", "/invocations", {}, b""),
        "HTML in the review": post("application/json",
                                   b'{"text": "<script>alert(1)</script> good"}'),
    }


def pickled_array() -> bytes:
    import numpy as np

    buffer = io.BytesIO()
    np.save(buffer, np.array([{"a": 1}], dtype=object), allow_pickle=True)
    return buffer.getvalue()


def empty_rows() -> bytes:
    import numpy as np

    buffer = io.BytesIO()
    np.lib.format.write_array_header_1_0(
        buffer, {"descr": "<f8", "fortran_order": False, "shape": (300_000_000, 0)})
    return buffer.getvalue()


def try_serving(tree: Path) -> Iterator[tuple[str, str, str]]:
    with serving(tree) as port:
        for name, (method, path, headers, body) in serving_cases().items():
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
            begun = time.monotonic()
            try:
                connection.request(method, path, body or None, headers)
                response = connection.getresponse()
                words = response.read().decode().strip().replace("\n", " ⏎ ")
                status = str(response.status)
            except OSError as error:
                status, words = "no answer", type(error).__name__
            finally:
                connection.close()
            slow = time.monotonic() - begun
            yield name, status, words[:200] + (f" ({slow:.0f} s)" if slow > 5 else "")


def try_artifacts(good: Path, marker: Path) -> Iterator[tuple[str, str, str]]:
    import torch

    def spoil(name: str, content: bytes) -> Callable[[Path], object]:
        return lambda model: (model / name).write_bytes(content)

    def describe(key: str, value: object) -> Callable[[Path], object]:
        def change(model: Path) -> None:
            path = model / "model.json"
            path.write_text(json.dumps(json.loads(path.read_text()) | {key: value}))
        return change

    def trapped(model: Path) -> None:
        for path in model.iterdir():
            path.unlink()
        torch.save({"embedding_dim": 1, "hidden_dim": 1, "vocab_size": 3, "x": Trap(marker)},
                   model / "model_info.pth")
        torch.save({}, model / "model.pth")
        (model / "word_dict.pkl").write_bytes(pickle.dumps({"a": 2}))

    def unfilled(model: Path) -> None:
        """In torch's old format: what it says of its tensors, and none of their bytes."""
        trapped(model)
        torch.save({"embedding_dim": 32, "hidden_dim": 2000, "vocab_size": 3},
                   model / "model_info.pth")
        saved = io.BytesIO()
        torch.save({"lstm.weight_hh_l0": torch.zeros(8000, 2000)}, saved,
                   _use_new_zipfile_serialization=False)
        saved.seek(0)
        for _ in range(4):
            for _ in pickletools.genops(saved):
                pass
        (model / "model.pth").write_bytes(saved.getvalue()[:saved.tell()] + pickle.dumps([], 2))

    cases: dict[str, Callable[[Path], object]] = {
        "no model": lambda model: (model / "model.json").unlink(),
        "weights cut off": spoil("weights.safetensors", b"x" * 100),
        "weights with one byte changed": lambda model: (model / "weights.safetensors").write_bytes(
            (model / "weights.safetensors").read_bytes()[:-1] + b"\x7f"),
        "a later version": describe("version", 99),
        "another format": describe("format", "onnx"),
        "an unknown network": describe("architecture", {"name": "gpt", "settings": {}}),
        "settings for a terabyte": describe("architecture", {"name": "lstm", "settings": {
            "vocabulary_size": 1_000_000, "embedding_dim": 1_000_000, "hidden_dim": 1_000_000}}),
        "a pickle that runs a command": trapped,
        "64 MB of tensors in a file of one kB": unfilled,
    }
    for name, change in cases.items():
        with tempfile.TemporaryDirectory() as folder:
            tree = Path(folder)
            shutil.copytree(good / "model", tree / "model")
            change(tree / "model")
            done = subprocess.run([sys.executable, ROOT / "container" / "serve", "--root", tree],
                                  capture_output=True, text=True, timeout=60, check=False)
            words = json.loads(done.stdout.splitlines()[-1])["message"].replace(
                str(tree), "/opt/ml")
            yield name, f"exit {done.returncode}", words


@contextmanager
def serving(tree: Path) -> Iterator[int]:
    """The real `serve`, healthy, on a free port."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    process = subprocess.Popen([sys.executable, ROOT / "container" / "serve", "--root", tree],
                               env={**os.environ, "SAGEMAKER_BIND_TO_PORT": str(port)},
                               stdout=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            try:
                connection = http.client.HTTPConnection("127.0.0.1", port, timeout=2)
                connection.request("GET", "/ping")
                if connection.getresponse().status == 200:
                    break
            except OSError:
                time.sleep(0.2)
        yield port
    finally:
        process.terminate()
        process.wait(timeout=30)


def table(rows: Iterator[tuple[str, str, str]]) -> str:
    lines = ["| given | status | words |", "| --- | --- | --- |"]
    for row in rows:
        cells = [cell.replace("|", "\\|").replace("<", "&lt;") for cell in row]
        print(" | ".join(cells), flush=True)
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def main() -> None:
    """Run everything and write the page; takes some minutes."""
    import corpus

    with tempfile.TemporaryDirectory() as folder:
        good, marker = Path(folder) / "good", Path(folder) / "executed"
        corpus.write_corpus(good / "input" / "data" / "train", train=400, test=0)
        subprocess.run([sys.executable, ROOT / "container" / "train", "--root", good,
                        "--architecture", "lstm", "--epochs", "1", "--hidden-dim", "16"],
                       check=True, stdout=subprocess.DEVNULL)
        training = table(try_training(marker))
        serving_table = table(try_serving(good))
        artifacts = table(try_artifacts(good, marker))
        executed = "**was executed**" if marker.exists() else "was never executed"
    PAGE.write_text(f"""# Hostile inputs

Made by `.venv/bin/python scripts/hostile.py`, which runs each on the real `train` and `serve`. The
command hidden in the pickles {executed}.

## To `train`

{training}

## To `serve`

{serving_table}

## As a model, to `serve`

{artifacts}
""", encoding="utf-8")
    print(f"wrote {PAGE.relative_to(ROOT)}")


if __name__ == "__main__":
    main()
