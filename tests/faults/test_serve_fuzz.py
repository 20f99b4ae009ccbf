"""Bodies that began as good ones and were spoiled: refused in words, or answered record by record.

`tests/fuzz/fuzz_bodies.py` looks for more of them, and sees which lines they reach.
"""

from __future__ import annotations

import gc
import gzip
import random
import tracemalloc
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask.testing import FlaskClient
from hypothesis import event, given, settings, target
from hypothesis import strategies as st

from contract.errors import RequestError, UserError
from contract.serving.app import create_app
from contract.serving.models import Models
from contract.serving.multimodel import create_models_app
from contract.serving.settings import read_settings
from faults.bodies import GOOD, SENT, WANTED, answer
from faults.mutations import Edit, edited, edits
from sentiment.plugin import ALGORITHM

EXPECTED = {200, 400, 404, 405, 406, 408, 409, 413, 415, 507}


@settings(max_examples=400)
@given(good=st.sampled_from(GOOD), changes=edits, sent=st.sampled_from(SENT),
       wanted=st.sampled_from(WANTED), batch=st.booleans())
def test_a_spoiled_body_is_refused_or_every_record_is_answered(
        good: bytes, changes: list[Edit], sent: str, wanted: str, batch: bool) -> None:
    try:
        answered = answer(edited(good, changes), sent, wanted, batch=batch)
    except RequestError as error:
        assert error.status in (406, 413, 415)
    except UserError as error:
        event("refused")
        assert str(error)
    else:
        target(float(answered.records))


@pytest.fixture(scope="module")
def clients(small_model: Path) -> list[FlaskClient]:
    """Of one model, of a batch job, and of many models, one of which is loaded."""
    predictor = ALGORITHM.load(small_model)
    predictor.start(1)
    batch, alone = (read_settings(given, 1) for given in ({"SAGEMAKER_BATCH": "true"}, {}))
    many = create_models_app(Models(ALGORITHM, small_model.parent, alone), alone).test_client()
    loaded = many.post("/models", json={"model_name": "m", "url": str(small_model)})
    assert loaded.status_code == 200, loaded.text
    return [create_app(predictor, alone).test_client(),
            create_app(predictor, batch).test_client(), many]


def requests(seed: int, count: int) -> Iterator[tuple[str, str, bytes, dict[str, str]]]:
    """Method, path, body and headers."""
    chance = random.Random(seed)
    for _ in range(count):
        body = bytearray(chance.choice(GOOD))
        for _ in range(chance.randrange(4)):
            body[chance.randrange(len(body))] = chance.randrange(256)
        packed = chance.random() < 0.2
        headers = {"Content-Type": chance.choice(SENT), "Accept": chance.choice(WANTED),
                   "Content-Encoding": "gzip" if packed else "identity"}
        method = chance.choice(["POST"] * 8 + ["GET", "PUT", "DELETE"])
        path = chance.choice(["/invocations"] * 4 + ["/models/m/invoke"] * 2 + [
            "/models", "/models/x", "/models/%2e%2e/invoke", "/ping", "/nowhere"])
        yield method, path, gzip.compress(body) if packed else bytes(body), headers


def send(clients: list[FlaskClient], seed: int, count: int) -> set[int]:
    found = set()
    for method, path, body, headers in requests(seed, count):
        for client in clients:
            response = client.open(path, method=method, data=body, headers=headers)
            found.add(response.status_code)
            response.close()
    return found


def test_no_spoiled_request_is_a_fault_of_the_server(clients: list[FlaskClient]) -> None:
    assert send(clients, 1, 400) <= EXPECTED


def test_spoiled_requests_leave_no_memory_behind(clients: list[FlaskClient]) -> None:
    send(clients, 2, 100)
    gc.collect()
    tracemalloc.start()
    try:
        send(clients, 3, 100)
        gc.collect()
        before = tracemalloc.get_traced_memory()[0]
        send(clients, 4, 400)
        gc.collect()
        grown = tracemalloc.get_traced_memory()[0] - before
    finally:
        tracemalloc.stop()
    assert grown < 400 * 100, "more than 100 bytes a request"
