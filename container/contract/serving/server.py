"""The life of the server: settings, model, workers, signals, exit status.

Sources: requirements S1, S4-S7, S17, M1, M3, N1-N4, N7. The model is loaded before the workers are
forked, so they share its memory, and a model that cannot be loaded ends the process at once.
"""

from __future__ import annotations

import argparse
import contextlib
import gc
import hashlib
import logging
import os
import resource
import signal
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import FrameType
from typing import Any

from flask import Flask
from gunicorn.app.base import BaseApplication
from gunicorn.arbiter import Arbiter
from gunicorn.errors import HaltServer

from contract.algorithm import Algorithm
from contract.errors import PlatformError, UserError, expected
from contract.machine import cpus
from contract.paths import PLATFORM_ROOT, Paths
from contract.running.stopping import stops_wait
from contract.serving import media
from contract.serving.app import create_app, figures
from contract.serving.logs import GunicornLogger, log_as_json
from contract.serving.models import Models
from contract.serving.multimodel import create_models_app
from contract.serving.settings import Settings, read_settings
from contract.serving.worker import Worker

GRACE_SECONDS = 20
"""For requests in flight after SIGTERM; the platform kills after 30 (S4)."""

KEEP_ALIVE_SECONDS = 75
IDLE_CONNECTIONS = 1000
_OTHER_FILES = 64

_TOO_SLOW = "the model was not ready within SAGEMAKER_STARTUP_TIMEOUT seconds"

Start = Callable[[], str]
"""What a worker does after the fork. It gives a name for the log."""

log = logging.getLogger(__name__)


def main(algorithm: Algorithm, arguments: Sequence[str] | None = None) -> int:
    """Run `serve` until it is told to stop, and return its exit status."""
    options = _options(algorithm, sys.argv[1:] if arguments is None else arguments)
    log_as_json(logging.INFO)
    # PID 1 gets no default actions from the kernel; gunicorn's own handlers come later.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, _stop_early)
    try:
        settings = _settings(os.environ)
        signal.signal(signal.SIGALRM, _too_slow)
        signal.alarm(settings.startup_timeout)
        paths = Paths(Path(options.root).absolute())
        app, start = (_many_models(algorithm, paths.models, settings) if settings.multi_model
                      else _one_model(algorithm, paths.model, settings))
    except Exception as error:
        return _say_why(error)
    # What is alive now lives for ever: keeping the collector away keeps the pages shared.
    gc.collect()
    gc.freeze()
    _Server(app, start, settings).run()
    return 0


def _say_why(error: Exception) -> int:
    """One line in the log for why there is no server; returns the exit status."""
    known = expected(error)
    if known is None:
        log.exception("cannot start: a fault of the container")
        return 1
    log.error("cannot start: %s", known)
    return known.exit_status


def _one_model(algorithm: Algorithm, directory: Path, settings: Settings) -> tuple[Flask, Start]:
    """The application, and what is to be done in each worker before the first request."""
    predictor = algorithm.load(directory)

    def start() -> str:
        predictor.start(settings.threads_per_worker)
        return predictor.name

    app = create_app(predictor, settings)
    version = _version(directory)
    figures(app).model["version"] = version
    log.info("model loaded: %s", predictor.name, extra={"fields": {"version": version}})
    return app, start


def _version(directory: Path) -> str:
    """Tells one artifact from another, whatever its algorithm: a digest of its files (S19)."""
    digest = hashlib.sha256()
    for path in sorted(directory.rglob("*")):
        if path.is_file() and os.access(path, os.R_OK):
            with path.open("rb") as stream:
                digest.update(os.fsencode(path.relative_to(directory)) + b"\n")
                digest.update(hashlib.file_digest(stream, "sha256").digest())
    return digest.hexdigest()[:12]


def _many_models(algorithm: Algorithm, directory: Path, settings: Settings) -> tuple[Flask, Start]:
    """The same for a multi-model endpoint, which begins without any model (M1)."""
    if algorithm.prepare:
        algorithm.prepare()
    models = Models(algorithm, directory, settings)
    return create_models_app(models, settings), lambda: "no model yet"


