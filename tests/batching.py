"""A batch transform job, done with a server that runs here as the platform does it on its own.

Sources: requirements B1-B8. The platform asks how it should call, cuts each object into requests,
sends several at once, again where they fail, and puts the answers together, beside the input if so
wished. What is `(unconfirmed)` there is a choice of the job here.
"""

from __future__ import annotations

import csv
import http.client
import io
import json
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

from contract.serving.settings import MEGABYTE
from executables import PATIENCE
from jsonpaths import select

CSV, JSON, JSON_LINES, PLAIN = ("text/csv", "application/json", "application/jsonlines",
                                "text/plain")
CHUNK = 100_000
"""Bytes of a piece of a request without Content-Length."""


class JobError(Exception):
    """An object that could not be transformed, so the whole job has failed."""


@dataclass(frozen=True, kw_only=True)
class Job:
    """A CreateTransformJob request, as far as the container feels it."""

    content_type: str
    accept: str = ""
    """As `content_type` if empty."""
    split: str = "Line"
    assemble: str = "Line"
    strategy: str | None = None
    payload_mb: int | None = None
    transforms: int | None = None
    join: bool = False
    input_filter: str = "$"
    output_filter: str = "$"
    retries: int = 3
    ends_whole_lines: bool = True
    """Whether `assemble` adds a line end after an answer that has one already (B5)."""
    largest: int | None = None
    """Bytes of a request, where even 1 MB would make too few of a small object."""

    @property
    def environment(self) -> dict[str, str]:
        """What the container gets: only what was said (B1)."""
        given = {"SAGEMAKER_MAX_PAYLOAD_IN_MB": self.payload_mb,
                 "SAGEMAKER_MAX_CONCURRENT_TRANSFORMS": self.transforms,
                 "SAGEMAKER_BATCH_STRATEGY": self.strategy and
                 {"MultiRecord": "MULTI_RECORD", "SingleRecord": "SINGLE_RECORD"}[self.strategy]}
        return {"SAGEMAKER_BATCH": "true",
                **{name: str(value) for name, value in given.items() if value is not None}}


