"""One JSON object a line on standard output, for CloudWatch. Source: requirement N8."""

from __future__ import annotations

import json
import logging
import sys
import time
import traceback
from typing import Any

from gunicorn.glogging import Logger


class JsonFormatter(logging.Formatter):
    """`{"time": ..., "level": ..., "message": ...}` and the record's own fields."""

    def format(self, record: logging.LogRecord) -> str:
        stamp = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created))
        entry: dict[str, Any] = {"time": f"{stamp}.{int(record.msecs):03d}Z",
                                 "level": record.levelname, "message": record.getMessage()}
        entry |= getattr(record, "fields", {})
        if record.exc_info:
            entry["trace"] = self.formatException(record.exc_info)
        return json.dumps(entry)


def log_as_json(level: int) -> None:
    """Send everything that is logged in this process to standard output."""
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(JsonFormatter())
    logging.basicConfig(handlers=[handler], level=level, force=True)


class GunicornLogger(Logger):  # type: ignore[misc]
    """gunicorn's messages through the same handler; its access log stays off."""

    def setup(self, cfg: Any) -> None:
        self.error_log.propagate = True
        self.error_log.handlers.clear()
        self.access_log.handlers.clear()
        self.error_log.setLevel(logging.getLogger().level)

    def access(self, resp: Any, req: Any, environ: Any, request_time: Any) -> None:
        return

    def exception(self, msg: str, *args: Any, **kwargs: Any) -> None:
        """Without the exception's own words, which may hold some of the request's text."""
        error = sys.exc_info()[1]
        if isinstance(error, BlockingIOError):
            self.error_log.info("a client stalled and was given up")
        else:
            self.error_log.error("%s (%s)", "a request failed", type(error).__name__, extra={
                "fields": {"trace": "".join(traceback.format_tb(
                    error.__traceback__ if error else None))}})

    def reopen_files(self) -> None:
        return
