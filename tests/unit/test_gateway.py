"""The gateway by itself: its files, its one route, its limits. The function is a plain callable."""

from __future__ import annotations

import ast
import http.client
import json
import re
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import pytest

import gateway
from answering import answering
from http_events import SHAPES
from lambda_standin import EventTooLargeError, FunctionError

LOCAL_TEST = Path(gateway.__file__).parent
JSON = {"Content-Type": "application/json"}


class Response(NamedTuple):
    status: int
    headers: http.client.HTTPMessage
    body: bytes

    @property
    def message(self) -> str:
        """Of an error of the gateway itself, in API Gateway's form."""
        assert self.headers.get_content_type() == "application/json"
        [(name, message)] = json.loads(self.body).items()
        assert name == "message"
        return str(message)


class Function:
    """Notes its events and replies as told."""

    def __init__(self) -> None:
        self.reply: Callable[[], object] = lambda: {"statusCode": 200, "body": "1"}
        self.events: list[dict[str, Any]] = []

    def __call__(self, event: dict[str, Any]) -> object:
        self.events.append(event)
        return self.reply()


@pytest.fixture
def website(tmp_path: Path) -> Path:
    folder = tmp_path / "website"
    (folder / "parts").mkdir(parents=True)
    (folder / "index.html").write_text("<!doctype html><title>Hé</title>", encoding="utf-8")
    (folder / "page.js").write_text("export {};", encoding="utf-8")
    (folder / "parts" / "more.css").write_text("p {}", encoding="utf-8")
    (folder / "notes.txt").write_text("not served", encoding="utf-8")
    (tmp_path / "secret.html").write_text("secret", encoding="utf-8")
    (folder / "link.html").symlink_to(tmp_path / "secret.html")
    return folder


@pytest.fixture
def function() -> Function:
    return Function()


@contextmanager
def running(website: Path, function: Function, shape: str = "http") -> Iterator[int]:
    """The port of a gateway that answers until the end of the block."""
    with answering(gateway.Gateway(("127.0.0.1", 0), website, function, shape)) as server:
        yield server.server_port


@pytest.fixture
def port(website: Path, function: Function) -> Iterator[int]:
    with running(website, function) as number:
        yield number


def send(port: int, method: str, path: str, body: bytes | None = None,
         headers: dict[str, str] | None = None) -> Response:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    try:
        connection.request(method, path, body, headers or {})
        response = connection.getresponse()
        return Response(response.status, response.headers, response.read())
    finally:
        connection.close()


@pytest.mark.parametrize(("path", "content_type"), [
    ("/", "text/html; charset=utf-8"),
    ("/index.html?x=1", "text/html; charset=utf-8"),
    ("/page.js", "text/javascript; charset=utf-8"),
    ("/parts/more.css", "text/css; charset=utf-8"),
])
def test_it_serves_the_files_of_the_website(port: int, path: str, content_type: str) -> None:
    response = send(port, "GET", path)
    assert response.status == 200
    assert response.headers["Content-Type"] == content_type
    assert response.body


@pytest.mark.parametrize(("method", "path"), [
    ("GET", "/"), ("GET", "/nowhere"), ("POST", "/predict"), ("PUT", "/"),
])
def test_every_answer_has_the_security_headers(port: int, method: str, path: str) -> None:
    headers = send(port, method, path, b"").headers
    assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]
    assert "default-src 'none'" in headers["Content-Security-Policy"]
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "no-referrer"
    assert headers["Cache-Control"] == "no-store"
    assert "Python" not in headers["Server"]


@pytest.mark.parametrize("path", [
    "/../secret.html", "/%2e%2e/secret.html", "/..%2fsecret.html", "/..%5csecret.html",
    "/parts/../../secret.html", "//../secret.html", "/link.html", "/notes.txt", "/parts", "/%00",
    "/" + "a" * 5000 + ".html", "/predict", "//[",
])
def test_nothing_else_is_served(port: int, path: str) -> None:
    response = send(port, "GET", path)
    assert (response.status, response.message) == (404, "Not Found")


def test_head_has_the_length_and_no_body(port: int, website: Path) -> None:
    response = send(port, "HEAD", "/")
    assert response.status == 200
    assert int(response.headers["Content-Length"]) == (website / "index.html").stat().st_size
    assert response.body == b""


@pytest.mark.parametrize("shape", SHAPES)
def test_a_request_becomes_an_event_of_the_chosen_shape(
    website: Path, function: Function, shape: str
) -> None:
    with running(website, function, shape) as port:
        response = send(port, "POST", "/predict?a=1", "Très bon 🎬".encode(),
                        {"Content-Type": "text/plain"})
    assert (response.status, response.body) == (200, b"1")
    [event] = function.events
    assert ("version" in event, event["body"]) == (shape != "rest", "Très bon 🎬")


def test_the_event_tells_who_asked(port: int, function: Function) -> None:
    send(port, "POST", "/predict", b"{}", {**JSON, "User-Agent": "me", "Connection": "close"})
    [event] = function.events
    http_part = event["requestContext"]["http"]
    assert (http_part["sourceIp"], http_part["userAgent"]) == ("127.0.0.1", "me")
    assert event["headers"]["x-forwarded-for"] == "127.0.0.1"
    assert "connection" not in event["headers"]


