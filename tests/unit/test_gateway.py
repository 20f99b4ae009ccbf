from __future__ import annotations

import http.client
import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, NamedTuple

import pytest

import gateway

Answer = Callable[[BaseHTTPRequestHandler, bytes], None]


class Response(NamedTuple):
    status: int
    headers: http.client.HTTPMessage
    body: bytes

    def error(self) -> dict[str, Any]:
        assert self.headers.get_content_type() == "application/json"
        error: dict[str, Any] = json.loads(self.body)["error"]
        assert error["code"] == self.status
        return error


class Seen(NamedTuple):
    path: str
    headers: dict[str, str]
    body: bytes


@contextmanager
def running(server: ThreadingHTTPServer) -> Iterator[int]:
    """The port of `server`, which answers until the end of the block."""
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def upstream(answer: Answer, seen: list[Seen]) -> ThreadingHTTPServer:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            seen.append(Seen(self.path, dict(self.headers), body))
            answer(self, body)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    return server


def reply(status: int, body: bytes, content_type: str = "application/json") -> Answer:
    def answer(handler: BaseHTTPRequestHandler, _: bytes) -> None:
        handler.send_response(status)
        handler.send_header("Content-Type", content_type)
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body)

    return answer


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def send(
    port: int,
    method: str,
    path: str,
    body: bytes | None = None,
    headers: dict[str, str] | None = None,
) -> Response:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request(method, path, body, headers or {})
        response = connection.getresponse()
        return Response(response.status, response.headers, response.read())
    finally:
        connection.close()


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
def port(website: Path) -> Iterator[int]:
    """A gateway with nothing behind it."""
    with running(gateway.make_server(website, f"http://127.0.0.1:{free_port()}")) as number:
        yield number


@pytest.mark.parametrize(
    ("path", "content_type"),
    [
        ("/", "text/html; charset=utf-8"),
        ("/index.html?x=1", "text/html; charset=utf-8"),
        ("/page.js", "text/javascript; charset=utf-8"),
        ("/parts/more.css", "text/css; charset=utf-8"),
    ],
)
def test_it_serves_the_files_of_the_website(port: int, path: str, content_type: str) -> None:
    response = send(port, "GET", path)
    assert response.status == 200
    assert response.headers["Content-Type"] == content_type
    assert response.body


def test_every_answer_has_the_security_headers(port: int) -> None:
    for method, path in (("GET", "/"), ("GET", "/nowhere"), ("POST", "/predict"), ("PUT", "/")):
        headers = send(port, method, path, b"").headers
        assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]
        assert "default-src 'none'" in headers["Content-Security-Policy"]
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Referrer-Policy"] == "no-referrer"
        assert headers["Cache-Control"] == "no-store"
        assert "Python" not in headers["Server"]


@pytest.mark.parametrize(
    "path",
    [
        "/../secret.html",
        "/%2e%2e/secret.html",
        "/..%2fsecret.html",
        "/..%5csecret.html",
        "/parts/../../secret.html",
        "//../secret.html",
        "/link.html",
        "/notes.txt",
        "/parts",
        "/%00",
        "/" + "a" * 5000 + ".html",
        "/predict",
        "//[",
    ],
)
def test_nothing_else_is_served(port: int, path: str) -> None:
    response = send(port, "GET", path)
    assert response.status == 404
    assert response.error()["message"] == "there is no such page"


def test_head_has_the_length_and_no_body(port: int, website: Path) -> None:
    response = send(port, "HEAD", "/")
    assert response.status == 200
    assert int(response.headers["Content-Length"]) == (website / "index.html").stat().st_size
    assert response.body == b""


@pytest.mark.parametrize("status", [200, 400, 503])
def test_status_and_json_pass_through(website: Path, status: int) -> None:
    seen: list[Seen] = []
    answer = b'{"label": "positive", "note": "\xc3\xa9"}'
    sent = json.dumps({"text": "Très bon 🎬"}).encode()
    with (
        running(upstream(reply(status, answer), seen)) as model,
        running(gateway.make_server(website, f"http://127.0.0.1:{model}/")) as port,
    ):
        response = send(port, "POST", "/predict", sent, {"X-Private": "1"})
    assert (response.status, response.body) == (status, answer)
    assert response.headers.get_content_type() == "application/json"
    assert [(one.path, one.body) for one in seen] == [("/invocations", sent)]
    assert seen[0].headers["Content-Type"] == "application/json"
    assert seen[0].headers["Accept"] == "application/json"
    assert "X-Private" not in seen[0].headers


