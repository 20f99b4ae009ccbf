"""Strategies for content that is nearly right."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import strategies as st

_PIECES = (b"\0", b"\xff", b"\n", b"\r\n", b'"', b"'", b",", b"{", b"[", b"\x1f\x8b",
           b"\xef\xbb\xbf", b"NaN", b"-1", b"1e999", b"9" * 30, b"../", b"\xed\xa0\x80")

Edit = tuple[str, float, float, bytes]

edits: st.SearchStrategy[list[Edit]] = st.lists(st.tuples(
    st.sampled_from(["insert", "replace", "delete", "cut", "repeat"]),
    st.floats(0, 1), st.floats(0, 0.05),
    st.one_of(st.sampled_from(_PIECES), st.binary(max_size=8))), min_size=1, max_size=4)


def edited(content: bytes, changes: list[Edit]) -> bytes:
    """`content` after the changes; places are shares of its length, so that they fit any."""
    for kind, place, share, piece in changes:
        start = int(place * len(content))
        end = start + 1 + int(share * len(content))
        content = {
            "insert": content[:start] + piece + content[start:],
            "replace": content[:start] + piece + content[start + len(piece):],
            "delete": content[:start] + content[end:],
            "cut": content[:start],
            "repeat": content[:end] + content[start:],
        }[kind]
    return content


scalars = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=20),
    st.sampled_from(["0", "-1", "1e400", "nan", "inf", "None", '"', '""', "9" * 5000, "1_000",
                     "\u0661", "\ud800", "true", "[1, 2]", "../../etc/passwd", "\0"]))
values: st.SearchStrategy[Any] = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(
        st.text(max_size=8), inner, max_size=3), max_leaves=6)


def objects(names: list[str], inner: st.SearchStrategy[Any] = values) -> st.SearchStrategy[Any]:
    """JSON objects with some of the names, and with others."""
    return st.dictionaries(st.one_of(st.sampled_from(names), st.text(max_size=12)), inner,
                           max_size=5)


def written(value: object) -> bytes:
    """As JSON, which may have what Python's own reader would not write: lone surrogates."""
    return json.dumps(value).encode()
