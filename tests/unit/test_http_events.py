"""Requests become events of the three recorded shapes, and replies become answers."""

from __future__ import annotations

import base64
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from http_events import SHAPES, Answer, MalformedReplyError, Request, make_event, read_reply

RECORDED = {"http": "http_api", "rest": "rest", "url": "function_url"}
EVENTS = Path(__file__).parents[1] / "lambda" / "events"

REQUEST = Request("POST", "/predict", "", "HTTP/1.1", [
    ("Accept", "*/*"), ("Content-Length", "24"), ("Content-Type", "application/json"),
    ("Host", "abcdef1234.execute-api.us-east-1.amazonaws.com"), ("Origin", "https://page.example"),
    ("X-Forwarded-For", "203.0.113.7")], b'{"text": "A fine film."}', "203.0.113.7")


def with_body(body: bytes, media: str | None) -> Request:
    headers = [] if media is None else [("content-type", media)]
    return replace(REQUEST, headers=headers, body=body)


def form(value: Any) -> Any:
    """Keys and types, without what is in them."""
    if isinstance(value, dict):
        return {key: form(inner) for key, inner in value.items()}
    return type(value)


@pytest.mark.parametrize("shape", SHAPES)
def test_an_event_has_the_form_of_the_recorded_one(shape: str) -> None:
    recorded = json.loads((EVENTS / f"{RECORDED[shape]}.json").read_text())
    assert form(make_event(shape, REQUEST)) == form(recorded)


@pytest.mark.parametrize("shape", SHAPES)
def test_an_event_has_what_the_recorded_one_has_for_the_same_request(shape: str) -> None:
    recorded = json.loads((EVENTS / f"{RECORDED[shape]}.json").read_text())
    event = make_event(shape, REQUEST)
    for differs in ("body", "isBase64Encoded", "rawPath", "requestContext"):
        recorded.pop(differs, None)
        event.pop(differs, None)
    if shape == "url":
        recorded["headers"]["host"] = event["headers"]["host"]
    assert event == recorded


@pytest.mark.parametrize("shape", SHAPES)
def test_each_event_has_an_id_of_its_own(shape: str) -> None:
    ids = {make_event(shape, REQUEST)["requestContext"]["requestId"] for _ in range(3)}
    assert len(ids) == 3


@pytest.mark.parametrize("media", [
    "text/plain", "text/plain;charset=UTF-8", "TEXT/HTML", "application/json",
    "application/json; charset=utf-8", "application/javascript", "application/xml",
])
@pytest.mark.parametrize("shape", ["http", "url"])
def test_a_body_of_a_text_type_arrives_as_text(shape: str, media: str) -> None:
    event = make_event(shape, with_body("Très bon 🎬".encode(), media))
    assert (event["body"], event["isBase64Encoded"]) == ("Très bon 🎬", False)


@pytest.mark.parametrize("media", [
    None, "", "application/octet-stream", "application/x-www-form-urlencoded",
    "application/problem+json", "image/png",
])
@pytest.mark.parametrize("shape", ["http", "url"])
def test_a_body_of_any_other_type_arrives_as_base64(shape: str, media: str | None) -> None:
    event = make_event(shape, with_body(b"\x00\xff", media))
    assert base64.b64decode(event["body"]) == b"\x00\xff"
    assert event["isBase64Encoded"] is True


@pytest.mark.parametrize("media", ["text/plain", "image/png", None])
def test_a_rest_api_sends_every_body_as_text(media: str | None) -> None:
    event = make_event("rest", with_body(b"caf\xc3\xa9 \xff", media))
    assert (event["body"], event["isBase64Encoded"]) == ("café \ufffd", False)


@pytest.mark.parametrize(("shape", "absent"), [
    ("http", {}), ("url", {}),
    ("rest", {"body": None, "queryStringParameters": None,
              "multiValueQueryStringParameters": None}),
])
def test_what_was_not_sent_is_absent_or_null(shape: str, absent: dict[str, None]) -> None:
    event = make_event(shape, with_body(b"", "text/plain"))
    names = ("body", "cookies", "queryStringParameters", "multiValueQueryStringParameters")
    assert {name: event[name] for name in names if name in event} == absent


