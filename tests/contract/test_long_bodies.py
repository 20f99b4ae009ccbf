"""Long bodies: they are cut into pieces, and nobody can tell from the answer."""

from __future__ import annotations

import csv
import io
import json
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import pytest
from flask.testing import FlaskClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from contract.serving import app, bodies, codec, invocation, streams
from contract.serving.gate import HEAVIEST
from contract.serving.media import SUPPORTED
from contract.serving.room import SHORT, Room
from contract.serving.settings import MEGABYTE, Settings
from executables import PATIENCE

MakeClient = Callable[..., FlaskClient]
StandIn = Callable[..., Any]

LONG = bodies.IN_MEMORY + 1
GOOD, BAD = "A fine film", " "


@pytest.fixture
def tiny_pieces(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Cuts everything into pieces from then on: bodies of a few bytes are long."""
    def cut() -> None:
        for place in (bodies, invocation):
            monkeypatch.setattr(place, "IN_MEMORY", 3)
        monkeypatch.setattr(streams, "PIECE_RECORDS", 2)
        monkeypatch.setattr("contract.serving.codec.PIECE_RECORDS", 2)
        monkeypatch.setattr("contract.serving.gate.HEAVIEST", 1)
    return cut


@pytest.fixture
def with_tiny_pieces(tiny_pieces: Callable[[], None]) -> Iterator[None]:
    tiny_pieces()
    yield


def written(media: str, texts: list[str]) -> bytes:
    if media == "application/json":
        return json.dumps(texts).encode()
    if media == "application/jsonlines":
        return "\n".join(map(json.dumps, texts)).encode()
    buffer = io.StringIO()
    csv.writer(buffer, quoting=csv.QUOTE_ALL).writerows([text] for text in texts)
    return buffer.getvalue().encode()


@pytest.mark.parametrize("batch", [False, True])
@pytest.mark.parametrize("media", ["application/json", "application/jsonlines", "text/csv"])
@pytest.mark.parametrize("accept", SUPPORTED)
def test_a_body_in_pieces_gets_the_answer_of_a_body_at_once(
        make_client: MakeClient, tiny_pieces: Callable[[], None], batch: bool, media: str,
        accept: str, reviews: dict[str, str]) -> None:
    client = make_client({"SAGEMAKER_BATCH": str(batch)})
    texts = [reviews["positive"], reviews["negative"], *[GOOD] * 2, BAD, GOOD, reviews["positive"]]
    if media != "application/jsonlines" and not batch:
        texts.remove(BAD)

    def ask() -> tuple[int, str, str, bytes]:
        answer = client.post("/invocations", data=written(media, texts), content_type=media,
                             headers={"Accept": accept})
        return (answer.status_code, answer.headers["Content-Type"],
                answer.headers["Content-Length"], answer.data)

    at_once = ask()
    tiny_pieces()
    assert at_once[0] == 200
    assert ask() == at_once


@pytest.mark.usefixtures("with_tiny_pieces")
@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(records=st.lists(st.sampled_from([GOOD, BAD]), min_size=1, max_size=12)
       .filter(lambda records: GOOD in records))
def test_bad_records_of_a_long_body_are_marked_at_their_places(
        client: FlaskClient, records: list[str]) -> None:
    answer = client.post("/invocations", data=written("application/jsonlines", records),
                         content_type="application/jsonlines")
    lines = answer.text.splitlines()
    assert ["error" in json.loads(line) for line in lines] == [text == BAD for text in records]


@pytest.mark.usefixtures("with_tiny_pieces")
@pytest.mark.parametrize(("media", "body"), [
    ("text/csv", b'"Fine"\n' * 5 + b'""\n' + b'"Fine"\n' * 5),
    ("application/json", json.dumps(["Fine"] * 5 + [""] + ["Fine"] * 5).encode())])
def test_a_record_that_fails_a_long_request_is_named_by_its_number(
        client: FlaskClient, media: str, body: bytes) -> None:
    answer = client.post("/invocations", data=body, content_type=media)
    assert answer.status_code == 400
    assert "record 6: " in answer.text


@pytest.mark.parametrize("records", [1, HEAVIEST, HEAVIEST + 1, 3000])
def test_one_request_holds_the_model_for_so_many_records_at_most(
        make_client: MakeClient, stand_in: StandIn, records: int) -> None:
    model = stand_in()
    answer = make_client({}, model).post("/invocations", json=["Fine"] * records)
    assert answer.json is not None
    assert len(answer.json["predictions"]) == sum(model.asked) == records
    assert max(model.asked) == min(records, HEAVIEST)


def test_the_time_is_up_for_all_pieces_together(make_client: MakeClient,
                                                stand_in: StandIn) -> None:
    def work(check: Callable[[], None]) -> None:
        while len(model.asked) == 3:
            check()

    model = stand_in(work)
    answer = make_client({"SAGEMAKER_MODEL_SERVER_TIMEOUT": "2"}, model).post(
        "/invocations", data=b'"Fine"\n' * 3000, content_type="application/jsonlines")
    assert answer.status_code == 504
    assert len(model.asked) == 3


@pytest.mark.parametrize("algorithm", ["sentiment"], indirect=True)
@pytest.mark.parametrize(("media", "status"), [
    ("application/json", 413), ("text/plain", 413), ("application/x-npy", 413), (None, 413),
    ("text/csv", 400), ("application/jsonlines", 200)])
def test_what_must_be_in_memory_as_a_whole_has_a_limit_of_its_own(
        make_client: MakeClient, monkeypatch: pytest.MonkeyPatch, media: str | None,
        status: int) -> None:
    monkeypatch.setattr(Settings, "whole_body", MEGABYTE)
    answer = make_client().post("/invocations", data=b"a" * (MEGABYTE + 1), content_type=media)
    assert answer.status_code == status
    if status == 413:
        assert f"larger than {MEGABYTE} bytes" in answer.text
        assert "application/jsonlines or text/csv" in answer.text


def test_an_answer_that_becomes_too_long_is_413(client: FlaskClient,
                                                monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(invocation, "LONGEST_ANSWER", 1000)
    answer = client.post("/invocations", data=b"\n" * 100 + b"1",
                         content_type="application/jsonlines")
    assert answer.status_code == 413
    assert "the answer would be larger than 1000 bytes" in answer.text


@pytest.mark.parametrize("length", [LONG, 2 * LONG])
def test_without_room_for_a_long_body_it_is_507_and_says_where(make_client: MakeClient,
                                                               length: int) -> None:
    client = make_client({"TMPDIR": "/nowhere/at/all"})
    answer = client.post("/invocations", data=b"a" * length, content_type="application/jsonlines")
    assert answer.status_code == 507
    assert "TMPDIR" in answer.text
    assert "/nowhere" not in answer.text
    assert client.post("/invocations", data=b"Fine", content_type="text/plain").status_code == 200


def test_the_time_is_up_for_bad_records_too(make_client: MakeClient) -> None:
    client = make_client({"SAGEMAKER_MODEL_SERVER_TIMEOUT": "0.2", "SAGEMAKER_BATCH": "true"})
    answer = client.post("/invocations", data=b"\n" * 1_000_000,
                         content_type="application/jsonlines")
    assert answer.status_code == 504


def test_large_documents_are_read_one_after_the_other(
        make_client: MakeClient, stand_in: StandIn, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(app, "RECORDS", 6 * SHORT)  # two do not fit
    body = json.dumps(["a" * 100] * (SHORT // 100 + 1)).encode()
    now, most, lock = 0, 0, threading.Lock()
    decode = codec.decode

    def watch(*given: Any, **named: Any) -> Any:
        nonlocal now, most
        with lock:
            now += 1
            most = max(most, now)
        return decode(*given, **named)

    def leave(check: Callable[[], None]) -> None:
        time.sleep(0.001)

    def ask() -> int:
        nonlocal now
        answer = client.application.test_client().post(
            "/invocations", data=body, content_type="application/json")
        return answer.status_code

    held = Room.held

    @contextmanager
    def until_left(room: Room, *given: Any) -> Iterator[None]:
        nonlocal now
        with held(room, *given):
            yield
            with lock:
                now -= 1

    monkeypatch.setattr(codec, "decode", watch)
    monkeypatch.setattr(Room, "held", until_left)
    client = make_client({"SAGEMAKER_MODEL_JOB_QUEUE_SIZE": "100"}, stand_in(leave))
    with ThreadPoolExecutor(5) as pool:
        statuses = [one.result() for one in [pool.submit(ask) for _ in range(5)]]
    assert statuses == [200] * 5
    assert most == 1


def test_short_requests_do_not_wait_for_a_large_one(
        make_client: MakeClient, stand_in: StandIn, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(app, "RECORDS", SHORT)
    entered, leave = threading.Event(), threading.Event()

    def work(check: Callable[[], None]) -> None:
        if not entered.is_set():
            entered.set()
            assert leave.wait(PATIENCE)

    client = make_client({}, stand_in(work))
    body = json.dumps(["a" * 100] * (SHORT // 100 + 1)).encode()
    with ThreadPoolExecutor(2) as pool:
        large = pool.submit(client.application.test_client().post, "/invocations", data=body,
                            content_type="application/json")
        assert entered.wait(PATIENCE)
        short = pool.submit(client.application.test_client().post, "/invocations", data=b"Fine",
                            content_type="text/plain")
        time.sleep(0.05)  # it waits for the model now, and for nothing else
        leave.set()
        assert short.result().status_code == 200
        assert large.result().status_code == 200