def test_status_headers_and_body_of_the_reply_are_sent(port: int, function: Function) -> None:
    function.reply = lambda: {"statusCode": 503, "body": "[é]", "headers": {
        "content-type": "application/json", "retry-after": "5", "content-length": "99"}}
    response = send(port, "POST", "/predict", b"{}", JSON)
    assert (response.status, response.body.decode()) == (503, "[é]")
    assert response.headers["retry-after"] == "5"
    assert response.headers.get_all("content-length") == ["4"]


@pytest.mark.parametrize("reply", [{"statusCode": "soon"}, {"statusCode": 200, "body": {}}],
                         ids=str)
def test_a_malformed_reply_is_a_bad_gateway(port: int, function: Function, reply: object) -> None:
    function.reply = lambda: reply
    response = send(port, "POST", "/predict", b"{}", JSON)
    assert (response.status, response.message) == (502, "Internal Server Error")


@pytest.mark.parametrize(("error", "status", "message"), [
    (FunctionError("it ended"), 502, "Internal Server Error"),
    (EventTooLargeError("it is large"), 413, "Request Too Long"),
])
def test_what_the_function_cannot_answer_the_gateway_does(
    port: int, function: Function, error: Exception, status: int, message: str,
    capfd: pytest.CaptureFixture[str],
) -> None:
    def fail() -> object:
        raise error

    function.reply = fail
    response = send(port, "POST", "/predict", b"{}", JSON)
    assert (response.status, response.message) == (status, message)
    assert "Traceback" not in capfd.readouterr().err


def test_ten_megabytes_are_taken_and_no_more(port: int, function: Function) -> None:
    limit = 10 * 1024 * 1024
    assert send(port, "POST", "/predict", b"x" * limit, JSON).status == 200
    response = send(port, "POST", "/predict", b"x" * (limit + 1), JSON)
    assert (response.status, response.message) == (413, "Request Too Long")
    assert len(function.events) == 1


@pytest.mark.parametrize("length", ["", "-1", "ten", "9" * 5000])
def test_a_body_without_a_sound_length_is_refused(port: int, length: str) -> None:
    response = send(port, "POST", "/predict", headers={"Content-Length": length})
    assert response.status == 411
    assert "Content-Length" in response.message


def test_a_chunked_body_is_refused(port: int) -> None:
    headers = {"Transfer-Encoding": "chunked"}
    assert send(port, "POST", "/predict", b"2\r\n{}\r\n0\r\n\r\n", headers).status == 411


@pytest.mark.parametrize(("method", "path", "status"), [
    ("POST", "/invocations", 404), ("DELETE", "/predict", 501),
])
def test_other_methods_and_targets_are_json_errors(
    port: int, function: Function, method: str, path: str, status: int
) -> None:
    response = send(port, method, path, b"{}")
    assert response.status == status
    assert response.message
    assert function.events == []


def test_a_client_that_leaves_is_no_fault(
    port: int, function: Function, capfd: pytest.CaptureFixture[str]
) -> None:
    arrived, left, replied = threading.Event(), threading.Event(), threading.Event()

    def reply_late() -> object:
        arrived.set()
        left.wait(60)
        replied.set()
        return {"statusCode": 200, "body": " " * 5_000_000}

    function.reply = reply_late
    with socket.create_connection(("127.0.0.1", port)) as client:
        client.sendall(b"POST /predict HTTP/1.1\r\nContent-Length: 2\r\n\r\n{}")
        assert arrived.wait(60)
    left.set()
    assert replied.wait(60)
    assert send(port, "GET", "/").status == 200
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("container", ["https://127.0.0.1:8080", "127.0.0.1:8080", "http://", ""])
def test_a_container_that_is_no_http_address_is_refused(
    container: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        gateway.main(["--container", container])
    assert "the container must be like http://127.0.0.1:8080" in capsys.readouterr().err


def test_a_port_that_is_taken_is_an_error_with_advice(
    port: int, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        gateway.main(["--port", str(port)])
    assert f"port {port} (Address already in use); choose" in capsys.readouterr().err


def test_it_listens_on_this_machine_only_unless_told() -> None:
    with gateway.chain("http://127.0.0.1:1") as server:
        assert server.server_address[0] == "127.0.0.1"


def test_its_help_says_what_it_is_for(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        gateway.main(["--help"])
    assert "for trying and testing only" in capsys.readouterr().out


@pytest.mark.parametrize("name", ["gateway", "http_events", "lambda_standin", "runtime_standin"])
def test_the_stand_ins_share_no_code_with_the_handler(name: str) -> None:
    own = {path.stem for path in LOCAL_TEST.glob("*.py")}
    imported = set[str]()
    for node in ast.walk(ast.parse((LOCAL_TEST / f"{name}.py").read_text())):
        if isinstance(node, ast.Import):
            imported |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            imported.add((node.module or "").partition(".")[0])
    assert imported <= set(sys.stdlib_module_names) | own
    assert not own & {path.stem for path in (gateway.ROOT / "lambda").glob("*.py")}


def test_handler_time_and_route_are_those_of_the_template() -> None:
    template = (gateway.ROOT / "lambda" / "template.yaml").read_text()
    assert re.findall(r" Handler: (\S+)", template) == [gateway.HANDLER]
    assert re.findall(r" Timeout: (\d+)", template) == [f"{gateway.TIMEOUT:g}"]
    assert re.findall(r" Path: (\S+)", template) == [gateway.PATH]