@dataclass
class Transform:
    """A job on the server at `address`, and what was sent."""

    job: Job
    address: str
    bodies: list[bytes] = field(default_factory=list)
    """Of all requests, in order, each once."""
    retried: int = 0
    parameters: Mapping[str, Any] = field(default_factory=dict)
    """What was agreed on with the container."""
    _idle: list[http.client.HTTPConnection] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def run(self, objects: Mapping[str, bytes]) -> dict[str, bytes]:
        """The result objects, by name.

        Raises:
            JobError: one of them cannot be made.
        """
        try:
            self.parameters = self._agree()
            with ThreadPoolExecutor(int(self.parameters["MaxConcurrentTransforms"])) as pool:
                return {f"{name}.out": self._object(body, pool) for name, body in objects.items()}
        finally:
            while self._idle:
                self._idle.pop().close()

    def _agree(self) -> dict[str, Any]:
        """The request's values win, then the container's wishes, then the defaults (B2)."""
        assert self._exchange("GET", "/ping", None)[0] == 200
        status, wishes = self._exchange("GET", "/execution-parameters", None)
        given = {"MaxConcurrentTransforms": self.job.transforms,
                 "BatchStrategy": self.job.environment.get("SAGEMAKER_BATCH_STRATEGY"),
                 "MaxPayloadInMB": self.job.payload_mb}
        agreed = {"MaxConcurrentTransforms": 1, "BatchStrategy": "MULTI_RECORD",
                  "MaxPayloadInMB": 6, **(json.loads(wishes) if status == 200 else {}),
                  **{name: value for name, value in given.items() if value is not None}}
        assert agreed["MaxConcurrentTransforms"] * agreed["MaxPayloadInMB"] <= 100
        if agreed["MaxPayloadInMB"] == 0:
            assert self.job.split == "None", "chunked objects are not split (B7)"
        return agreed

    def _object(self, body: bytes, pool: ThreadPoolExecutor) -> bytes:
        cut = list(self._cut(body))
        bodies = [b"".join(self._filtered(records)) for records in cut]
        self.bodies += bodies
        answers = list(pool.map(self._ask, bodies))
        if not self.job.join:
            return b"".join(map(self._ended, answers))
        return b"".join(self._ended(line) for records, answer in zip(cut, answers, strict=True)
                        for line in self._joined(records, answer))

    def _cut(self, body: bytes) -> Iterator[list[bytes]]:
        """The records of each request, whole ones as many as fit (B4)."""
        if self.job.split == "None":
            yield [body]
            return
        room = self.job.largest or int(self.parameters["MaxPayloadInMB"]) * MEGABYTE
        records: list[bytes] = []
        size = 0
        for line in io.BytesIO(body):
            if len(line) > room:
                raise JobError(f"a record of {len(line)} bytes is larger than a request")
            single = self.parameters["BatchStrategy"] == "SINGLE_RECORD"
            if records and (single or size + len(line) > room):
                yield records
                records, size = [], 0
            records.append(line)
            size += len(line)
        if records:
            yield records

    def _filtered(self, records: Sequence[bytes]) -> Sequence[bytes]:
        if self.job.input_filter == "$":
            return records
        return [_write(select(self.job.input_filter, _read(record, self.job.content_type)),
                       self.job.content_type) + b"\n" for record in records]

    def _joined(self, records: Sequence[bytes], answer: bytes) -> Iterator[bytes]:
        """Each record with its answer beside it (B6)."""
        kind = self.job.content_type
        assert kind in (CSV, JSON, JSON_LINES), f"{kind} cannot be joined"
        assert self.job.accept in ("", kind), "joining needs equal types"
        lines = answer.removesuffix(b"\n").split(b"\n")
        if len(lines) != len(records):
            raise JobError(f"{len(records)} records were sent and {len(lines)} answers came")
        for record, line in zip(records, lines, strict=True):
            given, made = _read(record, kind), _read(line, kind)
            if kind == CSV:
                whole: Any = [*given, *made]
            else:
                whole = {**(given if isinstance(given, dict) else {"SageMakerInput": given}),
                         "SageMakerOutput": made}
            yield _write(select(self.job.output_filter, whole), kind)

    def _ended(self, answer: bytes) -> bytes:
        if self.job.assemble != "Line":
            return answer
        return answer if not self.job.ends_whole_lines and answer.endswith(b"\n") \
            else answer + b"\n"

    def _ask(self, body: bytes) -> bytes:
        """An answer, after as many attempts as the job allows.

        Raises:
            JobError: there is none.
        """
        said = ""
        for attempt in range(1 + self.job.retries):
            with self._lock:
                self.retried += attempt > 0
            try:
                status, answer = self._exchange("POST", "/invocations", body)
            except (OSError, http.client.HTTPException) as error:
                said = str(error)
                continue
            if status == 200:
                return answer
            said = f"{status} {answer[:300]!r}"
            if status < 500:
                break
        raise JobError(said)

    def _exchange(self, method: str, path: str, body: bytes | None) -> tuple[int, bytes]:
        """On a connection that is kept for another."""
        headers = {} if body is None else {"Content-Type": self.job.content_type,
                                           "Accept": self.job.accept or self.job.content_type}
        chunked = body is not None and self.parameters["MaxPayloadInMB"] == 0
        with self._lock:
            connection = self._idle.pop() if self._idle else http.client.HTTPConnection(
                self.address, timeout=PATIENCE)
        try:
            connection.request(method, path, _chunks(body or b"") if chunked else body, headers)
            response = connection.getresponse()
            answer = response.read()
        except BaseException:
            connection.close()
            raise
        with self._lock:
            self._idle.append(connection)
        return response.status, answer


def _chunks(body: bytes) -> Iterator[bytes]:
    return (body[at:at + CHUNK] for at in range(0, len(body), CHUNK))


def _read(line: bytes, kind: str) -> Any:
    text = line.decode().rstrip("\r\n")
    return next(csv.reader([text])) if kind == CSV else json.loads(text)


def _write(value: Any, kind: str) -> bytes:
    if kind != CSV:
        return json.dumps(value).encode()
    row = io.StringIO()
    csv.writer(row, lineterminator="").writerow(value if isinstance(value, list) else [value])
    return row.getvalue().encode()


def lines_of(result: bytes, read: Callable[[str], Any] = str) -> list[Any]:
    """A result's records; blank lines lie between the answers of two requests (B5)."""
    return [read(line) for line in result.decode().split("\n") if line]
