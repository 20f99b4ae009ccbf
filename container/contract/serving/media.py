"""Content types: which one came, which one is wanted. Sources: requirements S11, S12, S18."""

from __future__ import annotations

import codecs
from dataclasses import dataclass

from werkzeug.datastructures import MIMEAccept
from werkzeug.http import parse_accept_header, parse_options_header

from contract.errors import RequestError

JSON = "application/json"
JSON_LINES = "application/jsonlines"
CSV = "text/csv"
PLAIN = "text/plain"
NUMPY = "application/x-npy"

# All names of each type; the first is the one that is meant elsewhere.
_NAMES = {
    JSON: JSON, "text/json": JSON,
    JSON_LINES: JSON_LINES, "application/x-jsonlines": JSON_LINES,
    "application/x-ndjson": JSON_LINES, "application/jsonl": JSON_LINES,
    CSV: CSV, "application/csv": CSV,
    PLAIN: PLAIN,
    NUMPY: NUMPY,
}
SUPPORTED = (JSON, JSON_LINES, CSV, PLAIN, NUMPY)

# What boto3 sends when the caller names no type: as good as none.
_UNNAMED = ("", "application/octet-stream")

# Charsets in use for text; a codec such as "zlib" or "idna" is none.
_CHARSETS = {"utf-8", "ascii", "iso8859-1", "iso8859-15", "cp1252", "utf-16", "utf-16-le",
             "utf-16-be"}


@dataclass(frozen=True)
class MediaType:
    """A content type as the caller wrote it, and the supported type that it means."""

    spelled: str
    meant: str
    charset: str = "utf-8"


def request_type(header: str | None, start: bytes) -> MediaType:
    """The type of a body. Without a header, JSON is told by the first character of its `start`.

    Raises:
        RequestError: 415, the type or its charset is not supported.
    """
    spelled, options = parse_options_header(header or "")
    spelled = spelled.strip().lower()
    if spelled in _UNNAMED:
        first = start[:64].removeprefix(codecs.BOM_UTF8).lstrip()[:1]
        spelled = JSON if first in (b"{", b"[") else PLAIN
    if spelled not in _NAMES:
        raise RequestError(415, f"Content-Type {spelled[:60]!r} is not supported; send one of "
                                f"{', '.join(SUPPORTED)}")
    return MediaType(spelled, _NAMES[spelled], _charset(options.get("charset", "utf-8")))


def _charset(name: str) -> str:
    try:
        known = codecs.lookup(name.strip()).name
    except (LookupError, ValueError):
        known = ""
    if known not in _CHARSETS:
        raise RequestError(415, f"charset {name[:40]!r} is not supported; send UTF-8")
    return known


def answer_type(header: str | None, request: MediaType, default: str | None) -> MediaType:
    """The type to answer in: what `Accept` asks for, else the default, else what was sent.

    The answer is spelled as the caller spelled it, because batch transform joins input and output
    only when both types are equal.

    Raises:
        RequestError: 406, nothing that is accepted can be made.
    """
    own = default or request.spelled
    # Parameters such as a charset are wishes that no type of ours hangs on.
    wanted = MIMEAccept([(name.partition(";")[0].strip(), quality) for name, quality
                         in parse_accept_header(header or None, MIMEAccept)])
    if not wanted:
        return MediaType(own, _NAMES[own])
    spelled = wanted.best_match([own, *(name for name in _NAMES if name != own)])
    if spelled is None:
        raise RequestError(406, f"Accept {(header or '')[:60]!r} cannot be answered; ask for one "
                                f"of {', '.join(SUPPORTED)}")
    return MediaType(spelled, _NAMES[spelled])


def check_default(spelled: str) -> bool:
    """Whether a configured default answer type is supported."""
    return spelled in _NAMES
