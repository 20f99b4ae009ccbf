"""The real `train`, started as often as a test likes: a process each time, PyTorch loaded once.

Thirty deaths in a row would otherwise be two minutes of imports. A process that has imported
everything forks for each life, and the child runs the executable from its first line.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from executables import CONTAINER, TRAIN, one_processor, until

# Only the kernel knows the byte at which a file is when its writer dies. Beyond the limit the
# default action of SIGXFSZ ends the process; Python ignores the signal unless told otherwise.
_PROGRAM = """\
import os, resource, runpy, signal, sys
import nltk.stem.porter, torch._dynamo, sentiment.job

for line in sys.stdin:
    largest, unnamed, *words = line.rstrip("\\n").split("\\t")
    child = os.fork()
    if not child:
        print("began", os.getpid(), flush=True)
        if int(largest):
            signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
            resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
            resource.setrlimit(resource.RLIMIT_FSIZE, (int(largest), int(largest)))
        if unnamed == "False":
            del os.O_TMPFILE
        sys.argv = words
        try:
            runpy.run_path(words[0], run_name="__main__")
        except SystemExit as end:
            sys.stdout.flush()
            os._exit(end.code)  # taking PyTorch apart, piece by piece, lasts a second
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    print("\\nended", status, flush=True)
"""
_BEGAN = re.compile(r"began (\d+)\n")
_ENDED = re.compile(r"\nended (-?\d+)\n")


@dataclass
class Life:
    """One `train`, running or ended."""

    _said: list[str] = field(default_factory=list)

    @property
    def log(self) -> str:
        return "".join(self._said)

    @property
    def status(self) -> int | None:
        """Negative for the signal that ended it; None while it runs."""
        found = _ENDED.search(self.log)
        return int(found[1]) if found else None

    def wait_for(self, text: str) -> bool:
        """Wait until its log has `text`, or until it has ended; whether it has."""
        until(lambda: text in self.log or self.status is not None, f"no {text!r} in log")
        return text in self.log

    def send(self, number: signal.Signals) -> None:
        """A signal, if it has not ended by itself."""
        until(lambda: _BEGAN.search(self.log) is not None, "no life")
        found = _BEGAN.search(self.log)
        if found and self.status is None:
            os.kill(int(found[1]), number)

    def kill(self) -> None:
        self.send(signal.SIGKILL)

    def wait(self) -> int:
        until(lambda: self.status is not None, "no end")
        return self.status or 0


class Nursery:
    """Starts one life after the other."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        self._said: list[str] = []
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def _read(self) -> None:
        assert self._process.stdout is not None
        while piece := os.read(self._process.stdout.fileno(), 65536):
            self._said.append(piece.decode())

    @contextmanager
    def life(self, root: Path, *arguments: str, largest_file: int = 0,
             unnamed_files: bool = True) -> Iterator[Life]:
        """`train` on the tree `root`; it is killed at the end if it has not ended by then.

        The process dies when a file gets longer than `largest_file` bytes, unless that is 0;
        `unnamed_files` says whether the file system seems to have files without a name.
        """
        said: list[str] = []
        self._said = said
        words = [largest_file, unnamed_files, TRAIN, "--root", root, *arguments]
        assert self._process.stdin is not None
        self._process.stdin.write("\t".join(map(str, words)) + "\n")
        self._process.stdin.flush()
        life = Life(said)
        try:
            yield life
        finally:
            life.kill()
            life.wait()

    def train(self, root: Path, *arguments: str) -> Life:
        """A whole life."""
        with self.life(root, *arguments) as life:
            life.wait()
            return life


@contextmanager
def open_nursery() -> Iterator[Nursery]:
    clean = {name: value for name, value in os.environ.items()
             if not name.startswith(("SAGEMAKER_", "SM_", "ML_ROOT", "OMP_", "MKL_"))}
    with subprocess.Popen([sys.executable, "-c", _PROGRAM], env={**clean, "PYTHONPATH":
                          str(CONTAINER)}, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
                          stderr=subprocess.STDOUT, start_new_session=True,
                          preexec_fn=one_processor()) as process:
        nursery = Nursery(process)
        try:
            yield nursery
        finally:
            os.killpg(process.pid, signal.SIGKILL)
            nursery._reader.join()