TWICE = replace(REQUEST, query="a=1&b=&a=%26", headers=[
    ("X-A", "1"), ("x-a", "2"), ("Cookie", "k=v; l=w"), ("Cookie", "m=x")])


@pytest.mark.parametrize("shape", ["http", "url"])
def test_in_format_2_what_is_sent_twice_is_joined(shape: str) -> None:
    event = make_event(shape, TWICE)
    assert event["headers"] == {"x-a": "1,2"}
    assert event["cookies"] == ["k=v", "l=w", "m=x"]
    assert event["rawQueryString"] == "a=1&b=&a=%26"
    assert event["queryStringParameters"] == {"a": "1,&", "b": ""}


def test_in_format_1_what_is_sent_twice_is_listed() -> None:
    event = make_event("rest", TWICE)
    assert event["headers"] == {"X-A": "1", "x-a": "2", "Cookie": "m=x"}
    assert event["multiValueHeaders"]["Cookie"] == ["k=v; l=w", "m=x"]
    assert event["queryStringParameters"] == {"a": "&", "b": ""}
    assert event["multiValueQueryStringParameters"] == {"a": ["1", "&"], "b": [""]}


TYPE = ("content-type", "application/json")


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize(("reply", "answer"), [
    ({"statusCode": 200}, Answer(200, [TYPE], b"")),
    ({"statusCode": 204, "body": None, "headers": None}, Answer(204, [TYPE], b"")),
    ({"statusCode": 200, "body": "é", "headers": {"Content-Type": "text/plain", "X-N": 5}},
     Answer(200, [("Content-Type", "text/plain"), ("X-N", "5")], "é".encode())),
    ({"statusCode": 200, "headers": {"Content-Length": "9", "transfer-encoding": "chunked"}},
     Answer(200, [TYPE], b"")),
], ids=str)
def test_a_reply_becomes_an_answer(shape: str, reply: object, answer: Answer) -> None:
    assert read_reply(shape, reply) == answer


@pytest.mark.parametrize("reply", [{"message": "hello"}, [1], "hello", 5, None], ids=str)
def test_format_2_takes_a_value_without_a_status_as_json(reply: object) -> None:
    for shape in ("http", "url"):
        assert read_reply(shape, reply) == Answer(200, [TYPE], json.dumps(reply).encode())
    with pytest.raises(MalformedReplyError):
        read_reply("rest", reply)


def test_format_2_decodes_base64_and_sets_cookies() -> None:
    reply = {"statusCode": 200, "body": "/w==", "isBase64Encoded": True, "cookies": ["a=1", "b=2"]}
    answer = read_reply("http", reply)
    assert answer.body == b"\xff"
    assert answer.headers == [("set-cookie", "a=1"), ("set-cookie", "b=2"), TYPE]


def test_format_1_sends_base64_as_it_is_and_headers_several_times() -> None:
    reply = {"statusCode": 200, "body": "/w==", "isBase64Encoded": True, "headers": {"X": "0"},
             "multiValueHeaders": {"X": ["1", "2"]}}
    answer = read_reply("rest", reply)
    assert answer.body == b"/w=="
    assert answer.headers == [("X", "1"), ("X", "2"), TYPE]


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("reply", [
    {"statusCode": "200"}, {"statusCode": 20}, {"statusCode": True}, {"statusCode": None},
    {"statusCode": 200, "body": {}}, {"statusCode": 200, "body": ["x"]},
    {"statusCode": 200, "headers": ["x"]}, {"statusCode": 200, "headers": "x"},
    {"statusCode": 200, "headers": {"X": "a\r\nSet-Cookie: b"}},
    {"statusCode": 200, "headers": {"X": "é"}},
], ids=str)
def test_another_reply_is_malformed(shape: str, reply: object) -> None:
    with pytest.raises(MalformedReplyError):
        read_reply(shape, reply)


@pytest.mark.parametrize("reply", [
    {"statusCode": 200, "body": "%", "isBase64Encoded": True},
    {"statusCode": 200, "cookies": 5},
], ids=str)
def test_what_only_format_2_reads_is_malformed_only_there(reply: object) -> None:
    with pytest.raises(MalformedReplyError):
        read_reply("http", reply)
    assert read_reply("rest", reply).status == 200
