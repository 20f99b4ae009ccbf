from __future__ import annotations

import io
import os
import pty
import re
import termios
import time

import pytest

from contract.running.progress import Progress, clock


class _Time:
    """A clock that goes on by `step` seconds at each look."""

    def __init__(self, step: float) -> None:
        self.now, self.step = 100.0, step

    def __call__(self) -> float:
        self.now += self.step
        return self.now


def _run(stream: io.TextIOBase, count: int) -> None:
    with Progress("epoch 1/2", count * 10, "reviews", stream=stream) as bar:  # type: ignore[arg-type]
        for _ in range(count):
            bar.advance(10)


def test_a_log_gets_whole_lines_and_no_carriage_return(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "monotonic", _Time(6.0))
    stream = io.StringIO()
    _run(stream, 3)
    lines = stream.getvalue().splitlines()
    assert "\r" not in stream.getvalue()
    assert len(lines) == 3
    assert re.fullmatch(r"epoch 1/2: 10 of 30 reviews, \d+ reviews/s, \d+:\d\d left", lines[0])


def test_a_log_gets_a_line_every_few_seconds_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "monotonic", _Time(0.01))
    stream = io.StringIO()
    _run(stream, 1000)  # ten seconds and some
    assert 1 <= len(stream.getvalue().splitlines()) <= 3


def test_a_terminal_gets_a_bar() -> None:
    reader, writer = pty.openpty()
    termios.tcsetwinsize(writer, (24, 80))
    os.set_blocking(reader, False)
    try:
        with os.fdopen(writer, "w") as terminal:
            _run(terminal, 3)
            shown = os.read(reader, 65536).decode()
    finally:
        os.close(reader)
    assert "\r" in shown
    assert "epoch 1/2" in shown
    assert "%" in shown


def test_the_rate_counts_what_was_done_here(monkeypatch: pytest.MonkeyPatch) -> None:
    now = _Time(0.0)
    monkeypatch.setattr(time, "monotonic", now)
    bar = Progress("epoch 1/2", 1000, "reviews", done=500, stream=io.StringIO())
    assert bar.line() == "epoch 1/2: 500 of 1000 reviews, 0 reviews/s, unknown time left"
    now.now += 4.0
    bar.advance(100)
    assert bar.line() == "epoch 1/2: 600 of 1000 reviews, 25 reviews/s, 0:16 left"


@pytest.mark.parametrize(("seconds", "text"), [
    (0, "0:00"), (9.4, "0:09"), (59.6, "1:00"), (61, "1:01"), (3600, "1:00:00"),
    (3661, "1:01:01"), (360_000, "100:00:00"),
])
def test_a_duration_is_written_as_a_clock_does(seconds: float, text: str) -> None:
    assert clock(seconds) == text
