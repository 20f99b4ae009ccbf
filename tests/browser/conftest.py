"""A browser, and the real chain up to a model whose answers are scripted, or to a real one."""

from __future__ import annotations

import json
import os
import shutil
import threading
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, NamedTuple
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
import runtime_standin
from answering import answering
from executables import serving
from http_events import SHAPES
from runtime_standin import Fault, Runtime

Answerer = Callable[[Any], tuple[int, object]]

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
    with answering(server):
        yield f"http://127.0.0.1:{server.server_port}"


@contextmanager
def _site(runtime: Runtime, shape: str = "http") -> Iterator[str]:
    """The page, the gateway and the handler in front of a runtime."""
    with (
        gateway.make_function(runtime.url) as function,
        _running(gateway.Gateway(("127.0.0.1", 0), gateway.WEBSITE, function, shape)) as address,
    ):
        yield address


class _Model(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _ModelHandler)
        self.choose: Answerer = lambda _: (200, {})
        self.seen: list[Any] = []
        self.open = threading.Event()
        self.open.set()


class _ModelHandler(BaseHTTPRequestHandler):
    server: _Model

    def do_POST(self) -> None:
        choose = self.server.choose
        request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.seen.append(request)
        self.server.open.wait(PATIENCE_MS / 1000)
        status, answer = choose(request)
        body = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


class _Stage(NamedTuple):
    """The chain with a scripted model at its end."""

    model: _Model
    runtime: Runtime
    address: str


@pytest.fixture(scope="session")
def _shared_stage() -> Iterator[_Stage]:
    model = _Model()
    with (
        _running(model) as container,
        runtime_standin.running({gateway.ENDPOINT: container}) as runtime,
        _site(runtime) as address,
    ):
        yield _Stage(model, runtime, address)


@pytest.fixture
def _stage(_shared_stage: _Stage) -> Iterator[_Stage]:
    """With nothing scripted and nothing seen."""
    _shared_stage.model.seen.clear()
    _shared_stage.runtime.script.clear()
    try:
        yield _shared_stage
    finally:
        _shared_stage.model.open.set()


@pytest.fixture
def site(_stage: _Stage) -> str:
    """The address of the website."""
    return _stage.address


@pytest.fixture(scope="session")
def _real_runtime(
    small_model: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Runtime]:
    log = tmp_path_factory.mktemp("chain") / "serve.log"
    with serving(small_model, log, SAGEMAKER_MODEL_SERVER_WORKERS="1") as server:
        server.wait_until_ready()
        containers = {gateway.ENDPOINT: f"http://127.0.0.1:{server.port}"}
        with runtime_standin.running(containers) as runtime:
            yield runtime


@pytest.fixture(scope="session")
def chain(_real_runtime: Runtime) -> Iterator[str]:
    """The address of the website in front of a real `serve` with a small trained model."""
    with _site(_real_runtime) as address:
        yield address


@pytest.fixture(params=SHAPES)
def chain_of_any_shape(_real_runtime: Runtime, request: pytest.FixtureRequest) -> Iterator[str]:
    """The same, once behind each kind of gateway."""
    with _site(_real_runtime, request.param) as address:
        yield address


@pytest.fixture
def lonely_site() -> Iterator[str]:
    """The address of a website whose endpoint was not deployed."""
    with runtime_standin.running({}) as runtime, _site(runtime) as address:
        yield address


@pytest.fixture
def reply(_stage: _Stage) -> Callable[..., None]:
    """Choose what the model answers from now on: a status and JSON, or bytes as they are.

    Or a function from the request, as parsed JSON, to a status and the answer. The handler has its
    own words for most statuses other than 200: see lambda/README.md.
    """

    def choose(body: Any, status: int = 200) -> None:
        _stage.model.choose = body if callable(body) else lambda _: (status, body)

    return choose


@pytest.fixture
def script(_stage: _Stage) -> deque[Fault]:
    """What the runtime answers in the model's place, first come, first served.

    `Fault(400, "ThrottlingException")` becomes 429 and `Fault(503, "ServiceUnavailable")` 503, both
    with Retry-After; boto3 tries these twice, so each request takes two of them from here.
    `model_error(503, "")` becomes 503 at the first.
    """
    return _stage.runtime.script


@pytest.fixture
def sent(_stage: _Stage) -> list[Any]:
    """The requests that have reached the model in this test, as parsed JSON."""
    return _stage.model.seen


@pytest.fixture
def gate(_stage: _Stage) -> threading.Event:
    """While this is clear, the model takes requests and does not answer them."""
    return _stage.model.open


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
