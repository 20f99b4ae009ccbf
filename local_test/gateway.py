"""The page and the whole chain behind it on this machine, for trying and testing only.

    page -> this gateway -> the handler of lambda/ -> boto3 -> runtime_standin.py -> serve

It stands in for API Gateway: it makes real events for the real handler and shares no code with it.
It knows no users, no encryption and no rate limit, so keep it on the loopback address. AWS is never
called, and your own credentials are not used.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from socket import socket
from typing import Any
from urllib.parse import unquote, urlsplit

import runtime_standin
from answering import answering
from http_events import SHAPES, Answer, MalformedReplyError, Request, make_event, read_reply
from lambda_standin import EventTooLargeError, Function, FunctionError

ROOT = Path(__file__).resolve().parent.parent
WEBSITE = ROOT / "website"
PATH = "/predict"
"""The one route to the function."""
ENDPOINT = "sentiment"

# As in lambda/template.yaml.
HANDLER = "sentiment_proxy.handler"
TIMEOUT = 29.0

PAYLOAD_LIMIT = 10 * 1024 * 1024

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
_DRAIN_BYTES = 2 * PAYLOAD_LIMIT


def _message(status: int, message: str) -> Answer:
    """In the form of API Gateway's own errors."""
    return Answer(status, [("content-type", _JSON)], json.dumps({"message": message}).encode())


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

    def __init__(self, address: tuple[str, int], website: Path,
                 function: Callable[[dict[str, Any]], object], shape: str) -> None:
        self.website = website
        self.function = function
        self.shape = shape
        super().__init__(address, _Handler)

    def handle_error(self, request: socket | tuple[bytes, socket], client_address: object) -> None:
        # The page drops a request when a newer one takes its place; that is no fault to report.
        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(request, client_address)

    def answer(self, request: Request) -> Answer:
        """What the function answers, or what API Gateway does in its place."""
        try:
            return read_reply(self.shape, self.function(make_event(self.shape, request)))
        except EventTooLargeError:
            return _message(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "Request Too Long")
        except (FunctionError, MalformedReplyError) as error:
            print(f"gateway: {error}", file=sys.stderr, flush=True)
            return _message(HTTPStatus.BAD_GATEWAY, "Internal Server Error")


class _Handler(BaseHTTPRequestHandler):
    server: Gateway
    server_version = "gateway"
    sys_version = ""
    timeout = 30  # seconds that a client may stay silent

    def do_GET(self) -> None:
        path = _find(self.server.website, self.path)
        if path is None:
            self._send(_message(HTTPStatus.NOT_FOUND, "Not Found"))
        else:
            media = CONTENT_TYPES[path.suffix]
            self._send(Answer(HTTPStatus.OK, [("content-type", media)], path.read_bytes()))

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_POST(self) -> None:
        path, _, query = self.path.partition("?")
        if path != PATH:
            self._send(_message(HTTPStatus.NOT_FOUND, "Not Found"))
            return
        body = self._body()
        if isinstance(body, bytes):
            host, port = self.client_address[:2]
            headers = [(name, value) for name, value in self.headers.items()
                       if name.lower() != "connection"]
            headers += [("X-Forwarded-For", host), ("X-Forwarded-Port", str(port)),
                        ("X-Forwarded-Proto", "http")]
            self._send(self.server.answer(Request(
                self.command, path, query, self.request_version, headers, body, host)))
        else:
            self._send(body)

    def _body(self) -> bytes | Answer:
        length = self.headers.get("Content-Length", "")
        if not (length.isascii() and length.isdigit() and len(length) < 16):
            return _message(HTTPStatus.LENGTH_REQUIRED, "send the body with a Content-Length")
        if int(length) > PAYLOAD_LIMIT:
            self._drain(min(int(length), _DRAIN_BYTES))
            return _message(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "Request Too Long")
        body = self.rfile.read(int(length))
        if len(body) < int(length):
            return _message(HTTPStatus.BAD_REQUEST, "the body ended early")
        return body

    def _drain(self, remaining: int) -> None:
        # Closing with unread bytes resets the connection, and the client never sees the answer.
        while remaining > 0 and (chunk := self.rfile.read(min(remaining, 65_536))):
            remaining -= len(chunk)

    def _send(self, answer: Answer) -> None:
        self.send_response(answer.status)
        for name, value in (*answer.headers, *SECURITY_HEADERS.items()):
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(answer.body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(answer.body)

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        # http.server answers bad requests and unknown methods here, by default with HTML.
        self.close_connection = True
        self._send(_message(code, message or explain or HTTPStatus(code).phrase))

    def log_message(self, *_: object) -> None:
        """Stay quiet: the function and the container keep their own logs."""


def make_function(runtime: str) -> Function:
    """The function of lambda/, which calls the stand-in at the address `runtime`.

    Its environment is this one and nothing else, so that no credentials of the user's are in it.
    """
    return Function(ROOT / "lambda", HANDLER, {
        "ENDPOINT_NAME": ENDPOINT,
        "AWS_ENDPOINT_URL_SAGEMAKER_RUNTIME": runtime,
        "AWS_REGION": "us-east-1", "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ACCESS_KEY_ID": "none", "AWS_SECRET_ACCESS_KEY": "none",
        "AWS_CONFIG_FILE": os.devnull, "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AWS_EC2_METADATA_DISABLED": "true",
    }, timeout=TIMEOUT)


@contextmanager
def chain(container: str, host: str = "127.0.0.1", port: int = 0, *, shape: str = "http"
          ) -> Iterator[Gateway]:
    """The page and all that stands between it and a `serve` at the address `container`.

    The gateway does not run yet. Port 0 takes a free one, see `server_address`. Raises ValueError
    for a container that is not an http address and OSError where an address cannot be bound.
    """
    parts = urlsplit(container)
    if parts.scheme != "http" or parts.hostname is None:
        raise ValueError(f"the container must be like http://127.0.0.1:8080, not {container!r}")
    with (
        runtime_standin.running({ENDPOINT: container}) as runtime,
        make_function(runtime.url) as function,
        Gateway((host, port), WEBSITE, function, shape) as server,
    ):
        yield server


@contextmanager
def running(container: str) -> Iterator[str]:
    """The same, answering in a thread of its own until the end of the block; gives its address."""
    with chain(container) as server, answering(server):
        yield f"http://127.0.0.1:{server.server_port}"


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--container", default="http://127.0.0.1:8080", metavar="URL",
                        help="where `serve` answers (%(default)s)")
    parser.add_argument("--event", choices=SHAPES, default="http",
                        help="what the handler is given: the event of an HTTP API, of a REST API "
                             "or of a function URL (%(default)s)")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8000)
    options = parser.parse_args(argv)
    try:
        with chain(options.container, options.host, options.port, shape=options.event) as server:
            print(f"http://{options.host}:{server.server_port} in front of {options.container}",
                  flush=True)
            server.serve_forever()
    except ValueError as error:
        parser.error(str(error))
    except OSError as error:
        parser.error(f"cannot listen on {options.host}, port {options.port} ({error.strerror}); "
                     "choose others with --host and --port")
    except KeyboardInterrupt:
        print("stopped")


if __name__ == "__main__":
    main()
