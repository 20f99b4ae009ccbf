"""The copy of the page for another host calls the API across origins."""

from __future__ import annotations

import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import partial
from http.server import BaseHTTPRequestHandler, SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from cloud.page import files as website

import pytest
from playwright.sync_api import Browser, expect

from answering import answering


class _Api(BaseHTTPRequestHandler):
    """An HTTP API with CORS as lambda/template.yaml sets it up, before the chain at `behind`."""

    behind = ""
    origin = ""

    def do_OPTIONS(self) -> None:
        self._send(b"")

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        with urllib.request.urlopen(urllib.request.Request(
                f"{self.behind}/predict", body, {"Content-Type": self.headers["Content-Type"]}
        )) as answer:
            self._send(answer.read())

    def _send(self, body: bytes) -> None:
        self.send_response(200)
        for name, value in {
            "Access-Control-Allow-Origin": self.origin,
            "Access-Control-Allow-Methods": "POST,OPTIONS",
            "Access-Control-Allow-Headers": "content-type", "Content-Length": str(len(body)),
        }.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


class _Files(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def serve() -> Iterator[Callable[[Any], str]]:
    """Runs a server with this handler until the end of the test; gives its address."""
    with ExitStack() as running:
        def start(handler: Any) -> str:
            server = running.enter_context(
                answering(ThreadingHTTPServer(("127.0.0.1", 0), handler)))
            return f"http://127.0.0.1:{server.server_port}"
        yield start


def test_it_is_answered_from_another_origin(
    browser: Browser, site: str, reply: Callable[..., None], serve: Callable[[Any], str],
    tmp_path: Path
) -> None:
    reply({"label": "positive", "probability": 0.93, "words": []})
    host = serve(partial(_Files, directory=str(tmp_path)))
    api = serve(type("Api", (_Api,), {"behind": site, "origin": host}))
    website.export(website.files(f"{api}/predict"), tmp_path)
    page = browser.new_page()
    try:
        page.goto(host)
        page.get_by_label("Film review", exact=True).fill("A lovely film.")
        page.get_by_role("button", name="Read it").click()
        expect(page.locator("#headline")).to_have_text("Positive", timeout=10_000)
    finally:
        page.close()
