"""The routes of a multi-model endpoint, with a real small model and with stand-ins."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from contract.algorithm import Algorithm
from contract.serving.models import PAGE, RESERVE, Models
from contract.serving.multimodel import LONGEST_NAME, create_models_app
from contract.serving.settings import read_settings
from naive_bayes import ALGORITHM as EXAMPLE
from plug import ALGORITHM
from shelf import Shelf, load_body, names, route

MakeClient = Callable[..., FlaskClient]
Printed = Callable[[], list[dict[str, Any]]]

SHARED = settings(suppress_health_check=[HealthCheck.function_scoped_fixture])

HOSTILE = ["a/b", "/", "//", "/a", "a/", ".", "..", "../..", "../../etc/passwd", "a\\b", "a b", "%",
           "%2F", "%252F", "\0", "a\n", "\n", "ümläut", "\U0001f3ac", "e\u0301", "?", "a?b=c", "#",
           "a;b", "invoke", "a/invoke", "models", "<name>", "{}", '"', "'", "6162", "-" * 50,
           "0" * 64, "\x7f", "\u202e", "x" * LONGEST_NAME]
"""Names that are paths, tokens or routes to somebody else."""


@pytest.fixture
def plug(algorithm: str, request: pytest.FixtureRequest) -> tuple[Algorithm, Path]:
    """A real algorithm, and the directory of its small model."""
    if algorithm == "example":
        return EXAMPLE, request.getfixturevalue("small_naive_bayes")
    return ALGORITHM, request.getfixturevalue("small_model")


@pytest.fixture
def directory(tmp_path: Path, plug: tuple[Algorithm, Path]) -> Path:
    """A folder with the model `good` and the damaged model `bad`."""
    for name in ("good", "bad"):
        shutil.copytree(plug[1], tmp_path / "models" / name / "model")
    for damaged in (tmp_path / "models" / "bad" / "model").iterdir():
        damaged.write_bytes(damaged.read_bytes()[:-1])
    return tmp_path / "models"


@pytest.fixture
def many(plug: tuple[Algorithm, Path], directory: Path) -> FlaskClient:
    """A client of a real algorithm, without any model yet."""
    chosen = read_settings({}, 1)
    return create_models_app(Models(plug[0], directory, chosen), chosen).test_client()


@pytest.fixture
def shelf(tmp_path: Path, stand_in: type[Any]) -> Shelf:
    return Shelf(tmp_path / "shelf", stand_in)


@pytest.fixture
def client_of(shelf: Shelf) -> MakeClient:
    """Makes a client of stand-ins under some environment variables."""

    def make(left: Callable[[], int | None] = lambda: None, **environment: str) -> FlaskClient:
        return create_models_app(shelf.models(left, **environment),
                                 read_settings(environment, 1)).test_client()

    return make


@pytest.fixture
def loaded(many: FlaskClient, directory: Path) -> FlaskClient:
    """The same with the model `m`."""
    assert many.post("/models", data=load_body("m", f"{directory}/good/model")).status_code == 200
    return many


def test_it_is_healthy_without_any_model(many: FlaskClient) -> None:
    assert many.get("/ping").status_code == 200
    assert many.get("/models").json == {"models": []}


def test_a_model_is_loaded_listed_described_and_unloaded(many: FlaskClient,
                                                         directory: Path) -> None:
    url = f"{directory}/good/model"
    described = {"modelName": "m", "modelUrl": url}
    calls = [("POST", "/models", described), ("GET", "/models", {"models": [described]}),
             ("GET", "/models/m", described), ("DELETE", "/models/m", described),
             ("GET", "/models", {"models": []})]
    for method, path, expected in calls:
        answer = many.open(path, method=method, data=load_body("m", url))
        assert (answer.status_code, answer.json) == (200, expected)


@pytest.mark.parametrize(("method", "path", "status"), [
    ("POST", "/models", 409), ("GET", "/models/other", 404), ("DELETE", "/models/other", 404),
    ("POST", "/models/other/invoke", 404), ("GET", "/models/m/invoke", 404),
    ("POST", "/invocations", 404), ("GET", "/models/", 404), ("POST", "/models/m", 405),
    ("PUT", "/models/m", 405), ("DELETE", "/models", 405)])
def test_what_is_not_there_has_the_status_that_the_platform_knows(
        loaded: FlaskClient, directory: Path, method: str, path: str, status: int) -> None:
    answer = loaded.open(path, method=method, data=load_body("m", f"{directory}/good/model"))
    assert answer.status_code == status
    assert answer.json is not None
    assert answer.json["error"]["code"] == status


@pytest.mark.parametrize(("media", "body", "accept"), [
    ("text/plain", "{text}", "*/*"),
    ("application/json", '{{"text": "{text}", "explain": true}}', "*/*"),
    ("application/json", '["{text}", "{text}"]', "text/csv"),
    ("application/jsonlines", '{{"text": "{text}"}}\n{{}}', "*/*"),
    ("text/csv", '"{text}"', "application/x-npy"),
    ("application/json", '{{"text": 5}}', "*/*"),
    ("image/png", "{text}", "*/*"),
    ("text/plain", "{text}", "image/png"),
    ("text/plain", "", "*/*")])
def test_a_model_is_invoked_as_a_single_one_is(loaded: FlaskClient, client: FlaskClient,
                                               reviews: dict[str, str], media: str, body: str,
                                               accept: str) -> None:
    sent = {"data": body.format(text=reviews["positive"]), "content_type": media,
            "headers": {"Accept": accept}}
    one, other = client.post("/invocations", **sent), loaded.post("/models/m/invoke", **sent)
    assert (one.status_code, one.data) == (other.status_code, other.data)
    assert one.headers["Content-Type"] == other.headers["Content-Type"]


@pytest.mark.parametrize("name", HOSTILE)
def test_a_name_may_be_anything(client_of: MakeClient, shelf: Shelf, name: str) -> None:
    client, url = client_of(), shelf.add("a")
    assert client.post("/models", data=load_body(name, url)).status_code == 200
    assert names(client.get("/models").json) == [name]
    described = client.get(route(name)).json
    assert described == {"modelName": name, "modelUrl": url}
    assert client.post(route(name, "/invoke"), data=b"Fine").data == b"0"
    assert client.delete(route(name)).status_code == 200
    assert client.get(route(name)).status_code == 404


@pytest.mark.parametrize("name", ["", "\ud800", "x" * (LONGEST_NAME + 1), "ü" * LONGEST_NAME, None,
                                  5, ["a"], {}])
def test_a_name_that_no_request_could_hold_is_refused(client_of: MakeClient, shelf: Shelf,
                                                      name: object) -> None:
    answer = client_of().post("/models", data=load_body(name, shelf.add("a")))
    assert answer.status_code == 400
    assert "model_name" in answer.text
    assert shelf.loads == 0


@pytest.mark.parametrize("body", [
    b"", b"{", b"[]", b"null", b'"a"', b"{}", b'{"model_name": "a"}', b'{"url": "/a"}',
    b'{"model_name": "a", "url": null}', b"\xff", b"[" * 50_000, b"1" * 50_000])
def test_a_body_that_names_no_model_is_refused(client_of: MakeClient, body: bytes) -> None:
    answer = client_of().post("/models", data=body)
    assert answer.status_code == 400
    assert answer.json is not None
    assert answer.json["error"]["code"] == 400


def test_a_body_that_is_too_long_to_load_a_model_is_413(client_of: MakeClient) -> None:
    assert client_of().post("/models", data=b" " * 100_000).status_code == 413


@pytest.mark.parametrize("url", ["/", "/etc", "../../etc", "/opt/ml/models/../../../etc", "\0",
                                 "a" * 10_000])
def test_a_url_elsewhere_is_refused_and_not_repeated(client_of: MakeClient, url: str) -> None:
    answer = client_of().post("/models", data=load_body("a", url))
    assert answer.status_code == 400
    assert "url must be a folder below" in answer.text
    assert "etc" not in answer.text


@pytest.mark.parametrize("algorithm", ["sentiment"], indirect=True)
def test_a_damaged_model_is_named_and_leaves_nothing(many: FlaskClient, directory: Path) -> None:
    for _ in range(2):
        answer = many.post("/models", data=load_body("m", f"{directory}/bad/model"))
        assert answer.status_code == 400
        assert "vocabulary.json: " in answer.text
    assert many.get("/models/m").status_code == 404


def test_a_model_without_room_is_507_and_says_how_much_is_missing(client_of: MakeClient,
                                                                  shelf: Shelf) -> None:
    shelf.need = 50 * 1024 * 1024
    answer = client_of(lambda: RESERVE + 1024 * 1024).post(
        "/models", data=load_body("a", shelf.add("a")))
    assert answer.status_code == 507
    assert answer.json is not None
    assert "up to 50 MB of memory, and 1 MB are left" in answer.json["error"]["message"]


def test_a_full_disk_is_not_taken_for_a_lack_of_memory(
        plug: tuple[Algorithm, Path], directory: Path, tmp_path: Path) -> None:
    """With 507 the platform would unload models that are in use."""
    chosen = read_settings({"TMPDIR": str(tmp_path / "missing")}, 1)
    client = create_models_app(Models(plug[0], directory, chosen), chosen).test_client()
    client.post("/models", data=load_body("m", f"{directory}/good/model"))
    answer = client.post("/models/m/invoke", data=b"{\n" * 5_000_000,
                         content_type="application/jsonlines")
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "1")
    assert "TMPDIR" in answer.text


def test_a_document_may_be_as_long_as_such_an_endpoint_takes(
        plug: tuple[Algorithm, Path], directory: Path) -> None:
    chosen = read_settings({"SAGEMAKER_MULTI_MODEL": "true"}, 1)
    client = create_models_app(Models(plug[0], directory, chosen), chosen).test_client()
    client.post("/models", data=load_body("m", f"{directory}/good/model"))
    answer = client.post("/models/m/invoke", data=b" " * (25 * 2**20 + 1),
                       content_type="application/json")
    assert (answer.status_code, "larger than 26214400 bytes" in answer.text) == (413, True)


def test_the_list_comes_in_parts_until_there_is_no_token(client_of: MakeClient,
                                                         shelf: Shelf) -> None:
    client, url = client_of(), shelf.add("a")
    expected = sorted([f"ü/{number}" for number in range(PAGE)] + HOSTILE)
    for name in expected:
        client.post("/models", data=load_body(name, url))
    first = client.get("/models").json
    assert first is not None
    # As it is, without any encoding.
    second = client.get(f"/models?next_page_token={first['nextPageToken']}").json
    assert second is not None
    assert names(first) + names(second) == expected
    assert "nextPageToken" not in second


@pytest.mark.parametrize("token", ["x", "abc", "ff", "%00", "../..", "ed" * 3, "z" * 2000])
def test_a_token_that_was_never_given_is_refused(client_of: MakeClient, token: str) -> None:
    answer = client_of().get(f"/models?next_page_token={token}")
    assert answer.status_code == 400
    assert "next_page_token" in answer.text


def test_what_the_caller_calls_the_model_is_logged_and_no_more(loaded: FlaskClient,
                                                               printed: Printed) -> None:
    target = "../../../etc/" + "x" * 5000
    answer = loaded.post("/models/m/invoke", data=b"Fine", content_type="text/plain",
                         headers={"X-Amzn-SageMaker-Target-Model": target})
    entry, = printed()
    assert answer.status_code == 200
    assert (entry["model"], entry["target"]) == ("m", target[:200])


def test_loading_and_unloading_are_logged_with_name_and_estimate(
        many: FlaskClient, directory: Path, printed: Printed) -> None:
    many.post("/models", data=load_body("m", f"{directory}/good/model"))
    many.delete("/models/m")
    loading, _, unloading, _ = printed()
    assert (loading["message"][:13], loading["model"]) == ("model loaded:", "m")
    assert loading["estimated_mb"] >= 1
    assert (unloading["message"], unloading["model"]) == ("model unloaded", "m")


def test_requests_to_all_models_count_in_the_figures(client_of: MakeClient, shelf: Shelf) -> None:
    client = client_of()
    for name in "ab":
        client.post("/models", data=load_body(name, shelf.add(name)))
        client.post(f"/models/{name}/invoke", data=b"Fine")
    figures = client.get("/metrics").text
    assert "serving_records_total 2\n" in figures
    assert 'serving_requests_total{code="2xx"} 4\n' in figures


def test_a_prediction_beyond_the_deadline_is_504(client_of: MakeClient, shelf: Shelf,
                                                 stand_in: type[Any]) -> None:
    def work(check: Callable[[], None]) -> None:
        while True:
            check()

    shelf.make = lambda: stand_in(work)
    client = client_of(SAGEMAKER_MODEL_SERVER_TIMEOUT="0.05")
    client.post("/models", data=load_body("a", shelf.add("a")))
    assert client.post("/models/a/invoke", data=b"Fine").status_code == 504
    assert client.delete("/models/a").status_code == 200


@SHARED
@given(body=st.binary() | st.dictionaries(
    st.sampled_from(["model_name", "url"]), st.none() | st.integers() | st.text(), max_size=2)
    .map(lambda value: json.dumps(value).encode()))
def test_no_request_to_load_is_a_fault_of_the_server(many: FlaskClient, body: bytes) -> None:
    assert many.post("/models", data=body).status_code == 400


@SHARED
@given(name=st.text(min_size=1), token=st.text())
def test_no_name_and_no_token_is_a_fault_of_the_server(many: FlaskClient, name: str,
                                                       token: str) -> None:
    if not name.isprintable():
        name = name.encode("utf-8", "replace").decode()
    statuses = {many.open(path, method=method).status_code for method, path in [
        ("GET", route(name)), ("DELETE", route(name)), ("POST", route(name, "/invoke"))]}
    assert statuses == {404}
    assert many.get("/models", query_string={"next_page_token": token}).status_code in (200, 400)
