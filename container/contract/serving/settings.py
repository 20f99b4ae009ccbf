"""The server's settings from environment variables, under the names that SageMaker users expect.

Sources: requirements S8, S10, S14, S15, S17, B1, B2, N4. docs/serving.md has the table.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TypeVar

from contract.errors import UserError

MEGABYTE = 1024 * 1024
LARGEST_BODY_MB = 1024
"""An asynchronous endpoint sends objects of up to 1 GB."""

_MANY = 32
"""Models whose queues may be full while a ping is still answered at once."""

_WHOLE_BODY_MB = 100
_WHOLE_BODY_MB_OF_MANY = 25
"""With many models there is no more for requests; and no more can be sent to such an endpoint."""
_REAL_TIME_SECONDS = 60
_BATCH_SECONDS = 3600
_BATCH_PAYLOAD_MB = 6
_BATCH_TOTAL_MB = 100
"""The platform's bound on MaxConcurrentTransforms times MaxPayloadInMB."""

T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class Settings:
    """How to serve. `decided_by` names the variables that were found set."""

    port: int
    workers: int
    """Processes; where many models share one process, how many are thought to predict at once."""
    threads_per_worker: int
    """Threads of the numeric library in each worker, or for each of many models."""
    timeout: float
    """Seconds the caller waits for an answer."""
    max_body: int
    """Bytes of a request's body, decompressed."""
    queue: int
    """Requests that may wait for a model in each worker while it predicts others."""
    startup_timeout: int
    """Seconds until the first worker must be ready."""
    default_accept: str | None
    multi_model: bool
    batch: bool
    batch_strategy: str
    batch_payload_mb: int
    batch_transforms: int
    log_level: int
    temporary: str = "/tmp"  # noqa: S108 - the platform's only writable place (S25)
    """Where long bodies are kept."""
    decided_by: Mapping[str, str] = field(default_factory=dict)

    @property
    def whole_body(self) -> int:
        """Bytes of a body, or of an answer, in a format that has to be in memory as a whole."""
        most = _WHOLE_BODY_MB_OF_MANY if self.multi_model else _WHOLE_BODY_MB
        return min(self.max_body, most * MEGABYTE)

    @property
    def deadline(self) -> float:
        """Seconds after which we give up ourselves, a little before the caller does."""
        return self.timeout - min(5.0, self.timeout / 10)

    @property
    def processes(self) -> int:
        """One for many models: all callers must see the same list of them (M3)."""
        return 1 if self.multi_model else self.workers

    @property
    def connection_threads(self) -> int:
        """Some share a prediction, `queue` wait, the rest read slow requests and answer `/ping`.

        They are made when needed, and a thread that only waits costs next to nothing. Of many
        models each has its queue.
        """
        return (_MANY if self.multi_model else 1) * (1 + self.queue) + 128

    @property
    def execution_parameters(self) -> dict[str, int | str]:
        """The answer to a batch transform job that asks how it should call."""
        return {"MaxConcurrentTransforms": self.batch_transforms,
                "BatchStrategy": self.batch_strategy, "MaxPayloadInMB": self.batch_payload_mb}


