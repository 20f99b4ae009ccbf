"""The function's surroundings: settings, credentials that are none, and a stand-in to call."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import boto3
import pytest

import runtime_standin
import sentiment_proxy
from proxying import ENDPOINT, PAGE
from runtime_standin import Runtime


@pytest.fixture(scope="session")
def shared_runtime() -> Iterator[Runtime]:
    """No container is behind it: its answers are scripted."""
    with runtime_standin.running({}) as runtime:
        yield runtime


@pytest.fixture
def runtime(shared_runtime: Runtime) -> Runtime:
    """With nothing scripted and nothing seen."""
    shared_runtime.script.clear()
    shared_runtime.seen.clear()
    return shared_runtime


@pytest.fixture(autouse=True)
def surroundings(monkeypatch: pytest.MonkeyPatch, shared_runtime: Runtime) -> Iterator[None]:
    """A machine that has no account, and a function that has just been started."""
    for name, value in {
        "AWS_ACCESS_KEY_ID": "none", "AWS_SECRET_ACCESS_KEY": "none",
        "AWS_DEFAULT_REGION": "us-east-1", "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_CONFIG_FILE": "/dev/null", "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
        "AWS_ENDPOINT_URL_SAGEMAKER_RUNTIME": shared_runtime.url,
        "NO_PROXY": "127.0.0.1", "no_proxy": "127.0.0.1",
        "ENDPOINT_NAME": ENDPOINT, "ALLOWED_ORIGINS": f"https://other.example, {PAGE}",
        "READ_TIMEOUT_SECONDS": "5",
    }.items():
        monkeypatch.setenv(name, value)
    for name in ("AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_REGION", "AWS_MAX_ATTEMPTS",
                 "CORS_BY_PLATFORM", "MAX_BODY_BYTES", "MAX_RECORDS", "MAX_CHARACTERS"):
        monkeypatch.delenv(name, raising=False)
    yield
    sentiment_proxy._settings.cache_clear()
    sentiment_proxy._client.cache_clear()


@pytest.fixture(autouse=True, scope="session")
def boto_session() -> Iterator[None]:
    """What other tests' boto3 remembers is set aside; its own models are read once."""
    before, boto3.DEFAULT_SESSION = boto3.DEFAULT_SESSION, None
    yield
    boto3.DEFAULT_SESSION = before


@pytest.fixture
def logged(capsys: pytest.CaptureFixture[str]) -> Callable[[], list[dict[str, Any]]]:
    """The log since the last look, which must be JSON in every line."""
    return lambda: [json.loads(line) for line in capsys.readouterr().out.splitlines()]