def test_an_answer_that_is_not_json_is_a_bad_gateway(website: Path) -> None:
    with (
        running(upstream(reply(200, b"<p>hello</p>", "text/html"), [])) as model,
        running(gateway.make_server(website, f"http://127.0.0.1:{model}")) as port,
    ):
        response = send(port, "POST", "/predict", b"{}")
    assert response.status == 502
    assert "JSON" in response.error()["message"]


def test_an_endpoint_that_hangs_up_is_a_bad_gateway(website: Path) -> None:
    def hang_up(handler: BaseHTTPRequestHandler, _: bytes) -> None:
        handler.close_connection = True

    with (
        running(upstream(hang_up, [])) as model,
        running(gateway.make_server(website, f"http://127.0.0.1:{model}")) as port,
    ):
        assert send(port, "POST", "/predict", b"{}").status == 502


def test_an_endpoint_that_is_not_there_is_a_bad_gateway(port: int) -> None:
    response = send(port, "POST", "/predict", b"{}")
    assert response.status == 502
    assert "cannot be reached" in response.error()["message"]


def test_a_slow_endpoint_is_a_gateway_timeout(website: Path) -> None:
    done = threading.Event()

    def wait(_: BaseHTTPRequestHandler, __: bytes) -> None:
        done.wait(10)

    with (
        running(upstream(wait, [])) as model,
        running(gateway.make_server(website, f"http://127.0.0.1:{model}", timeout=0.2)) as port,
    ):
        try:
            response = send(port, "POST", "/predict", b"{}")
        finally:
            done.set()
    assert response.status == 504
    assert "in time" in response.error()["message"]


def test_a_large_body_is_refused_and_not_forwarded(website: Path) -> None:
    seen: list[Seen] = []
    with (
        running(upstream(reply(200, b"{}"), seen)) as model,
        running(gateway.make_server(website, f"http://127.0.0.1:{model}")) as port,
    ):
        largest = send(port, "POST", "/predict", b"x" * gateway.MAX_BODY_BYTES)
        too_large = send(port, "POST", "/predict", b"x" * (gateway.MAX_BODY_BYTES + 1))
        huge = send(port, "POST", "/predict", b"x" * (8 * gateway.MAX_BODY_BYTES))
    assert largest.status == 200
    assert too_large.status == huge.status == 413
    assert "larger" in too_large.error()["message"]
    assert len(seen) == 1


@pytest.mark.parametrize("length", ["", "-1", "ten", "9" * 5000])
def test_a_body_without_a_sound_length_is_refused(port: int, length: str) -> None:
    response = send(port, "POST", "/predict", headers={"Content-Length": length})
    assert response.status == 411
    assert "Content-Length" in response.error()["message"]


def test_a_chunked_body_is_refused(port: int) -> None:
    headers = {"Transfer-Encoding": "chunked"}
    assert send(port, "POST", "/predict", b"2\r\n{}\r\n0\r\n\r\n", headers).status == 411


def test_other_methods_and_targets_are_json_errors(port: int) -> None:
    assert send(port, "POST", "/invocations", b"{}").error()["code"] == 404
    assert send(port, "DELETE", "/predict").error()["code"] == 501


def test_a_client_that_leaves_is_no_fault(website: Path, capfd: pytest.CaptureFixture[str]) -> None:
    arrived, left = threading.Event(), threading.Event()

    def answer_late(handler: BaseHTTPRequestHandler, body: bytes) -> None:
        arrived.set()
        left.wait(10)
        reply(200, b"{}" + b" " * 5_000_000)(handler, body)

    with (
        running(upstream(answer_late, [])) as model,
        running(gateway.make_server(website, f"http://127.0.0.1:{model}")) as port,
    ):
        client = socket.create_connection(("127.0.0.1", port))
        client.sendall(b"POST /predict HTTP/1.1\r\nContent-Length: 2\r\n\r\n{}")
        assert arrived.wait(10)
        client.close()
        left.set()
        time.sleep(0.1)
        assert send(port, "GET", "/").status == 200
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("endpoint", ["https://127.0.0.1:8080", "127.0.0.1:8080", "http://", ""])
def test_an_endpoint_that_is_no_http_address_is_refused(website: Path, endpoint: str) -> None:
    with pytest.raises(ValueError, match="endpoint"):
        gateway.make_server(website, endpoint)


def test_it_listens_on_this_machine_only_unless_told(website: Path) -> None:
    with gateway.make_server(website, "http://127.0.0.1:1") as server:
        assert server.server_address[0] == "127.0.0.1"
