"""Bodies as asynchronous endpoints send them, in a container with a gigabyte of memory."""

from __future__ import annotations

import http.client
import json
import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from image.engine import PATIENCE, Container, Image, environment

MEGABYTE = 1024 * 1024
RECORDS, PIECE = 3600, 100
LINE = json.dumps({"text": "A fine film, and worth your time. " * 2640}).encode() + b"\n"
SIZE = RECORDS * len(LINE)
GIGABYTE = ("--memory", "1g", "--memory-swap", "1g", "--cpus", "1")


@pytest.fixture(scope="module")
def endpoint(image: Image, model: Path) -> Iterator[Container]:
    options = [*GIGABYTE, "--volume", "/tmp",
               *environment({"SAGEMAKER_MODEL_SERVER_TIMEOUT": "3600"})]
    with image.serve(model, options=options) as container:
        yield container.wait_until_ready()


def post(container: Container, size: int | None) -> tuple[int, bytes]:
    """Status and answer for all records; chunked where no size is told."""
    connection = http.client.HTTPConnection(urlsplit(container.address()).netloc,
                                            timeout=5 * PATIENCE)
    headers = {"Content-Type": "application/jsonlines"}
    try:
        connection.request("POST", "/invocations",
                           (LINE * PIECE for _ in range(RECORDS // PIECE)),
                           headers if size is None else {**headers, "Content-Length": str(size)},
                           encode_chunked=size is None)
        response = connection.getresponse()
        return response.status, response.read()
    finally:
        connection.close()


def memory(container: Container) -> int:
    """The most that any process of the server has ever had, in bytes."""
    found = container.execute("sh", "-c", "grep -h VmHWM /proc/[0-9]*/status").out
    return max(int(kilobytes) for kilobytes in re.findall(r"(\d+) kB", found)) * 1024


@pytest.mark.parametrize("size", [None, SIZE], ids=["chunked", "with Content-Length"])
def test_three_hundred_megabytes_are_answered_in_a_gigabyte(endpoint: Container,
                                                            size: int | None) -> None:
    assert SIZE > 300 * MEGABYTE
    before = memory(endpoint)
    status, body = post(endpoint, size)
    assert status == 200
    assert [set(json.loads(line)) for line in body.splitlines()] == [
        {"label", "probability"}] * RECORDS
    assert memory(endpoint) - before < 64 * MEGABYTE


def test_with_a_full_disk_a_long_body_is_507_and_a_short_one_answered(image: Image,
                                                                      model: Path) -> None:
    with image.serve(model, options=[*GIGABYTE, "--tmpfs", "/tmp:size=8m"]) as container:
        container.wait_until_ready()
        answer = container.invocations(LINE * 100, "application/jsonlines")
        assert answer.status == 507
        assert b"No space left" in answer.body
        assert container.invocations(LINE, "application/jsonlines").status == 200
