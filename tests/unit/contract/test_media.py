from __future__ import annotations

import pytest

from contract.errors import RequestError
from contract.serving import media
from contract.serving.media import CSV, JSON, JSON_LINES, NUMPY, PLAIN, MediaType

TEXT_REQUEST = MediaType(PLAIN, PLAIN)


@pytest.mark.parametrize(("header", "spelled", "meant"), [
    ("application/json", JSON, JSON),
    ("APPLICATION/JSON", JSON, JSON),
    ("text/json", "text/json", JSON),
    ("application/jsonlines", JSON_LINES, JSON_LINES),
    ("application/x-jsonlines", "application/x-jsonlines", JSON_LINES),
    ("application/x-ndjson", "application/x-ndjson", JSON_LINES),
    ("application/jsonl", "application/jsonl", JSON_LINES),
    ("text/csv; label_size=0", CSV, CSV),
    ("application/csv", "application/csv", CSV),
    (" text/plain ; charset=utf-8", PLAIN, PLAIN),
    ("application/x-npy", NUMPY, NUMPY),
])
def test_each_content_type_is_known_by_all_its_names(header: str, spelled: str, meant: str) -> None:
    known = media.request_type(header, b"")
    assert (known.spelled, known.meant) == (spelled, meant)


@pytest.mark.parametrize("header", [None, "", "application/octet-stream"])
@pytest.mark.parametrize(("body", "meant"), [
    (b'{"text": "x"}', JSON), (b'\n ["x"]', JSON), (b'\xef\xbb\xbf{"text": "x"}', JSON),
    (b"A fine film", PLAIN), (b"", PLAIN)])
def test_without_a_type_the_first_character_tells(header: str | None, body: bytes,
                                                  meant: str) -> None:
    assert media.request_type(header, body).meant == meant


@pytest.mark.parametrize("header", ["image/png", "json", "text", "application/", "a;b", "text/html",
                                    "multipart/form-data; boundary=x", "*/*"])
def test_any_other_content_type_is_415_with_the_supported_ones(header: str) -> None:
    with pytest.raises(RequestError) as raised:
        media.request_type(header, b"")
    assert raised.value.status == 415
    assert all(name in str(raised.value) for name in media.SUPPORTED)


@pytest.mark.parametrize(("charset", "known"), [
    ("utf-8", "utf-8"), ('"UTF-8"', "utf-8"), ("utf8", "utf-8"), ("US-ASCII", "ascii"),
    ("latin-1", "iso8859-1"), ("windows-1252", "cp1252"), ("utf-16", "utf-16")])
def test_charsets_for_text_are_known(charset: str, known: str) -> None:
    assert media.request_type(f"text/plain; charset={charset}", b"").charset == known


@pytest.mark.parametrize("charset", ["klingon", "zlib", "hex", "idna", "rot13", "unicode_escape",
                                     "a\x00b", "..", "x" * 500])
def test_any_other_charset_is_415(charset: str) -> None:
    with pytest.raises(RequestError) as raised:
        media.request_type(f'text/plain; charset="{charset}"', b"")
    assert raised.value.status == 415
    assert "send UTF-8" in str(raised.value)


@pytest.mark.parametrize("header", [None, "", "*/*", "text/*", "*/*;q=0.1"])
def test_without_a_wish_the_answer_has_the_type_of_the_request(header: str | None) -> None:
    assert media.answer_type(header, TEXT_REQUEST, None) == MediaType(PLAIN, PLAIN)


@pytest.mark.parametrize("header", [None, "", "*/*"])
def test_without_a_wish_a_configured_default_comes_first(header: str | None) -> None:
    assert media.answer_type(header, TEXT_REQUEST, CSV).meant == CSV


@pytest.mark.parametrize(("header", "spelled"), [
    ("application/json", JSON),
    ("Application/JSON", JSON),
    ("application/json; charset=utf-8", JSON),
    ("text/csv; q=0.3, application/json; q=0.7", JSON),
    ("image/webp, application/json;q=0.1", JSON),
    ("application/json, */*", JSON),
    ("application/json, text/plain, */*", PLAIN),
    ("application/*", JSON),
    ("application/x-ndjson", "application/x-ndjson"),
    ("text/plain;q=0, */*", JSON),
    ("text/html, */*;q=0.8", PLAIN),
])
def test_accept_chooses_the_type_of_the_answer(header: str, spelled: str) -> None:
    assert media.answer_type(header, TEXT_REQUEST, None).spelled == spelled


def test_an_alias_in_the_request_is_the_type_of_the_answer() -> None:
    sent = media.request_type("application/x-jsonlines; charset=utf-8", b"")
    assert media.answer_type(None, sent, None) == MediaType("application/x-jsonlines", JSON_LINES)


@pytest.mark.parametrize("header", ["image/png", "text/html", "application/json;q=0", "*/*;q=0",
                                    "x", "video/*"])
def test_what_cannot_be_made_is_406_with_the_supported_types(header: str) -> None:
    with pytest.raises(RequestError) as raised:
        media.answer_type(header, TEXT_REQUEST, None)
    assert raised.value.status == 406
    assert all(name in str(raised.value) for name in media.SUPPORTED)


@pytest.mark.parametrize(("spelled", "good"), [
    (JSON, True), ("application/x-ndjson", True), ("text/html", False), ("", False)])
def test_a_configured_default_is_checked(spelled: str, good: bool) -> None:
    assert media.check_default(spelled) is good
