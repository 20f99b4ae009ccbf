"""What AWS does for a multi-model endpoint, done with a real `serve`.

Sources: requirements M1-M3. It stands between the stand-in of the runtime API and the container:
a model that somebody names is fetched from the endpoint's prefix in S3, unpacked, loaded and asked.
"""

from __future__ import annotations

import hashlib
import tarfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from cloud.account import Account
from cloud.errors import found
from cloud.storage import split

from accounts import PROJECT
from executables import Server
from shelf import load_body, route

HEADER = "X-Amzn-SageMaker-Target-Model"


class Platform(ThreadingHTTPServer):
    """The part of the platform that is beside the container."""

    daemon_threads = True

    def __init__(self, server: Server, root: Path) -> None:
        self.container = server
        self.models = root / "models"
        self._loading = threading.Lock()
        super().__init__(("127.0.0.1", 0), _Handler)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def load(self, target: str) -> str | None:
        """Let the container have a model; returns its opaque name there (M3), None without one."""
        name = hashlib.sha256(target.encode()).hexdigest()
        with self._loading:
            if self.container.ask("GET", route(name)).status == 200:
                return name
            bucket, key = split(_prefix() + target)
            answer = found(lambda: Account(PROJECT).client("s3").get_object(Bucket=bucket, Key=key))
            if answer is None:
                return None
            folder = self.models / name / "model"
            folder.mkdir(parents=True)
            with tarfile.open(fileobj=answer["Body"], mode="r|gz") as tar:
                tar.extractall(folder, filter="data")
            loaded = self.container.ask("POST", "/models", load_body(name, str(folder)))
            assert loaded.status == 200, loaded.body
        return name


def _prefix() -> str:
    """Where the endpoint's models are, as its model says."""
    sagemaker = Account(PROJECT).client("sagemaker")
    [model] = sagemaker.list_models()["Models"]
    container = sagemaker.describe_model(ModelName=model["ModelName"])["PrimaryContainer"]
    assert container["Mode"] == "MultiModel"
    return str(container["ModelDataUrl"])


class _Handler(BaseHTTPRequestHandler):
    server: Platform
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        name = self.server.load(self.headers[HEADER])
        if name is None:
            self._answer(404, "text/plain", b"no such model in S3")
            return
        answer = self.server.container.ask("POST", route(name, "/invoke"), body, **{
            header: self.headers[header] for header in ("Content-Type", "Accept", HEADER)})
        self._answer(answer.status, str(answer.headers["Content-Type"]), answer.body)

    def _answer(self, status: int, media: str, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", media)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Stay quiet: the container keeps its own log."""


@contextmanager
def running(server: Server, root: Path) -> Iterator[Platform]:
    """The platform beside `server`, whose tree is `root`, until the end of the block."""
    with Platform(server, root) as platform:
        thread = threading.Thread(target=platform.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield platform
        finally:
            platform.shutdown()
            thread.join()
