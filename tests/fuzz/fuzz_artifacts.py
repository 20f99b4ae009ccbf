"""A fuzzer that sees which lines are reached, on what reads model files that others have made.

    pip install atheris
    python tests/fuzz/fuzz_artifacts.py word_dict.pkl -max_total_time=60

The word chooses the file that is fuzzed; the other files of the model are whole, and the sums in
its description are true. `archive` fuzzes the `model.tar.gz` around them. All else are options of
libFuzzer. It ends with an input and a trace when anything but UserError is raised, when one input
takes a minute, or 2 GB.
"""

from __future__ import annotations

import argparse
import importlib
import io
import sys
import tarfile
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

TESTS = Path(__file__).resolve().parents[1]
LIMITS = ("-timeout=60", "-rss_limit_mb=2048", "-max_len=8192")

if TYPE_CHECKING:
    from faults.specimens import Files

Target = Callable[[bytes], object]


def packed(files: Files) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    return buffer.getvalue()


def targets() -> dict[str, tuple[bytes, Target]]:
    """By the name of what is fuzzed: a good content to begin with, and what reads one."""
    from contract.inputs.archives import extract
    from faults import specimens
    from sentiment.safepickle import read_word_dict

    def use(files: Files) -> None:
        with tempfile.TemporaryDirectory() as folder:
            specimens.lay(specimens.with_true_sums(files), Path(folder))
            specimens.use(Path(folder))

    def unpack(content: bytes) -> None:
        with tempfile.TemporaryDirectory() as folder:
            archive, place = Path(folder, "model.tar.gz"), Path(folder, "unpacked")
            archive.write_bytes(content)
            place.mkdir()
            extract(archive, place, most_bytes=1 << 20)
            specimens.use(place)

    found: dict[str, tuple[bytes, Target]] = {}
    for kind in specimens.KINDS:
        with tempfile.TemporaryDirectory() as folder:
            files = specimens.make(kind, Path(folder))
        for name, content in files.items():
            def one(data: bytes, name: str = name, files: Files = files) -> None:
                use(files | {name: data})
            found[f"{kind}/{name}" if name in found else name] = content, one
        found["archive"] = packed(files), unpack
    pickled = found["word_dict.pkl"][0]
    return found | {"word_dict.pkl": (pickled, lambda data: read_word_dict(data, "word_dict.pkl"))}


def main() -> None:
    """Fuzz until libFuzzer's options or a finding end it."""
    sys.path[:0] = [str(TESTS), str(TESTS.parent / "container"), str(TESTS.parent / "local_test")]
    fuzzer = importlib.import_module("atheris")
    with fuzzer.instrument_imports(include=["sentiment", "contract", "pickletools", "json",
                                            "tarfile", "safetensors"]):
        from contract.errors import UserError

        known = targets()
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("what", choices=sorted(known))
    arguments, rest = parser.parse_known_args()
    seed, target = known[arguments.what]

    def try_one(data: bytes) -> None:
        try:
            target(data)
        except UserError:
            pass
        except ArithmeticError as error:  # weights that are finite, and whose sums are not
            if "not finite" not in str(error):
                raise

    with tempfile.TemporaryDirectory() as corpus:
        Path(corpus, "whole").write_bytes(seed)
        fuzzer.Setup([sys.argv[0], *LIMITS, *rest, corpus], try_one)
        fuzzer.Fuzz()


if __name__ == "__main__":
    main()
