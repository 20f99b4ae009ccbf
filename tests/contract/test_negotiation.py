from __future__ import annotations

import gzip
import json
from collections.abc import Callable

import pytest
from flask.testing import FlaskClient

MakeClient = Callable[..., FlaskClient]
REVIEW = b"A fine film"


def invoke(client: FlaskClient, body: bytes = REVIEW, media: str | None = "text/plain",
           **headers: str) -> tuple[int, str, str]:
    """Status, content type and text of an answer."""
    response = client.post("/invocations", data=body, content_type=media, headers={
        name.replace("_", "-"): value for name, value in headers.items()})
    return response.status_code, response.headers["Content-Type"], response.text


def refused(answer: tuple[int, str, str]) -> tuple[int, str]:
    """Status and message of a refusal, which must have the one shape that all have."""
    status, media, text = answer
    body = json.loads(text)
    assert media == "application/json"
    assert set(body) == {"error"}
    assert set(body["error"]) == {"code", "message"}
    assert body["error"]["code"] == status
    assert len(text) <= 1024
    return status, body["error"]["message"]


@pytest.mark.parametrize(("accept", "media"), [
    ("*/*", "text/plain"),
    ("", "text/plain"),
    ("application/json", "application/json"),
    ("application/json; charset=utf-8", "application/json"),
    ("text/csv;q=0.2, application/json;q=0.9", "application/json"),
    ("image/png, text/*;q=0.1", "text/plain"),
    ("text/plain;q=0, application/*", "application/json"),
])
def test_accept_chooses_and_the_answers_type_has_no_parameters(
        client: FlaskClient, accept: str, media: str) -> None:
    assert invoke(client, Accept=accept)[:2] == (200, media)


@pytest.mark.parametrize(("accept", "media"), [
    ("", "text/csv"), ("*/*", "text/csv"), ("text/plain", "text/plain")])
def test_a_configured_default_holds_where_nothing_else_is_asked_for(
        make_client: MakeClient, accept: str, media: str) -> None:
    client = make_client({"SAGEMAKER_DEFAULT_INVOCATIONS_ACCEPT": "text/csv"})
    assert invoke(client, Accept=accept)[:2] == (200, media)


@pytest.mark.parametrize("media", [None, "application/octet-stream"])
def test_without_a_content_type_the_body_tells(client: FlaskClient, media: str | None) -> None:
    assert invoke(client, b'\n{"text": "Fine"}', media)[:2] == (200, "application/json")
    assert invoke(client, b"Fine", media)[:2] == (200, "text/plain")


@pytest.mark.parametrize("algorithm", ["sentiment"], indirect=True)
@pytest.mark.parametrize(("body", "charset"), [
    ("Un film génial", "utf-8"), ("Un film génial", "iso-8859-1"),
    ("Un film génial", "windows-1252"), ("Un film génial", "utf-16")])
def test_the_stated_charset_is_used(client: FlaskClient, body: str, charset: str) -> None:
    sent = f'{{"text": "{body}", "explain": true}}'.encode(charset)
    status, _, text = invoke(client, sent, f"application/json; charset={charset}")
    words = json.loads(text)["words"]
    assert status == 200
    assert body[words[-1]["start"]:words[-1]["end"]] == "génial"


@pytest.mark.parametrize("algorithm", ["sentiment"], indirect=True)
def test_a_byte_order_mark_is_no_part_of_the_text(client: FlaskClient) -> None:
    marked = b"\xef\xbb\xbf" + b'{"text": "Fine", "explain": true}'
    assert invoke(client, marked, "application/json") == invoke(client, marked[3:],
                                                                "application/json")


def test_a_gzip_body_is_read(client: FlaskClient) -> None:
    assert invoke(client, gzip.compress(REVIEW), Content_Encoding="gzip") == invoke(client)
    assert invoke(client, Content_Encoding="identity")[0] == 200


@pytest.mark.parametrize("body", [REVIEW, gzip.compress(REVIEW)[:-3], b""])
def test_a_damaged_gzip_body_is_400(client: FlaskClient, body: bytes) -> None:
    assert refused(invoke(client, body, Content_Encoding="gzip"))[0] == 400


def test_a_body_that_grows_beyond_the_limit_when_unpacked_is_413(make_client: MakeClient) -> None:
    client = make_client({"SAGEMAKER_MAX_PAYLOAD_IN_MB": "1"})
    bomb = gzip.compress(b"a" * (50 * 1024 * 1024))
    assert len(bomb) < 100_000
    assert refused(invoke(client, bomb, Content_Encoding="gzip"))[0] == 413


@pytest.mark.parametrize(("size", "status"), [(100, 200), (101, 413), (5000, 413)])
def test_a_body_beyond_the_limit_is_413_with_the_limit(make_client: MakeClient, size: int,
                                                       status: int) -> None:
    client = make_client({"MAX_CONTENT_LENGTH": "100"})
    answer = invoke(client, b"a" * size)
    assert answer[0] == status
    if status == 413:
        assert "larger than 100 bytes" in refused(answer)[1]


@pytest.mark.parametrize("media", ["text/plain", "text/csv", "application/json",
                                   "application/jsonlines", "application/x-npy", None])
@pytest.mark.parametrize("body", [b"", b" \r\n"])
def test_an_empty_body_is_400(client: FlaskClient, media: str | None, body: bytes) -> None:
    assert refused(invoke(client, body, media))[0] == 400


@pytest.mark.parametrize(("media", "headers", "status", "words"), [
    ("text/plain", {"Accept": "image/png"}, 406, "ask for one of application/json"),
    ("text/plain", {"Accept": "application/json;q=0"}, 406, "ask for one of"),
    ("image/png", {}, 415, "send one of application/json"),
    ("text/plain; charset=klingon", {}, 415, "send UTF-8"),
    ("text/plain", {"Content-Encoding": "br"}, 415, "send gzip"),
])
def test_what_cannot_be_served_is_refused_with_what_can(
        client: FlaskClient, media: str, headers: dict[str, str], status: int, words: str) -> None:
    code, message = refused(invoke(client, REVIEW, media, **headers))
    assert code == status
    assert words in message


@pytest.mark.parametrize(("method", "path", "status"), [
    ("GET", "/", 404), ("POST", "/predict", 404), ("GET", "/ping/", 404), ("GET", "//ping", 404),
    ("GET", "/models", 404),
    ("GET", "/invocations", 405), ("PUT", "/invocations", 405), ("POST", "/ping", 405),
    ("DELETE", "/execution-parameters", 405), ("OPTIONS", "/invocations", 405)])
def test_other_routes_and_methods_are_json_errors(client: FlaskClient, method: str, path: str,
                                                  status: int) -> None:
    response = client.open(path, method=method)
    code, message = refused((response.status_code, response.headers["Content-Type"],
                             response.text))
    assert code == status
    assert "/invocations" in message
    assert ("Allow" in response.headers) == (status == 405)


def test_ping_is_200_and_empty(client: FlaskClient) -> None:
    response = client.get("/ping")
    assert (response.status_code, response.data) == (200, b"")
    assert response.headers["Content-Type"] == "application/json"


def test_execution_parameters_are_those_of_the_settings(make_client: MakeClient) -> None:
    client = make_client({"SAGEMAKER_BATCH": "true", "SAGEMAKER_MAX_PAYLOAD_IN_MB": "20",
                          "SAGEMAKER_BATCH_STRATEGY": "SINGLE_RECORD"})
    assert client.get("/execution-parameters").json == {
        "MaxConcurrentTransforms": 1, "BatchStrategy": "SINGLE_RECORD", "MaxPayloadInMB": 20}
