"""The function's life: import, client, time and log."""

from __future__ import annotations

import ast
import json
import os
import subprocess
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import pytest

import sentiment_proxy
from proxying import ENDPOINT, LAMBDA_REQUEST_ID, call, make_event, recorded, review
from runtime_standin import Fault, Runtime

FOLDER = Path(sentiment_proxy.__file__).parent
MODULES = sorted(FOLDER.glob("*.py"))
Logged = Callable[[], list[dict[str, Any]]]


def _imports(path: Path) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found.add((node.module or "").partition(".")[0])
    return found


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.name)
def test_it_needs_boto3_and_nothing_else(path: Path) -> None:
    own = {module.stem for module in MODULES}
    assert _imports(path) - set(sys.stdlib_module_names) <= own | {"boto3", "botocore"}


def test_the_stand_in_shares_no_code_with_it() -> None:
    stand_in = FOLDER.parent / "local_test" / "runtime_standin.py"
    assert _imports(stand_in) <= set(sys.stdlib_module_names)


def test_an_import_reads_no_settings_and_makes_no_client(tmp_path: Path) -> None:
    program = """
import boto3
boto3.client = boto3.setup_default_session = None
import sentiment_proxy
assert boto3.DEFAULT_SESSION is None
"""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", program], cwd=tmp_path, capture_output=True,
        text=True, timeout=60, env={"PATH": os.environ["PATH"], "PYTHONPATH": str(FOLDER),
                                    "PYTHONDONTWRITEBYTECODE": "1"})
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_the_client_is_made_once(runtime: Runtime) -> None:
    runtime.script.extend([Fault(200, raw=b"1")] * 3)
    assert [call(review()).status for _ in range(3)] == [200] * 3
    assert sentiment_proxy._client.cache_info().misses == 1


@pytest.mark.parametrize(("configured", "left_ms", "expected"), [
    ("11", 29_000, 11), ("11", 28_500, 11), ("3", 29_000, 3), ("60", 29_000, 11),
    ("60", 900_000, 60), ("11", 15_000, 4), ("11", 8_000, 1),
])
def test_all_attempts_end_before_lambda_ends_the_function(
    configured: str, left_ms: int, expected: int, runtime: Runtime,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("READ_TIMEOUT_SECONDS", configured)
    runtime.script.append(Fault(200, raw=b"1"))
    assert call(review(), left_ms).status == 200
    config = sentiment_proxy._client(expected).meta.config
    assert sentiment_proxy._client.cache_info().misses == 1
    attempts = config.retries["total_max_attempts"]
    assert (config.read_timeout, config.retries["mode"], attempts) == (expected, "standard", 2)
    assert attempts * (config.connect_timeout + config.read_timeout) + 1 < left_ms / 1000


def test_too_little_time_is_a_timeout_without_a_call(runtime: Runtime, logged: Logged) -> None:
    assert call(review(), left_ms=3_000).status == 504
    assert "raise the function's timeout" in logged()[0]["detail"]
    assert runtime.seen == []


def test_the_log_has_one_line_a_request(runtime: Runtime, logged: Logged) -> None:
    runtime.script.append(Fault(200, raw=b"[1, 0]"))
    call(make_event('["Fine.", "Bad."]'))
    [entry] = logged()
    assert entry.pop("ms") >= 0
    assert entry == {
        "request_id": recorded("http_api")["requestContext"]["requestId"],
        "lambda_request_id": LAMBDA_REQUEST_ID, "method": "POST", "status": 200, "reviews": 2,
        "bytes_in": 17, "bytes_out": 6}


SECRET = "Nobody may read this."


@pytest.mark.parametrize("event", [
    review(SECRET), make_event(SECRET), make_event(json.dumps({"text": SECRET, "x": [SECRET]})),
    make_event(json.dumps([SECRET, {SECRET: SECRET}])), make_event(SECRET, "text/csv"),
    make_event(SECRET.encode() + b"\xff", "text/plain"), review(SECRET, method="GET"),
])
@pytest.mark.parametrize("fault", [
    Fault(200, raw=SECRET.encode()), Fault(400, "ValidationError", {"Message": SECRET}),
    Fault(424, "ModelError", {"OriginalStatusCode": 400, "OriginalMessage":
                              json.dumps({"error": {"message": SECRET}})}),
    Fault(530, "InternalDependencyException", {"Message": SECRET}),
    Fault(418, "SomethingNew", {"Message": SECRET}),
], ids=["answered", "refused", "model error", "service's fault", "undocumented"])
def test_the_log_never_has_any_text(
    fault: Fault, event: dict[str, Any], runtime: Runtime, capsys: pytest.CaptureFixture[str]
) -> None:
    runtime.script.append(fault)
    call(event)
    out, err = capsys.readouterr()
    assert (err, len(out.splitlines())) == ("", 1)
    assert SECRET not in out


def test_a_bug_is_answered_and_traced_without_values(
    monkeypatch: pytest.MonkeyPatch, logged: Logged
) -> None:
    def broken(read_timeout: int) -> Any:
        raise RuntimeError(SECRET)

    monkeypatch.setattr(sentiment_proxy, "_client", cache(broken))
    reply = call(review())
    assert reply.status == 500
    assert SECRET not in reply.body
    [entry] = logged()
    assert entry["error"] == "RuntimeError"
    assert "_invoke" in entry["trace"]
    assert SECRET not in json.dumps(entry)


def test_the_endpoint_is_the_one_of_the_settings(runtime: Runtime) -> None:
    runtime.script.append(Fault(200, raw=b"1"))
    call(review())
    assert runtime.seen[0].endpoint == ENDPOINT
    assert "/us-east-1/sagemaker/aws4_request" in runtime.seen[0].headers["Authorization"]