def _settings(environment: Mapping[str, str]) -> Settings:
    settings = read_settings(environment, cpus.available())
    if settings.default_accept and not media.check_default(settings.default_accept):
        raise UserError("environment variable SAGEMAKER_DEFAULT_INVOCATIONS_ACCEPT="
                        f"{settings.default_accept!r}: expected one of "
                        f"{', '.join(media.SUPPORTED)}")
    logging.getLogger().setLevel(settings.log_level)
    # One thread until the fork; each worker asks for its own number afterwards.
    cpus.bound_numeric_threads(1, os.environ)
    log.info("settings", extra={"fields": {
        "port": settings.port, "workers": settings.processes,
        "threads_per_worker": settings.threads_per_worker, "queue": settings.queue,
        "timeout": settings.timeout, "max_body": settings.max_body, "batch": settings.batch,
        "set_by": dict(settings.decided_by)}})
    return settings


def _stop_early(number: int, frame: FrameType | None) -> None:
    raise SystemExit(0)


def _too_slow(number: int, frame: FrameType | None) -> None:
    raise PlatformError(_TOO_SLOW)


class _Arbiter(Arbiter):  # type: ignore[misc]
    """gunicorn's first process."""

    def spawn_worker(self) -> Any:
        with stops_wait():  # one that came now would be taken for the first process'
            return super().spawn_worker()


class _Server(BaseApplication):  # type: ignore[misc]
    """gunicorn with an application that exists already."""

    def __init__(self, app: Flask, start: Start, settings: Settings) -> None:
        self._app = app
        self._start = start
        self._settings = settings
        super().__init__()

    def load_config(self) -> None:
        for name, value in self._options().items():
            self.cfg.set(name, value)

    def _options(self) -> dict[str, Any]:
        settings = self._settings

        def start_worker(worker: Any) -> None:
            try:
                name = self._start()
            except Exception as error:
                _say_why(error)
                sys.exit(Arbiter.WORKER_BOOT_ERROR)
            log.info("worker ready: %s", name)
            shared.ready()

        shared = figures(self._app)

        def before_fork(server: Any, worker: Any) -> None:
            worker.slot = shared.reserve()

        def after_fork(server: Any, worker: Any) -> None:
            shared.enter(worker.slot)

        def worker_gone(server: Any, worker: Any) -> None:
            shared.leave(worker.slot)

        def listening(server: Any) -> None:  # the time goes on until a worker has warmed up
            def no_worker_in_time(number: int, frame: FrameType | None) -> None:
                if not shared.ever_ready:
                    log.error("cannot start: %s", _TOO_SLOW)
                    server.kill_workers(signal.SIGKILL)  # they have answered nobody
                    raise HaltServer(_TOO_SLOW, PlatformError.exit_status)

            signal.signal(signal.SIGALRM, no_worker_in_time)

        return {
            "bind": f"0.0.0.0:{settings.port}",
            "workers": settings.processes,
            "worker_class": Worker,
            "threads": settings.connection_threads,
            # Beside those that a thread serves, so many may wait for their next request.
            "worker_connections": _connections(settings.connection_threads),
            "preload_app": True,
            # Of the worker's main loop, which never predicts: a long request cannot trip it.
            "timeout": 60,
            "graceful_timeout": GRACE_SECONDS,
            "keepalive": KEEP_ALIVE_SECONDS,
            "logger_class": GunicornLogger,
            "control_socket_disable": True,
            "when_ready": listening,
            "pre_fork": before_fork,
            "post_fork": after_fork,
            "post_worker_init": start_worker,
            "child_exit": worker_gone,
        }

    def load(self) -> Flask:
        return self._app

    def run(self) -> None:
        _Arbiter(self).run()


def _connections(threads: int) -> int:
    """How many a worker may have, so that it never runs out of descriptors.

    As many files are allowed first as the system admits. A thread may have two on disk.
    """
    wanted = threads + IDLE_CONNECTIONS
    needed = wanted + 2 * threads + _OTHER_FILES
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if resource.RLIM_INFINITY != soft < needed:
        with contextlib.suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (
                needed if hard == resource.RLIM_INFINITY else min(needed, hard), hard))
        soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY or soft >= needed:
        return wanted
    return max(2, (soft - _OTHER_FILES) // 3)


def _options(algorithm: Algorithm, arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="serve", description=f"Answer for the {algorithm.name} model in ROOT/model over HTTP. "
        "Settings come from environment variables; docs/serving.md lists them.")
    parser.add_argument("--root", default=os.environ.get("ML_ROOT") or PLATFORM_ROOT,
                        help="the tree to use instead of %(default)s (also: ML_ROOT)")
    return parser.parse_args(arguments)
