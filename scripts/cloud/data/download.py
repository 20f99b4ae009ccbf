"""Fetch a large file over a connection that may break: go on where it ended, never mix versions."""

from __future__ import annotations

import http.client
import json
import ssl
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from cloud.errors import ScriptError

from tqdm import tqdm

TRIES = 5
"""Attempts in a row that may bring nothing new."""
PAUSE_S = 1.0
"""Before the second attempt; doubled before each of the next."""

_CHUNK = 1 << 16
_STALLED_S = 60.0
_PASSING = {408, 429, 500, 502, 503, 504}
# What a network does; a full disk, for example, is an OSError too, and not among them.
_NETWORK = (urllib.error.URLError, http.client.HTTPException, ConnectionError, TimeoutError,
            ssl.SSLError)


def download(url: str, part: Path) -> None:
    """Fetch `url` into `part`, or what is missing of it; `part` with `.json` says of what it is.

    Raises:
        ScriptError: the server has no such file, or does not answer; `part` stays for the next
            time.
    """
    if urlsplit(url).scheme not in ("http", "https"):
        raise ScriptError(f"{url} cannot be fetched; give an address with https:// or http://")
    part.parent.mkdir(parents=True, exist_ok=True)
    failures = 0
    while True:
        had = _size(part)
        try:
            _fetch(url, part)
            _note(part).unlink(missing_ok=True)
            return
        except _NETWORK as error:
            if isinstance(error, urllib.error.HTTPError):
                error.close()
                if error.code not in _PASSING:
                    raise ScriptError(f"{url}: the server answers {error.code} {error.reason}; "
                                      "check the address") from error
            failures = 1 if _size(part) > had else failures + 1
            why = error.reason if type(error) is urllib.error.URLError else error
            if isinstance(why, ssl.SSLCertVerificationError):
                raise ScriptError(f"{url}: {why}\nThis Python does not know who vouches for the "
                                  "server. On macOS, run Install Certificates.command in the "
                                  "folder of Python; where a company's proxy is between, name its "
                                  "certificate in the variable SSL_CERT_FILE") from error
            if failures == TRIES:
                raise ScriptError(f"{url}: {why}, {TRIES} times in a row. Run the same command "
                                  "again to go on where this ended") from error
            pause = PAUSE_S * 2 ** (failures - 1)
            print(f"{why}; next attempt in {pause:g} s", flush=True)
            time.sleep(pause)


def _fetch(url: str, part: Path) -> None:
    """One attempt. Raises one of `_NETWORK`."""
    offset, version = _so_far(url, part)
    # If-Range: the rest if it is the same version, else all of it.
    headers = {"Range": f"bytes={offset}-", "If-Range": version} if offset else {}
    request = urllib.request.Request(url, headers=headers)  # noqa: S310 (http or https)
    try:
        response = urllib.request.urlopen(request, timeout=_STALLED_S)  # noqa: S310
    except urllib.error.HTTPError as error:
        if error.code != 416 or not offset:
            raise
        error.close()
        if error.headers.get("Content-Range") == f"bytes */{offset}":
            return  # all of it was there
        part.unlink()
        raise ConnectionError("what was fetched before is not a part of the file") from error
    with response:
        if response.status == 206:
            _check_continues(response.headers, offset, version, part)
        else:
            # In this order: at no time are there bytes of one version and the name of another.
            part.write_bytes(b"")
            _note(part).write_text(json.dumps({"url": url, "version": _version(response.headers)}))
        _append(response, part)


def _append(response: Any, part: Path) -> None:
    """Raises ConnectionError: the connection was closed early."""
    begin = _size(part)
    total = _total(response.headers, begin)
    with part.open("ab") as file, tqdm(total=total, initial=begin, desc="download", unit="B",
                                       unit_scale=True, disable=None) as bar:
        while chunk := response.read(_CHUNK):
            file.write(chunk)
            bar.update(len(chunk))
    if total is not None and _size(part) != total:
        raise ConnectionError(f"the connection was closed after {_size(part)} of {total} bytes")


def _total(headers: Any, begin: int) -> int | None:
    """Bytes of the whole file, if the server says; it may send less of a range than was asked."""
    whole = str(headers.get("Content-Range")).rpartition("/")[2]
    if whole.isdigit():
        return int(whole)
    length = headers.get("Content-Length")
    return begin + int(length) if length else None


def _check_continues(headers: Any, offset: int, version: str, part: Path) -> None:
    """Raises ConnectionError: these bytes belong elsewhere; the next attempt starts over."""
    begins_here = str(headers.get("Content-Range")).startswith(f"bytes {offset}-")
    if not begins_here or _version(headers) not in ("", version):
        part.unlink()
        raise ConnectionError("the server sent other bytes than those that were missing")


def _so_far(url: str, part: Path) -> tuple[int, str]:
    """Bytes that are there and the version they are of; 0 where they cannot be gone on from."""
    try:
        note = json.loads(_note(part).read_text())
    except (OSError, ValueError):
        return 0, ""
    version = note.get("version")
    return (_size(part), version) if note.get("url") == url and version else (0, "")


def _version(headers: Any) -> str:
    """A strong ETag; without one nothing says that two answers are parts of one file."""
    tag = str(headers.get("ETag") or "")
    return "" if tag.startswith("W/") else tag


def _note(part: Path) -> Path:
    return part.with_name(f"{part.name}.json")


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0
