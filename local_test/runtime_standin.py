"""A stand-in for the `sagemaker-runtime` API, for trying and testing only.

It answers `POST /endpoints/NAME/invocations` as the real service does, its errors too, and forwards
to a `serve` on this machine. boto3 finds it by `endpoint_url`, or by the environment variable
AWS_ENDPOINT_URL_SAGEMAKER_RUNTIME. It knows no users: any signature of the right form will do, and
any path through it is open to everyone who can reach the port, so keep it on the loopback address.
"""

from __future__ import annotations

import argparse
import http.client
import json
import re
import threading
import uuid
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socket import socket
from urllib.parse import unquote, urlsplit

ACCOUNT = "111122223333"
VARIANT = "AllTraffic"
LARGEST_BODY = 6 * 1024 * 1024
CONTAINER_TIMEOUT = 60.0
KEPT = 1000
"""Requests to remember: whoever types reviews for a day fills no memory."""

_PATH = re.compile(r"/endpoints/([^/]+)/invocations")
_SIGNATURE = re.compile(r"AWS4-HMAC-SHA256 Credential=[^/]+/\d{8}/[^/]+/sagemaker/aws4_request,")
# What the platform lets through to the container; all else is removed. Whether the last one
# arrives is not documented.
_PASSED_ON = ("Content-Type", "Accept", "X-Amzn-SageMaker-Custom-Attributes",
              "X-Amzn-SageMaker-Target-Model", "X-Amzn-SageMaker-Inference-Id")
_MESSAGE_LIMIT = 2048


@dataclass(frozen=True)
class Fault:
    """An answer in place of the container's."""

    status: int = 0
    """0 closes the connection without an answer."""
    code: str = ""
    fields: Mapping[str, object] = field(default_factory=dict)
    raw: bytes | None = None
    """A body that is not the service's JSON."""
    silence: bool = False
    """Say nothing more until the client gives up or the stand-in ends."""
    cut: bool = False
    """Promise more bytes than are sent."""


def model_error(status: int, message: str, endpoint: str = "sentiment") -> Fault:
    """What the client sees when the container does not answer with 200."""
    whose = "client" if 400 <= status < 500 else "server"
    return Fault(424, "ModelError", {
        "Message": f'Received {whose} error ({status}) from primary with message "{message}".',
        "OriginalMessage": message[:_MESSAGE_LIMIT], "OriginalStatusCode": status,
        "LogStreamArn": f"arn:aws:logs:us-east-1:{ACCOUNT}:log-group:/aws/sagemaker/Endpoints/"
                        f"{endpoint}:log-stream:{VARIANT}/i-0"})


@dataclass(frozen=True)
class Seen:
    """A request as it arrived."""

    endpoint: str
    headers: Mapping[str, str]
    body: bytes


class Runtime(ThreadingHTTPServer):
    """The server. `script` holds faults for the next requests, first come, first served."""

    daemon_threads = True

    def __init__(self, address: tuple[str, int], containers: Mapping[str, str],
                 timeout: float = CONTAINER_TIMEOUT) -> None:
        self.containers = dict(containers)
        """Address of the container of each endpoint, such as http://127.0.0.1:8080."""
        self.container_timeout = timeout
        self.script: deque[Fault] = deque()
        self.seen: list[Seen] = []
        self.ended = threading.Event()
        super().__init__(address, _Handler)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def handle_error(self, request: socket | tuple[bytes, socket], client_address: object) -> None:
        """Stay quiet: clients that give up are what this is for."""


class _Handler(BaseHTTPRequestHandler):
    server: Runtime
    protocol_version = "HTTP/1.1"
    server_version = "runtime-stand-in"
    sys_version = ""

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
        found = _PATH.fullmatch(self.path)
        if found is None:
            self._fail(Fault(404, "UnknownOperationException"))
            return
        name = unquote(found[1])
        self.server.seen.append(Seen(name, dict(self.headers.items()), body))
        del self.server.seen[:-KEPT]
        if self.server.script:
            self._fail(self.server.script.popleft())
        elif not _SIGNATURE.match(self.headers.get("Authorization", "")):
            self._fail(Fault(403, "MissingAuthenticationTokenException",
                             {"message": "Missing Authentication Token"}))
        elif name not in self.server.containers:
            self._fail(Fault(400, "ValidationError", {
                "Message": f"Endpoint {name} of account {ACCOUNT} not found."}))
        elif len(body) > LARGEST_BODY:
            self._fail(Fault(400, "ValidationError", {
                "Message": f"Request {uuid.uuid4()} has oversize body."}))
        else:
            self._forward(name, body)

    def _forward(self, name: str, body: bytes) -> None:
        container = urlsplit(self.server.containers[name])
        connection = http.client.HTTPConnection(container.hostname or "", container.port or 80,
                                                timeout=self.server.container_timeout)
        headers = {header: self.headers[header] for header in _PASSED_ON if header in self.headers}
        try:
            connection.request("POST", "/invocations", body, headers)
            response = connection.getresponse()
            answer = response.read()
        except (OSError, http.client.HTTPException):
            self._fail(model_error(0, "Your invocation timed out while waiting for a response "
                                      "from container primary.", name))
            return
        finally:
            connection.close()
        if response.status != 200:
            self._fail(model_error(response.status, answer.decode(errors="replace"), name))
            return
        self._send(200, answer, {"Content-Type": response.headers["Content-Type"],
                                 "x-Amzn-Invoked-Production-Variant": VARIANT})

    def _fail(self, fault: Fault) -> None:
        self.close_connection = not fault.status or fault.cut or fault.silence
        if fault.status:
            self._send_fault(fault)
        if fault.silence:
            self.server.ended.wait(CONTAINER_TIMEOUT)

    def _send_fault(self, fault: Fault) -> None:
        body = json.dumps(fault.fields).encode() if fault.raw is None else fault.raw
        headers = {"Content-Type": "application/json"}
        if fault.code:
            headers["x-amzn-ErrorType"] = f"{fault.code}:http://internal.amazon.com/coral/"
        self._send(fault.status, body, headers, missing=10 if fault.cut else 0)

    def _send(self, status: int, body: bytes, headers: Mapping[str, str], missing: int = 0) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("x-amzn-RequestId", str(uuid.uuid4()))
        self.send_header("Content-Length", str(len(body) + missing))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Stay quiet: the container keeps its own log."""


@contextmanager
def running(containers: Mapping[str, str], port: int = 0) -> Iterator[Runtime]:
    """A stand-in that answers in a thread of its own until the end of the block."""
    with Runtime(("127.0.0.1", port), containers) as runtime:
        thread = threading.Thread(target=runtime.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield runtime
        finally:
            runtime.ended.set()
            runtime.shutdown()
            thread.join()


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description="Stand in for the sagemaker-runtime API, for "
                                                 "trying and testing only.")
    parser.add_argument("--endpoint-name", default="sentiment", metavar="NAME")
    parser.add_argument("--container", default="http://127.0.0.1:8080", metavar="URL",
                        help="where `serve` answers (%(default)s)")
    parser.add_argument("--port", type=int, default=8090)
    options = parser.parse_args(argv)
    containers = {options.endpoint_name: options.container}
    with Runtime(("127.0.0.1", options.port), containers) as runtime:
        print(f"AWS_ENDPOINT_URL_SAGEMAKER_RUNTIME={runtime.url}", flush=True)
        try:
            runtime.serve_forever()
        except KeyboardInterrupt:
            print("stopped")


if __name__ == "__main__":
    main()
