"""Pipes as the platform fills them: a FIFO for each channel and epoch, written once."""

from __future__ import annotations

import json
import os
import struct
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from contract.inputs import recordio


def part(content: bytes, kind: int = recordio.WHOLE) -> bytes:
    """A record, or one part of it, as it stands in RecordIO."""
    head = struct.pack("<II", recordio.MAGIC, kind << 29 | len(content))
    return head + content + bytes(-len(content) % 4)


def wrapped(*contents: str | bytes) -> bytes:
    """Some records."""
    return b"".join(part(content.encode() if isinstance(content, str) else content)
                    for content in contents)


def lay_out(root: Path, channels: Mapping[str, Mapping[str, str]]) -> Path:
    """Describe channels in Pipe mode, with what more is said of each; returns where pipes lie."""
    config, data = root / "input" / "config", root / "input" / "data"
    for folder in (config, data):
        folder.mkdir(parents=True, exist_ok=True)
    (config / "inputdataconfig.json").write_text(json.dumps({
        name: {"TrainingInputMode": "Pipe", "S3DistributionType": "FullyReplicated", **more}
        for name, more in channels.items()}))
    return data


@contextmanager
def feeding(directory: Path, *turns: tuple[str, Sequence[bytes]]) -> Iterator[None]:
    """Make the FIFOs, and fill them one after the other, each with its pieces, in a thread.

    No pipe is begun before the one before it was read to its end.
    """
    for name, _ in turns:
        os.mkfifo(directory / name)

    def fill() -> None:
        with suppress(BrokenPipeError):  # whoever reads may end early
            for name, pieces in turns:
                with (directory / name).open("wb", buffering=0) as pipe:
                    for piece in pieces:
                        pipe.write(piece)

    writer = threading.Thread(target=fill)
    writer.start()
    try:
        yield
    finally:
        while writer.is_alive():  # waiting for a reader who never came
            for name, _ in turns:
                os.close(os.open(directory / name, os.O_RDONLY | os.O_NONBLOCK))
            writer.join(0.05)
