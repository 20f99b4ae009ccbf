"""The function's settings."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

import settings
from proxying import call, review
from settings import Settings, SettingsError, read_settings

NAMED = {"ENDPOINT_NAME": "sentiment"}


def test_the_name_of_the_endpoint_is_all_that_must_be_set() -> None:
    assert read_settings(NAMED) == Settings(
        endpoint_name="sentiment", allowed_origins=frozenset(), cors_by_platform=False,
        max_body_bytes=1_000_000, max_records=100, max_characters=20_000, read_timeout=11)


class _Watched(dict[str, str]):
    """Remembers the names that were asked for."""

    def __init__(self) -> None:
        super().__init__(NAMED)
        self.asked: set[str] = set()

    def get(self, name: str, default: Any = None) -> Any:
        self.asked.add(name)
        return super().get(name, default)


def test_the_manual_lists_every_setting() -> None:
    environment = _Watched()
    read_settings(environment)
    manual = Path(settings.__file__).with_name("README.md").read_text()
    table = manual.partition("## Settings")[2].partition("\n## ")[0]
    assert set(re.findall(r"^\| `([A-Z_]+)`", table, re.MULTILINE)) == environment.asked


@pytest.mark.parametrize(("raw", "expected"), [
    ("", set()), (" , ", set()),
    ("https://a.example", {"https://a.example"}),
    ("https://a.example, http://localhost:8000,", {"https://a.example", "http://localhost:8000"}),
])
def test_origins_are_a_list(raw: str, expected: set[str]) -> None:
    assert read_settings({**NAMED, "ALLOWED_ORIGINS": raw}).allowed_origins == expected


@pytest.mark.parametrize(("name", "raw", "advice"), [
    ("ENDPOINT_NAME", "", "expected the name of an endpoint"),
    ("ENDPOINT_NAME", "-a", "expected the name of an endpoint"),
    ("ENDPOINT_NAME", "a-", "expected the name of an endpoint"),
    ("ENDPOINT_NAME", "a_b", "expected the name of an endpoint"),
    ("ENDPOINT_NAME", "a" * 64, "expected the name of an endpoint"),
    ("ALLOWED_ORIGINS", "*", "* is not accepted"),
    ("ALLOWED_ORIGINS", "https://a.example/", "without a path"),
    ("ALLOWED_ORIGINS", "a.example", "such as https://"),
    ("ALLOWED_ORIGINS", "https://A.example", "lower case"),
    ("CORS_BY_PLATFORM", "yes", "expected true or false"),
    ("MAX_BODY_BYTES", "4500001", "from 1 to 4500000"),
    ("MAX_RECORDS", "0", "from 1 to 10000"),
    ("MAX_CHARACTERS", "many", "a whole number"),
    ("READ_TIMEOUT_SECONDS", "1.5", "a whole number from 1 to 60"),
    ("READ_TIMEOUT_SECONDS", "9" * 5000, "a whole number from 1 to 60"),
])
def test_a_value_that_cannot_be_used_is_named_with_what_may_be(
    name: str, raw: str, advice: str
) -> None:
    with pytest.raises(SettingsError, match=name) as caught:
        read_settings({**NAMED, name: raw})
    assert advice in str(caught.value)
    assert len(str(caught.value)) < 300


def test_a_function_that_is_not_set_up_says_so_to_its_operator_only(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("ENDPOINT_NAME")
    reply = call(review())
    assert reply.status == 500
    assert "ENDPOINT_NAME" not in reply.body
    assert "ENDPOINT_NAME" in capsys.readouterr().out


@pytest.mark.parametrize("name", ["a", "Reviews-2", "a--b", "a" * 63])
def test_a_name_that_the_platform_takes_is_taken(name: str) -> None:
    assert read_settings({"ENDPOINT_NAME": name}).endpoint_name == name
