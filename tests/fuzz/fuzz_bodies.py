"""A fuzzer that sees which lines are reached, on what reads the bodies of requests.

    pip install atheris
    python tests/fuzz/fuzz_bodies.py -max_total_time=300

The first three bytes of an input choose content type, accepted type and whether it is a batch; the
rest is the body. Options are those of libFuzzer. It ends with an input and a trace when anything
but UserError is raised, when a record is lost, when one input takes ten seconds, or 1 GB.
"""

from __future__ import annotations

import importlib
import sys
import tempfile
from pathlib import Path

TESTS = Path(__file__).resolve().parents[1]
LIMITS = ("-timeout=10", "-rss_limit_mb=1024", "-max_len=8192")


def main() -> None:
    """Fuzz until libFuzzer's options or a finding end it."""
    sys.path[:0] = [str(TESTS), str(TESTS.parent / "container")]
    fuzzer = importlib.import_module("atheris")
    with fuzzer.instrument_imports(include=["contract", "json", "csv", "werkzeug.http"]):
        from contract.errors import UserError
        from faults.bodies import GOOD, SENT, WANTED, answer

    def try_one(data: bytes) -> None:
        if len(data) < 3:
            return
        try:
            answer(data[3:], SENT[data[0] % len(SENT)], WANTED[data[1] % len(WANTED)],
                   batch=bool(data[2] % 2))
        except UserError:
            pass

    with tempfile.TemporaryDirectory() as corpus:
        for number, body in enumerate(GOOD):
            for sent in range(len(SENT)):
                Path(corpus, f"{number}-{sent}").write_bytes(bytes([sent, number, sent]) + body)
        fuzzer.Setup([sys.argv[0], *LIMITS, *sys.argv[1:], corpus], try_one)
        fuzzer.Fuzz()


if __name__ == "__main__":
    main()
