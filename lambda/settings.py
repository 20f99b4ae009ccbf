"""The function's settings from environment variables. lambda/README.md has the table."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

_ENDPOINT = re.compile(r"[a-zA-Z0-9](-*[a-zA-Z0-9])*")
_ORIGIN = re.compile(r"https?://[a-z0-9.-]+(:[0-9]{1,5})?")


class SettingsError(Exception):
    """A variable is missing or cannot be used; the message names it and what it may be."""


@dataclass(frozen=True, kw_only=True)
class Settings:
    """How to forward."""

    endpoint_name: str
    allowed_origins: frozenset[str]
    """Pages that may read the answers, as browsers send them in `Origin`."""
    cors_by_platform: bool
    """Whether an HTTP API or a function URL adds the CORS headers itself."""
    max_body_bytes: int
    max_records: int
    max_characters: int
    """Of one review."""
    read_timeout: int
    """Seconds that the endpoint may stay silent, in each of two attempts."""


def read_settings(environment: Mapping[str, str]) -> Settings:
    """Read all settings.

    Raises:
        SettingsError: one of them is missing or cannot be used.
    """
    return Settings(
        endpoint_name=_endpoint(environment.get("ENDPOINT_NAME", "").strip()),
        allowed_origins=_origins(environment.get("ALLOWED_ORIGINS", "")),
        cors_by_platform=_truth(environment, "CORS_BY_PLATFORM"),
        # Lambda takes 6 MB, and base64 adds a third.
        max_body_bytes=_whole(environment, "MAX_BODY_BYTES", 1_000_000, 1, 4_500_000),
        max_records=_whole(environment, "MAX_RECORDS", 100, 1, 10_000),
        max_characters=_whole(environment, "MAX_CHARACTERS", 20_000, 1, 1_000_000),
        # The platform gives the container 60 seconds.
        read_timeout=_whole(environment, "READ_TIMEOUT_SECONDS", 11, 1, 60),
    )


def _endpoint(name: str) -> str:
    if not _ENDPOINT.fullmatch(name) or len(name) > 63:
        raise SettingsError(f"ENDPOINT_NAME={name[:70]!r}: expected the name of an endpoint, up to "
                            "63 letters, digits and inner hyphens")
    return name


def _origins(raw: str) -> frozenset[str]:
    origins = frozenset(origin.strip() for origin in raw.split(",") if origin.strip())
    for origin in sorted(origins):
        if not _ORIGIN.fullmatch(origin):
            raise SettingsError(f"ALLOWED_ORIGINS has {origin[:70]!r}: expected origins such as "
                                "https://example.com, in lower case, without a path, separated by "
                                "commas; * is not accepted")
    return origins


def _truth(environment: Mapping[str, str], name: str) -> bool:
    raw = environment.get(name, "").strip().lower()
    if raw not in ("", "true", "false"):
        raise SettingsError(f"{name}={raw[:20]!r}: expected true or false")
    return raw == "true"


def _whole(environment: Mapping[str, str], name: str, default: int, low: int, high: int) -> int:
    raw = environment.get(name, "").strip()
    if not raw:
        return default
    if not (raw.isascii() and raw.isdigit() and len(raw) < 12 and low <= int(raw) <= high):
        raise SettingsError(f"{name}={raw[:20]!r}: expected a whole number from {low} to {high}")
    return int(raw)
