"""A server of one file over real HTTP, which can be told to misbehave. Ranges are werkzeug's."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from werkzeug.exceptions import HTTPException
from werkzeug.serving import WSGIRequestHandler, make_server
from werkzeug.utils import send_file
from werkzeug.wrappers import Response

from answering import answering

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse


class FileServer:
    """What it serves, how it will fail, and what it was asked."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self.url = ""
        self.statuses: list[int] = []
        """Answers to the next requests, instead of the file."""
        self.cuts: list[int] = []
        """Bytes after which the connections that follow are closed."""
        self.ignored: set[str] = set()
        """Headers that it does not know: `RANGE`, `IF_RANGE`."""
        self.largest_range = 0
        """Bytes of a range that it sends at once, if it has a limit."""
        self.tagged = True
        """Whether it says which version of the file it sends."""
        self.ranges: list[str | None] = []
        """What each request asked for."""

    def __call__(self, environ: dict[str, Any], start: StartResponse) -> Iterable[bytes]:
        self.ranges.append(environ.get("HTTP_RANGE"))
        if self.statuses:
            return Response("no", self.statuses.pop(0))(environ, start)
        if self.largest_range and self.ranges[-1]:
            begin = int(self.ranges[-1].removeprefix("bytes=").removesuffix("-"))
            environ["HTTP_RANGE"] = f"bytes={begin}-{begin + self.largest_range - 1}"
        for name in self.ignored:
            environ.pop(f"HTTP_{name}", None)
        try:
            content = self.file.read_bytes()
            answer = send_file(io.BytesIO(content), environ, "application/gzip",
                               etag=self.tagged and hashlib.sha256(content).hexdigest())
            body = answer(environ, start)
        except HTTPException as error:
            return error(environ, start)
        return _cut(body, self.cuts.pop(0)) if self.cuts else body


def _cut(body: Iterable[bytes], left: int) -> Iterator[bytes]:
    for chunk in body:
        yield chunk[:left]
        left -= len(chunk)
        if left <= 0:
            raise ConnectionResetError


class _Silent(WSGIRequestHandler):
    def log(self, type: str, message: str, *args: object) -> None:  # noqa: A002 (the base's name)
        """Say nothing."""


@contextmanager
def serving(file: Path, *, tls: bool = False) -> Iterator[FileServer]:
    """A server on a free port of this machine; with `tls`, one that nobody vouches for."""
    app = FileServer(file)
    server = make_server("127.0.0.1", 0, app, threaded=True, request_handler=_Silent,
                         ssl_context="adhoc" if tls else None)
    app.url = f"http{'s' * tls}://127.0.0.1:{server.server_port}/{file.name}"
    with answering(server):
        yield app
