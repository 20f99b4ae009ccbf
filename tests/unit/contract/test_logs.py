from __future__ import annotations

import json
import logging
import re
import sys
from collections.abc import Iterator
from typing import Any

import pytest
from gunicorn.config import Config

from contract.serving.logs import GunicornLogger, JsonFormatter, log_as_json


def entry(record: logging.LogRecord) -> dict[str, Any]:
    line = JsonFormatter().format(record)
    assert "\n" not in line
    value: dict[str, Any] = json.loads(line)
    return value


def record(message: str, *arguments: object, **more: Any) -> logging.LogRecord:
    made = logging.LogRecord("name", logging.WARNING, "file.py", 1, message, arguments, None)
    made.__dict__.update(more)
    return made


@pytest.fixture
def root() -> Iterator[logging.Logger]:
    """The root logger, put back as it was."""
    logger = logging.getLogger()
    handlers, level = logger.handlers[:], logger.level
    try:
        yield logger
    finally:
        logger.handlers[:] = handlers
        logger.setLevel(level)


def test_an_entry_has_time_level_and_message() -> None:
    made = entry(record("%d workers", 2))
    assert (made["level"], made["message"]) == ("WARNING", "2 workers")
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", made["time"])


def test_fields_stand_beside_the_message() -> None:
    made = entry(record("request", fields={"status": 200, "ms": 1.5}))
    assert (made["status"], made["ms"]) == (200, 1.5)


@pytest.mark.parametrize("text", ["two\nlines", "return\r", "quote \" and \\", "é 🎬", "\ud800",
                                  "\u2028"])
def test_any_text_is_one_line_of_json(text: str) -> None:
    assert entry(record("%s", text))["message"] == text


def test_a_trace_is_one_member_of_the_entry() -> None:
    try:
        raise ZeroDivisionError("told")
    except ZeroDivisionError:
        made = entry(record("failed", exc_info=sys.exc_info()))
    assert "ZeroDivisionError: told" in made["trace"]


def test_everything_that_is_logged_goes_to_standard_output(
        root: logging.Logger, capsys: pytest.CaptureFixture[str]) -> None:
    log_as_json(logging.INFO)
    logging.getLogger("anyone").info("heard")
    logging.getLogger("anyone").debug("not heard")
    out, err = capsys.readouterr()
    assert [json.loads(line)["message"] for line in out.splitlines()] == ["heard"]
    assert err == ""


def test_gunicorns_messages_come_as_json_and_its_access_log_does_not(
        root: logging.Logger, capsys: pytest.CaptureFixture[str]) -> None:
    log_as_json(logging.INFO)
    logger = GunicornLogger(Config())
    logger.info("Booting worker with pid: %s", 7)
    logger.access(None, None, {}, None)
    logger.reopen_files()
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line["message"] for line in lines] == ["Booting worker with pid: 7"]
