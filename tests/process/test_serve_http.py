"""A running server over real HTTP: transport, and what the log says of it."""

from __future__ import annotations

import gzip
import json
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from executables import PATIENCE, Server, serving, until

LIMIT = 1_000_000


@pytest.fixture(scope="module")
def server(small_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    output = tmp_path_factory.mktemp("server") / "log"
    with serving(small_model, output, MAX_CONTENT_LENGTH=str(LIMIT)) as started:
        yield started.wait_until_ready()


@pytest.fixture(scope="module")
def heavy() -> bytes:
    """A request that keeps a prediction slot busy for a while."""
    text = " ".join(f"film{number}" for number in range(500))
    return json.dumps({"instances": [text] * 4, "explain": True}).encode()


def test_ping_is_200_and_empty(server: Server) -> None:
    answer = server.ask("GET", "/ping")
    assert (answer.status, answer.body) == (200, b"")


@pytest.mark.parametrize("media", ["text/plain", "application/json", "application/jsonlines",
                                   "text/csv"])
def test_each_content_type_is_answered(server: Server, reviews: dict[str, str],
                                       media: str) -> None:
    text = reviews["positive"]
    body = {"text/plain": text, "text/csv": f'"{text}"'}.get(media, json.dumps({"text": text}))
    answer = server.predict(body.encode(), media)
    assert (answer.status, answer.headers["Content-Type"]) == (200, media)
    assert answer.body


def test_a_chunked_body_is_read_to_its_end(server: Server, reviews: dict[str, str]) -> None:
    lines = [json.dumps({"text": text}).encode() + b"\n" for text in reviews.values()] * 20
    answer = server.predict(iter(lines), "application/jsonlines")
    assert answer.status == 200
    assert [json.loads(line)["label"] for line in answer.body.splitlines()] == list(reviews) * 20


def test_a_gzip_body_is_read(server: Server, reviews: dict[str, str]) -> None:
    answer = server.predict(gzip.compress(reviews["negative"].encode()), "text/plain",
                            Content_Encoding="gzip")
    assert (answer.status, answer.body) == (200, b"0")


def test_a_client_that_waits_to_be_told_to_continue_is_told(server: Server) -> None:
    with socket.create_connection(("127.0.0.1", server.port), PATIENCE) as connection:
        connection.sendall(b"POST /invocations HTTP/1.1\r\nHost: x\r\nContent-Type: text/plain\r\n"
                           b"Content-Length: 4\r\nExpect: 100-continue\r\n"
                           b"Connection: close\r\n\r\n")
        stream = connection.makefile("rb")
        assert stream.readline() == b"HTTP/1.1 100 Continue\r\n"
        connection.sendall(b"Fine")
        assert b"HTTP/1.1 200 OK\r\n" in stream.read()


@pytest.mark.parametrize("rest", [
    b"Content-Length: 50\r\n\r\nFine",
    b"Transfer-Encoding: chunked\r\n\r\n9\r\nFine",
    b"Transfer-Encoding: chunked\r\n\r\n4\r\nFine",
    b"Transfer-Encoding: chunked\r\n\r\n4\r\nFineXX0\r\n\r\n",
    b"Transfer-Encoding: chunked\r\n\r\nfour\r\nFine\r\n0\r\n\r\n",
])
def test_a_body_that_is_cut_off_or_damaged_is_400(server: Server, rest: bytes) -> None:
    with socket.create_connection(("127.0.0.1", server.port), PATIENCE) as connection:
        connection.sendall(b"POST /invocations HTTP/1.1\r\nHost: x\r\n"
                           b"Content-Type: text/plain\r\n" + rest)
        connection.shutdown(socket.SHUT_WR)
        answer = connection.makefile("rb").read()
    assert answer.startswith(b"HTTP/1.1 400 ")
    assert b"cut off" in answer


def test_a_connection_is_kept_for_more_requests(server: Server) -> None:
    connection = server.connect()
    try:
        connection.connect()
        kept = connection.sock
        for body in (b"Fine", b"", b"Dull"):  # a refusal keeps it as well
            connection.request("POST", "/invocations", body, {"Content-Type": "text/plain"})
            connection.getresponse().read()
            assert connection.sock is kept
    finally:
        connection.close()


@pytest.mark.parametrize("chunked", [False, True])
@pytest.mark.parametrize(("size", "status"), [(LIMIT, 400), (LIMIT + 1, 413), (10 * LIMIT, 413)])
def test_beyond_the_limit_the_client_can_read_why(server: Server, chunked: bool, size: int,
                                                  status: int) -> None:
    body = b"a" * size  # within the limit it is a review of too many characters
    answer = server.predict(iter([body]) if chunked else body, "text/plain")
    assert answer.status == status
    if status == 413:
        assert f"larger than {LIMIT} bytes" in answer.json()["error"]["message"]


def test_pings_are_answered_while_every_prediction_slot_is_busy(server: Server,
                                                                heavy: bytes) -> None:
    with ThreadPoolExecutor(4) as pool:
        busy = [pool.submit(server.predict, heavy, "application/json") for _ in range(4)]
        meanwhile = 0
        while not any(one.done() for one in busy):
            assert server.ask("GET", "/ping").status == 200
            meanwhile += 1
        assert meanwhile > 0
        assert [one.result().status for one in busy] == [200] * 4


def test_a_client_that_leaves_is_no_fault(server: Server, heavy: bytes) -> None:
    head = f"POST /invocations HTTP/1.1\r\nHost: x\r\nContent-Length: {len(heavy)}\r\n\r\n"
    for sent in (head.encode(), head.encode() + heavy[:100], head.encode() + heavy):
        with socket.create_connection(("127.0.0.1", server.port), PATIENCE) as connection:
            connection.sendall(sent)
    assert server.predict(b"Fine", "text/plain").status == 200
    assert not any(entry["level"] == "ERROR" for entry in server.entries())


def test_the_log_has_one_entry_for_a_request_and_none_of_its_text(server: Server) -> None:
    text = b"Xyzzyplugh"
    server.predict(text, "text/plain", X_Amzn_SageMaker_Inference_Id="named-here")
    until(lambda: "named-here" in server.log, "no entry in the log")
    entry, = [entry for entry in server.entries() if entry.get("request_id") == "named-here"]
    assert (entry["status"], entry["reviews"], entry["bytes_in"]) == (200, 1, len(text))
    assert text.decode() not in server.log


def test_pings_are_not_logged(server: Server) -> None:
    server.ask("GET", "/ping")
    server.predict(b"Fine", "text/plain", X_Amzn_SageMaker_Inference_Id="after-ping")
    until(lambda: "after-ping" in server.log, "no entry in the log")
    assert "/ping" not in server.log


def test_the_master_has_a_single_thread(server: Server) -> None:
    """Threads do not survive a fork, and neither does what they hold."""
    tasks = Path(f"/proc/{server.process.pid}/task")
    if not tasks.is_dir():
        pytest.skip("no /proc on this system")
    names = [(task / "comm").read_text().strip() for task in tasks.iterdir()]
    # An allocator's housekeeper, which it starts anew after a fork. pyarrow brings it, which nltk
    # finds where the tools for AWS are installed beside.
    assert len(names) - names.count("jemalloc_bg_thd") == 1
