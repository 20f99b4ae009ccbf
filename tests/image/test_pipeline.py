"""An inference pipeline: containers on one machine, each on the port that the platform chose."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from image.engine import ONE_PROCESSOR, Answer, Container, Image, environment, mount, request

UPSTREAM, OURS = 8081, 8082
SAFE = "8081-8085"

# A first container: it makes reviews of raw records, and answers in the type that Accept names.
PREPARE = """
import csv, http.server, io, json, os
class Prepare(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        records = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        texts = [f"{one['title']}\\n{one['body']}" for one in records]
        media = self.headers["Accept"]
        rows = io.StringIO()
        csv.writer(rows, quoting=csv.QUOTE_ALL).writerows([text] for text in texts)
        body = {"text/csv": rows.getvalue(), "application/json": json.dumps(texts),
                "application/jsonlines": "".join(json.dumps({"features": [text]}) + "\\n"
                                                 for text in texts)}[media].encode()
        self.send_response(200)
        self.send_header("Content-Type", media)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    do_GET = lambda self: (self.send_response(200), self.end_headers())
port = int(os.environ["SAGEMAKER_BIND_TO_PORT"])
http.server.HTTPServer(("0.0.0.0", port), Prepare).serve_forever()
"""

RAW = [{"title": "Fine", "body": 'A "fine" film, really.'},
       {"title": "Dull", "body": "Dull, dull."}]
READY = [f"{one['title']}\n{one['body']}" for one in RAW]


class Pipeline(NamedTuple):
    """Two containers on one network of their own."""

    upstream: Container
    ours: Container

    def send(self, port: int, body: bytes, headers: dict[str, str]) -> Answer:
        return request(f"{self.upstream.address(port)}/invocations", body, headers)


@pytest.fixture(scope="module")
def pipeline(image: Image, model: Path) -> Iterator[Pipeline]:
    def platform(port: int) -> list[str]:
        return [*ONE_PROCESSOR, *environment({"SAGEMAKER_BIND_TO_PORT": str(port),
                                              "SAGEMAKER_SAFE_PORT_RANGE": SAFE})]

    published = [word for port in (UPSTREAM, OURS) for word in ("--publish", f"127.0.0.1::{port}")]
    with image.start("python3", "-c", PREPARE, options=[*platform(UPSTREAM), *published]) as first:
        options = [*platform(OURS), "--network", f"container:{first.name}",
                   *mount(model, "/opt/ml/model", "ro")]
        with image.start("serve", options=options) as ours:
            first.wait_until_ready(UPSTREAM)
            ours.wait_for_log("worker ready")
            yield Pipeline(first, ours)


@pytest.mark.parametrize("media", ["text/csv", "application/json", "application/jsonlines"])
def test_what_the_first_container_answers_is_a_request_to_ours(pipeline: Pipeline,
                                                               media: str) -> None:
    handed_on = pipeline.send(UPSTREAM, json.dumps(RAW).encode(), {
        "Content-Type": "application/json", "Accept": media})
    answer = pipeline.send(OURS, handed_on.body, {"Content-Type": handed_on.content_type,
                                                  "Accept": "text/csv"})
    alone = pipeline.send(OURS, json.dumps(READY).encode(), {
        "Content-Type": "application/json", "Accept": "text/csv"})
    assert (answer.status, answer.content_type) == (200, "text/csv")
    assert answer.body == alone.body
    assert answer.body.count(b"\n") == len(RAW)


def test_a_type_that_the_first_container_should_not_send_is_415(pipeline: Pipeline) -> None:
    answer = pipeline.send(OURS, b"<p>Fine</p>", {"Content-Type": "text/html"})
    assert (answer.status, answer.content_type) == (415, "application/json")
    assert "text/csv" in json.loads(answer.body)["error"]["message"]


def test_nothing_listens_but_on_the_ports_that_were_given(pipeline: Pipeline) -> None:
    rows = pipeline.ours.execute("cat", "/proc/net/tcp", "/proc/net/tcp6").out.splitlines()
    cells = [row.split() for row in rows]
    ports = {int(row[1].rpartition(":")[2], 16) for row in cells if row[3] == "0A"}
    assert ports == {UPSTREAM, OURS}
