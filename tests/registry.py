"""An image registry for tests: as much of the distribution protocol as `docker push` speaks.

https://distribution.github.io/distribution/spec/api. It holds what is pushed in memory, wants a
password, checks every digest, and says each manifest on, as a registry tells the service round it.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
import secrets
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import MappingProxyType
from typing import NamedTuple
from urllib.parse import parse_qs, urlsplit

from answering import answering

_PATH = re.compile(r"/v2/(?P<repository>[^?]+)/(?P<what>blobs|manifests)/(?P<name>.*)")


class Manifest(NamedTuple):
    """A manifest as it was pushed."""

    repository: str
    tag: str
    media_type: str
    content: bytes

    @property
    def digest(self) -> str:
        return digest_of(self.content)


class Registry:
    """What it holds, and whom it lets in; `host` is what an image's name begins with."""

    def __init__(self, user: str, password: str) -> None:
        self.authorization = "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()
        self.blobs: dict[str, bytes] = {}
        self.uploads: dict[str, bytes] = {}
        self.manifests: list[Manifest] = []
        self.tell: Callable[[Manifest], None] = lambda manifest: None
        self.host = ""


@contextmanager
def running(user: str, password: str) -> Iterator[Registry]:
    """A registry on a free port of this machine, where Docker does without TLS."""
    registry = Registry(user, password)
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Bound", (_Handler,),
                                                        {"registry": registry}))
    registry.host = f"127.0.0.1:{server.server_port}"
    with answering(server):
        yield registry


def digest_of(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


class _Handler(BaseHTTPRequestHandler):
    registry: Registry
    protocol_version = "HTTP/1.1"

    def do_HEAD(self) -> None:
        self._serve()

    def do_GET(self) -> None:
        self._serve()

    def do_POST(self) -> None:
        self._serve()

    def do_PATCH(self) -> None:
        self._serve()

    def do_PUT(self) -> None:
        self._serve()

    def _serve(self) -> None:
        body = self._body()
        url = urlsplit(self.path)
        if self.headers["Authorization"] != self.registry.authorization:
            self._answer(401, {"WWW-Authenticate": 'Basic realm="ECR"'})
        elif url.path == "/v2/":
            self._answer(200)
        elif (match := _PATH.fullmatch(url.path)) is None:
            self._answer(404)
        elif match["what"] == "manifests":
            self._manifest(match["repository"], match["name"], body)
        elif match["name"].startswith("uploads/"):
            self._upload(match["repository"], match["name"].removeprefix("uploads/"),
                         parse_qs(url.query).get("digest", [""])[0], body)
        elif match["name"] in self.registry.blobs:
            self._answer(200, content=self.registry.blobs[match["name"]])
        else:
            self._answer(404)

    def _upload(self, repository: str, upload: str, digest: str, body: bytes) -> None:
        """Begun by POST, filled by PATCH, and ended by PUT with the digest of the whole."""
        uploads = self.registry.uploads
        if self.command == "POST":
            upload = secrets.token_hex(8)
        content = uploads[upload] = uploads.get(upload, b"") + body
        if self.command != "PUT":
            place = f"/v2/{repository}/blobs/uploads/{upload}"
            self._answer(202, {"Location": place, "Range": f"0-{max(len(content) - 1, 0)}"})
        elif digest == digest_of(content):
            self.registry.blobs[digest] = content
            self._answer(201, {"Docker-Content-Digest": digest})
        else:
            self._answer(400)

    def _manifest(self, repository: str, name: str, body: bytes) -> None:
        if self.command == "PUT":
            said = json.loads(body)
            needed = {part["digest"] for part in (said["config"], *said["layers"])}
            if not needed <= self.registry.blobs.keys():
                self._answer(400)
                return
            manifest = Manifest(repository, name, self.headers["Content-Type"], body)
            self.registry.manifests.append(manifest)
            self.registry.tell(manifest)
            self._answer(201, {"Docker-Content-Digest": manifest.digest})
            return
        for manifest in reversed(self.registry.manifests):
            if manifest.repository == repository and name in (manifest.tag, manifest.digest):
                self._answer(200, {"Content-Type": manifest.media_type,
                                   "Docker-Content-Digest": manifest.digest}, manifest.content)
                return
        self._answer(404)

    def _body(self) -> bytes:
        if self.headers.get("Transfer-Encoding") != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length") or 0))
        chunks = []
        while size := int(self.rfile.readline().split(b";")[0], 16):
            chunks.append(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(chunks)

    def _answer(self, status: int, headers: Mapping[str, str] = MappingProxyType({}),
                content: bytes = b"") -> None:
        self.send_response(status)
        for name, value in {"Content-Length": str(len(content)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 (the base's name)
        """Say nothing: the tests look at what arrived."""
