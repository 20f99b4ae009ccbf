"""Look at a body before it is paid for: its type, its size and its shape.

The body goes on as it came, byte for byte; what is decoded here is only counted.
"""

from __future__ import annotations

import json
from typing import Any

from failures import RefusalError
from settings import Settings

JSON = "application/json"
PLAIN = "text/plain"

_UNNAMED = ("", "application/octet-stream")
_CHARSETS = ("", "utf-8", "utf8", "us-ascii")


def check(body: bytes, content_type: str, settings: Settings) -> tuple[str, int]:
    """The media type to forward, and the number of reviews.

    Raises:
        RefusalError: 400, 413 or 415; the message says what to change.
    """
    if len(body) > settings.max_body_bytes:
        raise RefusalError(413, f"the body has {len(body)} bytes; at most "
                                f"{settings.max_body_bytes} are taken")
    media = _media_type(content_type, body)
    try:
        text = body.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise RefusalError(400, "the body is not UTF-8") from None
    if not text.strip():
        raise RefusalError(400, "the body is empty; send a review")
    reviews = [text] if media == PLAIN else _texts(text)
    if len(reviews) > settings.max_records:
        raise RefusalError(413, f"the request has {len(reviews)} reviews; at most "
                                f"{settings.max_records} are taken")
    for place, review in enumerate(reviews, 1):
        if len(review) > settings.max_characters:
            raise RefusalError(413, f"review {place} has {len(review)} characters; at most "
                                    f"{settings.max_characters} are taken")
    return media, len(reviews)


def _media_type(header: str, body: bytes) -> str:
    """Without a type, JSON is told by its first character, as the container does."""
    media, *parameters = [part.strip().lower() for part in header.split(";")]
    if media in _UNNAMED:
        media = JSON if body.lstrip()[:1] in (b"{", b"[") else PLAIN
    if media not in (JSON, PLAIN):
        raise RefusalError(415, f"Content-Type {media[:60]!r} is not taken; send {PLAIN} or {JSON}")
    options = dict(part.partition("=")[::2] for part in parameters)
    charset = options.get("charset", "").strip('"')
    if charset not in _CHARSETS:
        raise RefusalError(415, f"charset {charset[:40]!r} is not taken; send UTF-8")
    return media


def _texts(text: str) -> list[str]:
    """The reviews of a JSON body: one object, a list, or a list under `instances`."""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        raise RefusalError(400, "the body is not JSON") from None
    if isinstance(value, dict) and "instances" in value:
        value = value["instances"]
    elif isinstance(value, dict):
        return [_text(value, "the body")]
    if not isinstance(value, list) or not value:
        raise RefusalError(400, 'expected {"text": "..."}, a list of reviews, or '
                                '{"instances": [...]}')
    return [_text(record, f"review {place}") for place, record in enumerate(value, 1)]


def _text(record: Any, name: str) -> str:
    text = record.get("text") if isinstance(record, dict) else record
    if not isinstance(text, str):
        raise RefusalError(400, f'{name} must be a text or an object with a text "text"')
    return text