def read_settings(environment: Mapping[str, str], processors: int) -> Settings:
    """Read all settings; variables we do not know are left alone.

    Raises:
        UserError: a value cannot be used; the message names the variable and what it may be.
    """
    reader = _Reader(environment)
    batch = _truth(environment.get("SAGEMAKER_BATCH", ""))
    workers = reader.whole(("SAGEMAKER_MODEL_SERVER_WORKERS", "SAGEMAKER_NUM_MODEL_WORKERS",
                            "MODEL_SERVER_WORKERS"), processors, 1, 512)
    threads = reader.whole(("OMP_NUM_THREADS",), max(1, processors // workers), 1, 1024)
    payload = reader.whole(("SAGEMAKER_MAX_PAYLOAD_IN_MB",), None, 0, LARGEST_BODY_MB)
    fitting = min(workers, _BATCH_TOTAL_MB // (payload or _BATCH_PAYLOAD_MB) or 1)
    transforms = reader.whole(("SAGEMAKER_MAX_CONCURRENT_TRANSFORMS",), fitting, 1, 10_000)
    strategy = reader.take(("SAGEMAKER_BATCH_STRATEGY",), _strategy) or "MULTI_RECORD"
    return Settings(
        port=reader.whole(("SAGEMAKER_BIND_TO_PORT",), 8080, 1, 65535),
        workers=workers,
        threads_per_worker=threads,
        timeout=reader.take(
            ("SAGEMAKER_MODEL_SERVER_TIMEOUT_SECONDS", "SAGEMAKER_MODEL_SERVER_TIMEOUT",
             "SAGEMAKER_SERVER_TIMEOUT", "MODEL_SERVER_TIMEOUT"), _seconds)
        or (_BATCH_SECONDS if batch else _REAL_TIME_SECONDS),
        max_body=_max_body(reader, payload),
        queue=reader.whole(("SAGEMAKER_MODEL_JOB_QUEUE_SIZE",), 16, 0, 1000),
        startup_timeout=reader.whole(("SAGEMAKER_STARTUP_TIMEOUT",), 600, 1, 86400),
        default_accept=environment.get("SAGEMAKER_DEFAULT_INVOCATIONS_ACCEPT") or None,
        multi_model=_truth(environment.get("SAGEMAKER_MULTI_MODEL", "")),
        batch=batch,
        batch_strategy=strategy,
        batch_payload_mb=payload if payload is not None else min(
            _BATCH_PAYLOAD_MB, _BATCH_TOTAL_MB // transforms or 1),
        batch_transforms=transforms,
        log_level=reader.whole(("SAGEMAKER_CONTAINER_LOG_LEVEL",), 20, 0, 50),
        temporary=environment.get("TMPDIR") or Settings.temporary,
        decided_by=reader.found,
    )


def _max_body(reader: _Reader, payload_mb: int | None) -> int:
    """0 MB means no limit to the platform; then the largest body it can send is the limit."""
    if payload_mb is not None:
        return (payload_mb or LARGEST_BODY_MB) * MEGABYTE
    return reader.whole(("SAGEMAKER_MAX_REQUEST_SIZE", "MAX_CONTENT_LENGTH"),
                        LARGEST_BODY_MB * MEGABYTE, 1, LARGEST_BODY_MB * MEGABYTE)


class _Reader:
    """Reads variables by their names in order of rank, and remembers which it found."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._environment = environment
        self.found: dict[str, str] = {}

    def take(self, names: tuple[str, ...], read: Callable[[str], T]) -> T | None:
        """The value of the first name that is set.

        Raises:
            UserError: `read` refused it.
        """
        for name in names:
            raw = self._environment.get(name, "").strip()
            if raw:
                try:
                    value = read(raw)
                except ValueError as error:
                    raise UserError(f"environment variable {name}={raw[:40]!r}: "
                                    f"expected {error}") from None
                self.found[name] = raw
                return value
        return None

    def whole(self, names: tuple[str, ...], default: int | None, low: int, high: int) -> int:
        """A whole number from `low` to `high`, or the default."""
        def read(raw: str) -> int:
            try:
                number = int(raw)
            except ValueError:
                number = low - 1
            if not low <= number <= high:
                raise ValueError(f"a whole number from {low} to {high}")
            return number
        value = self.take(names, read)
        return default if value is None else value  # type: ignore[return-value]


def _seconds(raw: str) -> float:
    try:
        seconds = float(raw)
    except ValueError:
        seconds = 0.0
    if not 0 < seconds <= 86400:
        raise ValueError("seconds, more than 0 and at most 86400")
    return seconds


def _strategy(raw: str) -> str:
    normal = raw.upper().replace("MULTIRECORD", "MULTI_RECORD").replace(
        "SINGLERECORD", "SINGLE_RECORD")
    if normal not in ("MULTI_RECORD", "SINGLE_RECORD"):
        raise ValueError("MULTI_RECORD or SINGLE_RECORD")
    return normal


def _truth(raw: str) -> bool:
    """The platform writes `true`, a client's local mode `True`."""
    return raw.strip().lower() in ("true", "1", "yes")
