"""A browser, the gateway, and behind it a stand-in for the model with an answer to choose."""

from __future__ import annotations

import json
import os
import shutil
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import (
    Browser,
    BrowserContext,
    ConsoleMessage,
    Dialog,
    Page,
    Request,
    sync_playwright,
)

import gateway

WEBSITE = Path(gateway.__file__).resolve().parent.parent / "website"
NAMES = ("chromium", "chromium-browser", "google-chrome")
# No talk with the browser's maker, no graphics card, and no sandbox: tests often run as root.
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]
PATIENCE_MS = 10_000


@contextmanager
def _running(server: ThreadingHTTPServer) -> Iterator[str]:
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Model(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _ModelHandler)
        self.status = 200
        self.body = b"{}"
        self.seen: list[dict[str, Any]] = []
        self.open = threading.Event()
        self.open.set()


class _ModelHandler(BaseHTTPRequestHandler):
    server: _Model

    def do_POST(self) -> None:
        status, body = self.server.status, self.server.body
        self.server.seen.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
        self.server.open.wait(PATIENCE_MS / 1000)
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture(scope="session")
def _server() -> Iterator[tuple[_Model, str]]:
    with ExitStack() as stack:
        model = _Model()
        endpoint = stack.enter_context(_running(model))
        yield model, stack.enter_context(_running(gateway.make_server(WEBSITE, endpoint)))


@pytest.fixture
def _model(_server: tuple[_Model, str]) -> Iterator[_Model]:
    model, _ = _server
    model.seen.clear()
    try:
        yield model
    finally:
        model.open.set()


@pytest.fixture
def site(_server: tuple[_Model, str]) -> str:
    """The address of the website."""
    return _server[1]


@pytest.fixture
def lonely_site() -> Iterator[str]:
    """The address of a website with no model behind it."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        unused = probe.getsockname()[1]
    with _running(gateway.make_server(WEBSITE, f"http://127.0.0.1:{unused}")) as address:
        yield address


@pytest.fixture
def reply(_model: _Model) -> Callable[..., None]:
    """Choose what the model answers from now on: a status and JSON, or bytes as they are."""

    def choose(body: object, status: int = 200) -> None:
        _model.status = status
        _model.body = body if isinstance(body, bytes) else json.dumps(body).encode()

    return choose


@pytest.fixture
def sent(_model: _Model) -> list[dict[str, Any]]:
    """The requests that have reached the model in this test, as parsed JSON."""
    return _model.seen


@pytest.fixture
def gate(_model: _Model) -> threading.Event:
    """While this is clear, the model takes requests and does not answer them."""
    return _model.open


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    named = os.environ.get("CHROMIUM")
    executable = named or next(filter(None, map(shutil.which, NAMES)), None)
    if executable is None:
        if os.environ.get("REQUIRE_BROWSER") == "1":
            pytest.fail("REQUIRE_BROWSER=1, and there is no Chromium: set CHROMIUM to its path")
        pytest.skip("no Chromium found: set CHROMIUM to its path")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable, args=ARGUMENTS)
        try:
            yield browser
        finally:
            browser.close()


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    """A fresh profile; at the end, no page of it may have asked another origin for anything."""
    context = browser.new_context(viewport={"width": 1280, "height": 800})
    context.set_default_timeout(PATIENCE_MS)
    strangers: list[str] = []

    def check(request: Request) -> None:
        if request.is_navigation_request():  # the test's own doing
            return
        if urlsplit(request.url).netloc != urlsplit(request.frame.url).netloc:
            strangers.append(request.url)

    context.on("request", check)
    try:
        yield context
    finally:
        context.close()
    assert strangers == []


@pytest.fixture
def complaints() -> list[str]:
    """Errors and warnings from the page's console. A test that expects some clears the list."""
    return []


@pytest.fixture
def page(context: BrowserContext, site: str, complaints: list[str]) -> Iterator[Page]:
    """The website, opened; at the end its console must be clean."""

    def on_console(message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            complaints.append(message.text)

    def on_dialog(dialog: Dialog) -> None:
        complaints.append(f"a dialog: {dialog.message}")
        dialog.dismiss()

    page = context.new_page()
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("console", on_console)
    page.on("dialog", on_dialog)
    page.goto(site)
    yield page
    assert complaints == []
