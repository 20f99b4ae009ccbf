"""What `/metrics` says, read by Prometheus' own parser."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from flask.testing import FlaskClient

from contract.algorithm import Predictor
from contract.serving.figures import BUCKETS, Figures
from executables import PATIENCE
from scraping import Scrape

MakeClient = Callable[..., FlaskClient]
StandIn = Callable[..., Any]


def scrape(client: FlaskClient) -> Scrape:
    return Scrape(client.get("/metrics").text)


def test_it_is_in_the_text_format_and_each_family_is_explained(client: FlaskClient) -> None:
    answer = client.get("/metrics")
    assert answer.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
    families = Scrape(answer.text).families
    assert all(family.documentation for family in families)
    assert {family.type for family in families} == {"counter", "gauge", "histogram"}


@pytest.mark.parametrize(("media", "body", "changes"), [
    ("text/plain", b"Fine", {'serving_requests_total{code="2xx"}': 1, "serving_records_total": 1,
                             "serving_request_bytes_total": 4, "serving_response_bytes_total": 1,
                             "serving_model_seconds_count": 1}),
    ("application/jsonlines", b'"Fine"\n""\n"Dull"\n', {
        "serving_records_total": 3, "serving_bad_records_total": 1,
        "serving_model_seconds_count": 1}),
    ("application/json", b"{", {'serving_requests_total{code="2xx"}': 0,
                                'serving_requests_total{code="4xx"}': 1,
                                "serving_records_total": 0, "serving_model_seconds_count": 0}),
])
def test_each_request_is_counted(client: FlaskClient, media: str, body: bytes,
                                 changes: dict[str, float]) -> None:
    before = scrape(client)
    client.post("/invocations", data=body, content_type=media)
    after = scrape(client)
    assert {name: after[name] - before[name] for name in changes} == changes
    assert after["serving_request_seconds_count"] == before["serving_request_seconds_count"] + 1


def test_pings_and_the_asking_itself_are_not_counted(client: FlaskClient) -> None:
    client.get("/ping")
    client.get("/metrics")
    assert scrape(client)["serving_request_seconds_count"] == 0


def test_a_fault_is_counted_as_ours(make_client: MakeClient, stand_in: StandIn) -> None:
    def work(check: Callable[[], None]) -> None:
        raise ZeroDivisionError

    client = make_client({}, stand_in(work))
    client.post("/invocations", data=b"Fine", content_type="text/plain")
    assert scrape(client)['serving_requests_total{code="5xx"}'] == 1


def test_who_waits_and_who_is_sent_away_is_counted(make_client: MakeClient,
                                                   stand_in: StandIn) -> None:
    entered, leave = threading.Event(), threading.Event()

    def work(check: Callable[[], None]) -> None:
        entered.set()
        assert leave.wait(PATIENCE)

    client = make_client({"SAGEMAKER_MODEL_JOB_QUEUE_SIZE": "1"}, stand_in(work))

    def ask() -> int:
        return client.application.test_client().post(
            "/invocations", data=b"Fine", content_type="text/plain").status_code

    with ThreadPoolExecutor(2) as pool:
        try:
            answered = [pool.submit(ask)]
            assert entered.wait(PATIENCE)
            answered.append(pool.submit(ask))
            Scrape.until(lambda: scrape(client), "serving_waiting_requests", 1)
            assert ask() == 503
            assert scrape(client)["serving_refused_total"] == 1
        finally:
            leave.set()
    assert [one.result() for one in answered] == [200, 200]
    assert scrape(client)["serving_waiting_requests"] == 0


@pytest.mark.parametrize("seconds", [0, BUCKETS[0], BUCKETS[3] + 1e-9, BUCKETS[-1] + 1])
def test_seconds_are_in_all_buckets_that_hold_them(seconds: float) -> None:
    figures = Figures(1)
    figures.request(200, refused=False, records=1, bad=0, bytes_in=1, bytes_out=1,
                    seconds=seconds, model_seconds=0)
    found = Scrape(figures.text())
    assert {bound: found[f'serving_request_seconds_bucket{{le="{bound}"}}']
            for bound in (*BUCKETS, "+Inf")} == {
        bound: float(bound == "+Inf" or seconds <= float(bound)) for bound in (*BUCKETS, "+Inf")}
    assert found["serving_request_seconds_sum"] == pytest.approx(seconds)


def test_a_name_of_a_model_can_be_anything() -> None:
    figures = Figures(1)
    figures.model = {"model": 'a "b" \\ c\nd', "version": "1"}
    samples = [sample for family in Scrape(figures.text()).families for sample in family.samples
               if sample.name == "serving_model_info"]
    assert [sample.labels for sample in samples] == [figures.model]


def test_the_model_is_named(client: FlaskClient, predictor: Predictor) -> None:
    assert scrape(client)[f'serving_model_info{{model="{predictor.name}"}}'] == 1


def test_the_memory_of_the_process_is_told(client: FlaskClient) -> None:
    assert 10e6 < scrape(client)["serving_memory_bytes"] < 100e9
