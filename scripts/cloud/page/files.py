"""The files of the page, made ready for a place, put there, and looked at from outside."""

from __future__ import annotations

import http.client
import json
import re
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from pathlib import Path, PurePath
from urllib.parse import urlsplit

from cloud import ROOT
from cloud.account import Account
from cloud.errors import ScriptError, found
from cloud.waiting import wait

FOLDER = ROOT / "website"
TYPES = {
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}
"""Written down, for a machine's own list of types may say anything."""

# Asked for every time and sent only if it has changed: files of two versions never mix.
_CACHING = "no-cache"

_CONFIG, _INDEX = "config.js", "index.html"
_ADDRESS = re.compile(rb'^export const API = "[^"]*";$', re.MULTILINE)
_CONNECT = b"connect-src 'self'"
_REVIEW = "A lovely film, and far too short."
_GOOD = "as it should be"
_ANSWER_LIMIT_S, _EVERY_S, _SILENCE_S = 180, 5.0, 35


def files(api: str) -> dict[str, bytes]:
    """The page by name of file, so that it sends its reviews to the address `api`.

    Where that is on another origin, the page's own policy lets it go there.

    Raises:
        ScriptError: a file has a type that nobody has named, or the address has no place.
    """
    made = {path.relative_to(FOLDER).as_posix(): path.read_bytes()
            for path in sorted(FOLDER.rglob("*")) if path.is_file() and _is_shown(path)}
    for name in made:
        if PurePath(name).suffix not in TYPES:
            raise ScriptError(f"website/{name}: add the type of such files to TYPES in "
                              "scripts/cloud/page/files.py")
    line = f"export const API = {json.dumps(api)};".encode()
    made[_CONFIG], count = _ADDRESS.subn(lambda _: line, made[_CONFIG])
    if count != 1:
        raise ScriptError(f'website/{_CONFIG} has no line `export const API = "...";` to write '
                          "the address in")
    parts = urlsplit(api)
    if parts.netloc:
        origin = f" {parts.scheme}://{parts.netloc}".encode()
        made[_INDEX] = made[_INDEX].replace(_CONNECT, _CONNECT + origin)
    return made


def _is_shown(path: Path) -> bool:
    hidden = any(part.startswith(".") for part in path.relative_to(FOLDER).parts)
    return not hidden and path.suffix != ".md"


def upload(account: Account, bucket: str, page: Mapping[str, bytes]) -> None:
    """Put the files into their bucket, and remove what is no longer among them."""
    s3 = account.client("s3")
    # The first that a browser asks for is the last to change.
    for name in sorted(page, key=lambda name: (name == _INDEX, name)):
        s3.put_object(Bucket=bucket, Key=name, Body=page[name], CacheControl=_CACHING,
                      ContentType=TYPES[PurePath(name).suffix])
    pager = s3.get_paginator("list_objects_v2")
    there = found(lambda: [entry["Key"] for answer in pager.paginate(Bucket=bucket)
                           for entry in answer.get("Contents", [])]) or []
    for name in sorted({*there} - {*page}):
        s3.delete_object(Bucket=bucket, Key=name)
        print(f"removed {name} from the page", flush=True)
    account.did(f"the page's {len(page)} files are in {bucket}")


def export(page: Mapping[str, bytes], folder: Path) -> None:
    """Write the files into a folder."""
    for name, content in page.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)


def check(account: Account, url: str, api: str, page: Mapping[str, bytes]) -> None:
    """See that the page at `url` is this one, and that a review sent to `api` is answered.

    Raises:
        ScriptError: not within some minutes.
    """
    _ask(account, url, lambda: _GOOD if _fetch(url) == page[_INDEX] else "not this version")
    review = urllib.request.Request(api, json.dumps({"text": _REVIEW}).encode(),  # noqa: S310
                                    {"Content-Type": "application/json"})
    _ask(account, api, lambda: _GOOD if b'"label"' in _fetch(review) else "no answer to a review")


def _ask(account: Account, address: str, ask: Callable[[], str]) -> None:
    said = ""

    def describe() -> dict[str, str]:
        nonlocal said
        try:
            said = ask()
        except urllib.error.HTTPError as error:
            with error:
                said = f"{error.code} {_message(error.read()) or error.reason}"
        except (OSError, http.client.HTTPException) as error:
            said = f"no answer ({error})"
        return {"said": said}

    try:
        wait(account, address, describe, "said", done=(_GOOD,), failed=(),
             limit_s=_ANSWER_LIMIT_S, every_s=_EVERY_S)
    except ScriptError:
        raise ScriptError(
            f"all is deployed, but after {_ANSWER_LIMIT_S / 60:.0f} minutes {address} still says: "
            f"{said}\nThe function's log, /aws/lambda/{account.project}-page, may tell why. Run "
            "this again to look again") from None


def _fetch(request: str | urllib.request.Request) -> bytes:
    with urllib.request.urlopen(request, timeout=_SILENCE_S) as answer:  # noqa: S310
        content: bytes = answer.read()
        return content


def _message(body: bytes) -> str:
    """The function's words for an error."""
    try:
        return str(json.loads(body)["error"]["message"])
    except (ValueError, LookupError, TypeError):
        return ""
