"""Whatever a caller sends is the caller's fault, and none of it ever gets into the log."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from typing import Any

import pytest
from flask.testing import FlaskClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

Printed = Callable[[], list[dict[str, Any]]]

SECRET = "Xyzzyplugh"
MEDIA = ["text/plain", "text/csv", "application/json", "application/jsonlines",
         "application/x-npy", "application/octet-stream", "text/plain; charset=utf-16", "image/png",
         "\u00fc/\u00fc", ";", "a;b=c"]
ACCEPT = ["*/*", "text/plain", "text/csv", "application/json", "application/jsonlines",
          "application/x-npy", "*/*;q=x", ",", "\u00fc", "text/plain;q=-1"]

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4)
    | st.dictionaries(st.sampled_from(["text", "instances", "explain"]) | st.text(), inner,
                      max_size=3),
    max_leaves=8)
BODIES = (st.binary() | st.text().map(lambda text: text.encode("utf-8", "surrogatepass"))
          | VALUES.map(lambda value: json.dumps(value).encode())
          | st.lists(st.lists(st.integers(-3, 500)), max_size=4).map(
              lambda rows: "\n".join(",".join(map(str, row)) for row in rows).encode()))


@pytest.mark.parametrize("batch", [False, True])
@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture,
                                                   HealthCheck.too_slow])
@given(body=BODIES, media=st.sampled_from(MEDIA), accept=st.sampled_from(ACCEPT),
       encoding=st.sampled_from(["", "gzip", "br"]))
def test_no_request_is_a_fault_of_the_server(
        client: FlaskClient, batch_client: FlaskClient, batch: bool, body: bytes, media: str,
        accept: str, encoding: str) -> None:
    sent = gzip.compress(body) if encoding == "gzip" and len(body) % 2 else body
    answer = (batch_client if batch else client).post(
        "/invocations", data=sent, content_type=media,
        headers={"Accept": accept, "Content-Encoding": encoding})
    assert answer.status_code in (200, 400, 406, 415)
    assert answer.headers["Content-Type"]
    if answer.status_code != 200:
        assert json.loads(answer.data)["error"]["code"] == answer.status_code


@pytest.mark.parametrize(("media", "body"), [
    ("text/plain", SECRET),
    ("text/plain", f"caf\udce9 {SECRET}"),
    ("text/csv", f'"{SECRET}'),
    ("text/csv", f"{SECRET},1,2"),
    ("application/json", f'{{"text": "{SECRET}"}}'),
    ("application/json", f'{{"text": "{SECRET}'),
    ("application/json", f'{{"{SECRET}": 1}}'),
    ("application/jsonlines", f"{SECRET}\n{SECRET}"),
    ("application/x-npy", SECRET),
    ("image/png", SECRET),
])
def test_no_word_of_a_request_is_logged_or_sent_back(client: FlaskClient, printed: Printed,
                                                     media: str, body: str) -> None:
    answer = client.post("/invocations", data=body.encode("utf-8", "surrogateescape"),
                         content_type=media, query_string={"q": SECRET})
    assert SECRET not in answer.text
    assert printed()
    assert SECRET not in json.dumps(printed())


def test_each_request_is_one_entry_with_its_figures(client: FlaskClient, printed: Printed,
                                                    reviews: dict[str, str]) -> None:
    body = json.dumps(list(reviews.values())).encode()
    answer = client.post("/invocations", data=body, content_type="application/json",
                         headers={"X-Amzn-SageMaker-Inference-Id": "call-1"})
    entry, = printed()
    assert (entry["request_id"], entry["method"], entry["path"]) == ("call-1", "POST",
                                                                     "/invocations")
    assert (entry["status"], entry["reviews"]) == (200, 2)
    assert (entry["bytes_in"], entry["bytes_out"]) == (len(body), len(answer.data))
    assert entry["ms"] >= entry["model_ms"] > 0


def test_a_request_without_an_id_gets_one(client: FlaskClient, printed: Printed) -> None:
    for _ in range(2):
        client.post("/invocations", data=b"Fine", content_type="text/plain")
    first, second = (entry["request_id"] for entry in printed())
    assert first != second


def test_a_refusal_is_logged_with_its_status(client: FlaskClient, printed: Printed) -> None:
    client.post("/invocations", data=b"", content_type="text/plain")
    client.get("/nowhere")
    assert [entry["status"] for entry in printed()] == [400, 404]


def test_pings_are_not_logged(client: FlaskClient, printed: Printed) -> None:
    client.get("/ping")
    client.get("/execution-parameters")
    assert printed() == []
