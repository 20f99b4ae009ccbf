"""A development server: the website and the model endpoint behind one address.

In production a managed gateway stands here. This one is for one person on one machine: it knows no
users, no encryption and no rate limit, so keep it on the loopback address.
"""

from __future__ import annotations

import argparse
import http.client
import json
import sys
from collections.abc import Sequence
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from socket import socket
from typing import NamedTuple
from urllib.parse import unquote, urlsplit

MAX_BODY_BYTES = 1_000_000
UPSTREAM_TIMEOUT_S = 30.0

CONTENT_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}
SECURITY_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self';"
        " connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none';"
        " require-trusted-types-for 'script'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}

_JSON = "application/json"
_DRAIN_BYTES = 16 * MAX_BODY_BYTES


class _Reply(NamedTuple):
    status: int
    body: bytes
    content_type: str = _JSON


def _error(status: int, message: str) -> _Reply:
    return _Reply(status, json.dumps({"error": {"code": status, "message": message}}).encode())


def _find(website: Path, target: str) -> Path | None:
    """The file of a request target; None for all that is not a plain file inside the website."""
    name = unquote(target.partition("?")[0]).lstrip("/") or "index.html"
    root = website.resolve()
    try:
        # Resolved before it is compared, so that neither ".." nor a link leads out of the folder.
        path = (root / name).resolve()
        inside = path.is_relative_to(root) and path.is_file()
    except (OSError, ValueError):  # too long for a file name, or with a NUL in it
        return None
    return path if inside and path.suffix in CONTENT_TYPES else None


class Gateway(ThreadingHTTPServer):
    """The server and what its handlers share."""

    daemon_threads = True

    def __init__(
        self, address: tuple[str, int], website: Path, endpoint: str, timeout: float
    ) -> None:
        parts = urlsplit(endpoint)
        if parts.scheme != "http" or parts.hostname is None:
            raise ValueError(f"the endpoint must be like http://127.0.0.1:8080, not {endpoint!r}")
        self.website = website
        self.upstream = (parts.hostname, parts.port or 80)
        self.upstream_path = parts.path.rstrip("/") + "/invocations"
        self.upstream_timeout = timeout
        super().__init__(address, _Handler)

    def handle_error(self, request: socket | tuple[bytes, socket], client_address: object) -> None:
        # The page drops a request when a newer one takes its place; that is no fault to report.
        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(request, client_address)

    def predict(self, body: bytes) -> _Reply:
        """Ask the model; every way this can fail is a JSON error too."""
        connection = http.client.HTTPConnection(*self.upstream, timeout=self.upstream_timeout)
        headers = {"Content-Type": _JSON, "Accept": _JSON}
        try:
            connection.request("POST", self.upstream_path, body, headers)
            response = connection.getresponse()
            answer = response.read()
        except TimeoutError:
            return _error(HTTPStatus.GATEWAY_TIMEOUT, "the model did not answer in time")
        except (OSError, http.client.HTTPException):
            return _error(HTTPStatus.BAD_GATEWAY, "the model endpoint cannot be reached")
        finally:
            connection.close()
        if response.headers.get_content_type() != _JSON:
            return _error(HTTPStatus.BAD_GATEWAY, "the model endpoint did not answer with JSON")
        return _Reply(response.status, answer)


class _Handler(BaseHTTPRequestHandler):
    server: Gateway
    server_version = "gateway"
    sys_version = ""
    timeout = 30  # seconds that a client may stay silent

    def do_GET(self) -> None:
        path = _find(self.server.website, self.path)
        if path is None:
            self._send(_error(HTTPStatus.NOT_FOUND, "there is no such page"))
        else:
            self._send(_Reply(HTTPStatus.OK, path.read_bytes(), CONTENT_TYPES[path.suffix]))

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_POST(self) -> None:
        if self.path.partition("?")[0] != "/predict":
            self._send(_error(HTTPStatus.NOT_FOUND, "POST goes to /predict"))
            return
        body = self._body()
        self._send(body if isinstance(body, _Reply) else self.server.predict(body))

    def _body(self) -> bytes | _Reply:
        length = self.headers.get("Content-Length", "")
        if not (length.isascii() and length.isdigit() and len(length) < 16):
            return _error(HTTPStatus.LENGTH_REQUIRED, "send the body with a Content-Length")
        if int(length) > MAX_BODY_BYTES:
            self._drain(min(int(length), _DRAIN_BYTES))
            return _error(
                HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
                f"the request is larger than {MAX_BODY_BYTES} bytes",
            )
        body = self.rfile.read(int(length))
        if len(body) < int(length):
            return _error(HTTPStatus.BAD_REQUEST, "the body ended early")
        return body

    def _drain(self, remaining: int) -> None:
        # Closing with unread bytes resets the connection, and the client never sees the answer.
        while remaining > 0 and (chunk := self.rfile.read(min(remaining, 65_536))):
            remaining -= len(chunk)

    def _send(self, reply: _Reply) -> None:
        self.send_response(reply.status)
        self.send_header("Content-Type", reply.content_type)
        self.send_header("Content-Length", str(len(reply.body)))
        for name, value in SECURITY_HEADERS.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(reply.body)

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        # http.server answers bad requests and unknown methods here, by default with HTML.
        self.close_connection = True
        self._send(_error(code, message or explain or HTTPStatus(code).phrase))

    def log_message(self, *_: object) -> None:
        """Stay quiet: the endpoint keeps its own log."""


def make_server(
    website: Path,
    endpoint: str,
    host: str = "127.0.0.1",
    port: int = 0,
    *,
    timeout: float = UPSTREAM_TIMEOUT_S,
) -> ThreadingHTTPServer:
    """Bind a server for `website` in front of `endpoint` (`http://host:port`); it does not run yet.

    Port 0 takes a free one, see `server_address`. `timeout` is in seconds. Raises ValueError for an
    endpoint that is not an http address and OSError where the address cannot be bound.
    """
    return Gateway((host, port), website, endpoint, timeout)


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description="Serve the website in front of a local endpoint.")
    parser.add_argument("--endpoint", default="http://127.0.0.1:8080", metavar="URL")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8000)
    args = parser.parse_args(argv)
    website = Path(__file__).resolve().parent.parent / "website"
    try:
        server = make_server(website, args.endpoint, args.host, args.port)
    except (OSError, ValueError) as error:
        parser.error(str(error))
    print(f"http://{args.host}:{server.server_port} in front of {args.endpoint}", flush=True)
    with server:
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            print("stopped")


if __name__ == "__main__":
    main()
