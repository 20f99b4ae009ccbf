"""RecordIO, the framing in which the platform wraps the records of a pipe. Source: requirement T17.

Each part is a head of two little-endian words, the content, and zeros up to a multiple of four
bytes. The first word of the head never changes; the second has the content's length in its lower 29
bits, and above them whether the record is whole or goes on in the next part. Parts are joined as
they are, as AWS's own reader does. MXNet's puts the first word between two parts, because its
writer cuts where the content itself has that word; UTF-8 never has it.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import BinaryIO

from contract.errors import UserError

MAGIC = 0xCED7230A
MOST_IN_PART = (1 << 29) - 1
"""Bytes of content that the head can say."""

WHOLE, FIRST, MIDDLE, LAST = range(4)
"""What a part is of its record: the upper three bits of the head's second word."""

_HEAD = struct.Struct("<II")
_BLOCK = 1 << 16


def chunks(stream: BinaryIO, name: str) -> Iterator[tuple[bytes, bool]]:
    """The content of all records, some bytes at a time, and whether a record ends with them.

    Memory does not grow with a record, which may be a whole S3 object.

    Args:
        stream: its `read(n)` gives fewer than n bytes at the end only.
        name: what messages call it by.

    Raises:
        UserError: the framing is damaged or cut off; the message has the place in bytes.
    """
    at, inside = 0, False

    def take(count: int, least: int | None = None) -> bytes:
        nonlocal at
        content = stream.read(count)
        at += len(content)
        if len(content) not in (count, least):
            raise UserError(f"{name} byte {at}: the RecordIO data is cut off inside a record; "
                            "upload the object again")
        return content

    while head := take(_HEAD.size, least=0):
        magic, word = _HEAD.unpack(head)
        kind, left = word >> 29, word & MOST_IN_PART
        if magic != MAGIC or kind not in ((MIDDLE, LAST) if inside else (WHOLE, FIRST)):
            raise UserError(f"{name} byte {at - len(head)}: no RecordIO record begins here; upload "
                            "the object again, or give the channel another RecordWrapperType")
        inside, more = kind in (FIRST, MIDDLE), True
        while more:
            content = take(min(left, _BLOCK))
            left -= len(content)
            more = left > 0
            yield content, not inside and not more
        take(-at % 4)
    if inside:
        raise UserError(f"{name} byte {at}: the last RecordIO record has no end; upload the object "
                        "again")


def records(parts: Iterator[tuple[bytes, bool]], longest: int, name: str) -> Iterator[bytes]:
    """Each record as a whole, from what `chunks` gives.

    Raises:
        UserError: a record has more than `longest` bytes, or what `chunks` raises.
    """
    record = bytearray()
    for content, ends in parts:
        record += content
        if len(record) > longest:
            raise UserError(f"{name}: a RecordIO record has more than {longest:,} bytes")
        if ends:
            yield bytes(record)
            record.clear()
