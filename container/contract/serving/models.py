"""The models that are loaded now: loading, finding and unloading them. It knows no HTTP.

Sources: requirements M2-M4. A request holds the gate of the model that answers it, and nothing else
holds a gate that was taken out of the list. So an unloading that waits until nobody else holds it
has waited for every request, and frees the model itself.
"""

from __future__ import annotations

import gc
import logging
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from contract.algorithm import Algorithm
from contract.errors import RequestError, UserError
from contract.machine import memory
from contract.serving.gate import Deadline, Gate
from contract.serving.settings import MEGABYTE, Settings

PAGE = 100
"""Models in one part of the list."""

RESERVE = 128 * MEGABYTE
"""Bytes that no model gets: for requests, and for what estimates leave out."""

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Model:
    """A model that answers, as the platform knows it."""

    name: str
    url: str


class Models:
    """The one list of models for all callers, so it serves a single process only."""

    def __init__(self, algorithm: Algorithm, directory: Path, settings: Settings,
                 left: Callable[[], int | None] = memory.left) -> None:
        """Takes the folder that all models lie in, and how many bytes of memory are left."""
        self._algorithm, self._directory, self._settings = algorithm, directory, settings
        self._left = left
        self.waiting: Callable[[int], None] = lambda change: None
        """Is told by how many the requests that wait for any model become more or fewer."""
        memory.return_large_pieces()  # or weights that are unloaded might stay as a free piece
        self._at_start = left()
        self._lock = threading.Lock()
        self._gates: dict[str, tuple[Model, Gate]] = {}
        # Also of models that are being loaded or unloaded: bytes that each may come to take.
        self._promised: dict[str, int] = {}

    def load(self, name: str, url: str) -> Model:
        """Load the model in the folder `url`; it answers when this returns.

        Raises:
            RequestError: 409, there is a model of that name; 507, there is no memory for it.
            UserError: there is no such folder, or what is in it is no model that can be used.
        """
        with self._lock:
            if name in self._promised:
                raise RequestError(409, "a model of that name is loaded, or being loaded or "
                                        "unloaded")
            self._promised[name] = 0
        try:
            begun = time.monotonic()
            folder = self._folder(url)
            need = self._promise(name, folder)
            gate = self._load(folder)
        except BaseException:
            with self._lock:
                del self._promised[name]
            raise
        model = Model(name, url)
        with self._lock:
            self._gates[name] = model, gate
        log.info("model loaded: %s", gate.predictor.name, extra={"fields": {
            "model": name, "seconds": round(time.monotonic() - begun, 2),
            "estimated_mb": _megabytes(need)}})
        return model

    def find(self, name: str) -> Model:
        """Raises RequestError: 404, no model of that name is ready."""
        return self._find(name)[0]

    def gate(self, name: str) -> Gate:
        """Where requests for a model go; raises RequestError as `find` does."""
        return self._find(name)[1]

    def page(self, after: str) -> tuple[list[Model], str | None]:
        """Some of the models whose names come after `after`, and the last name if there are more.

        Names give the order, so a list that changes meanwhile shows what stays exactly once.
        """
        with self._lock:
            names = sorted(name for name in self._gates if name > after)
            found = [self._gates[name][0] for name in names[:PAGE]]
        return found, found[-1].name if len(names) > PAGE else None

    def unload(self, name: str) -> Model:
        """Forget a model, wait until its requests are answered, and give its memory back.

        Raises:
            RequestError: 404, no model of that name is ready; 503, a request does not end, and so
                the model stays.
        """
        with self._lock:
            model, gate = self._find(name)
            del self._gates[name]
        if not _alone(gate, Deadline(self._settings.timeout)):  # requests give up a little earlier
            with self._lock:
                self._gates[name] = model, gate
            raise RequestError(503, "a request to the model does not end; try again", retry_after=1)
        del gate  # the last reference: what it holds is freed here, and now
        memory.give_back()
        with self._lock:
            del self._promised[name]
        log.info("model unloaded", extra={"fields": {"model": name}})
        return model

    def _find(self, name: str) -> tuple[Model, Gate]:
        found = self._gates.get(name)
        if found is None:
            raise RequestError(404, "no model of that name is loaded")
        return found

    def _folder(self, url: str) -> Path:
        """The folder that the platform names. Links are followed before it is looked at."""
        try:
            folder = Path(url).resolve()
            if self._directory.resolve() in folder.parents and folder.is_dir():
                return folder
        except (OSError, ValueError, RuntimeError):  # too long, a NUL, links in a circle
            pass
        raise UserError(f"url must be a folder below {self._directory}")

    def _promise(self, name: str, folder: Path) -> int:
        """Keep memory for a model before any is taken, and say how many bytes.

        There must be room now, beside models that are being loaded, and also in the end, when each
        model has grown to what it was promised.
        """
        estimate = self._algorithm.memory or _size
        need = estimate(folder)
        with self._lock:
            rooms = [room for room in (self._now(), self._in_the_end()) if room is not None]
            room = min(rooms, default=need)
            if need > room:
                raise RequestError(507, f"the model takes up to {_megabytes(need)} MB of memory, "
                                        f"and {_megabytes(max(0, room))} MB are left; unload "
                                        "another, or take an instance with more memory")
            self._promised[name] = need
            return need

    def _now(self) -> int | None:
        left = self._left()
        loading = sum(need for name, need in self._promised.items() if name not in self._gates)
        return None if left is None else left - loading - RESERVE

    def _in_the_end(self) -> int | None:
        start = self._at_start
        return None if start is None else start - sum(self._promised.values()) - RESERVE

    def _load(self, folder: Path) -> Gate:
        try:
            predictor = self._algorithm.load(folder)
            predictor.start(self._settings.threads_per_worker)
        except MemoryError:
            raise RequestError(507, "there is not enough memory for the model") from None
        return Gate(predictor, self._settings.queue, self.waiting)


def _alone(thing: object, deadline: Deadline) -> bool:
    """Wait until the caller's reference to `thing` is the only one, as that to a new object is."""
    mine = object()
    pause = 0.001
    while (found := sys.getrefcount(thing) - sys.getrefcount(mine) - 1) > 0 and deadline.left > 0:
        time.sleep(pause)
        pause = min(2 * pause, 0.5)
        if pause > 0.1:
            gc.collect()  # an error and its trace can hold each other
    return found <= 0


def _size(folder: Path) -> int:
    """Bytes of all files: what a model takes at least, for an algorithm that gives no estimate."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def _megabytes(size: int) -> int:
    return -(-size // MEGABYTE)
