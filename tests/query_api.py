"""AWS's query protocol, as far as a stand-in needs it: forms in, XML out."""

from __future__ import annotations

import urllib.error
import urllib.request
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler
from typing import Any
from urllib.parse import parse_qsl
from xml.sax.saxutils import escape


class RefusedError(Exception):
    """An error of the service: code and message."""


class QueryHandler(BaseHTTPRequestHandler):
    """Answers an operation with the method of its name, and hands all others on to a server."""

    behind = ""
    """That server's address."""
    protocol_version = "HTTP/1.1"
    wbufsize = -1  # head and body in one packet; the client would wait for a second one

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        form = dict(parse_qsl(body.decode(), keep_blank_values=True))
        action = form["Action"]
        operation = getattr(self, action, None)
        try:
            content = operation(form) if operation else None
        except RefusedError as error:
            code, message = error.args
            self._send(400, f"<ErrorResponse><Error><Type>Sender</Type><Code>{code}</Code><Message>"
                            f"{escape(message)}</Message></Error></ErrorResponse>".encode())
            return
        if content is None:
            self._send(*self._hand_on(body))
        else:
            self._send(200, f"<{action}Response><{action}Result>{content}</{action}Result>"
                            f"</{action}Response>".encode())

    def _hand_on(self, body: bytes) -> tuple[int, bytes]:
        headers = {name: self.headers[name] for name in ("Authorization", "Content-Type")}
        try:
            with urllib.request.urlopen(urllib.request.Request(
                    self.behind, body, headers)) as answer:
                return answer.status, answer.read()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read()

    def _send(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "text/xml")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Stay quiet."""


def members(form: Mapping[str, str], name: str) -> list[dict[str, str]]:
    """A list of structures as a form has it."""
    found: dict[str, dict[str, str]] = {}
    for key, value in form.items():
        if key.startswith(f"{name}.member."):
            _, _, number, member = key.split(".")
            found.setdefault(number, {})[member] = value
    return list(found.values())


def xml(name: str, entries: list[dict[str, Any]]) -> str:
    """A list of structures as an answer has it."""
    listed = "".join("<member>" + "".join(
        f"<{key}>{escape(str(value))}</{key}>" for key, value in entry.items()) + "</member>"
        for entry in entries)
    return f"<{name}>{listed}</{name}>"
