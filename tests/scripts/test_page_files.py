"""The files of the page: with the address in them, in their bucket, and as a visitor gets them."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from cloud.account import Account
from cloud.errors import ScriptError
from cloud.page import files as page

import pytest

import gateway
import runtime_standin
from accounts import BUCKET, PROJECT
from answering import answering
from runtime_standin import Fault

API = "https://a1b2.execute-api.eu-central-1.amazonaws.com/predict"


@pytest.fixture
def sources(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of website/, to be changed."""
    folder = tmp_path / "website"
    shutil.copytree(page.FOLDER, folder)
    monkeypatch.setattr(page, "FOLDER", folder)
    return folder


@contextmanager
def _site(*faults: Fault) -> Iterator[str]:
    """The page with the real handler behind it; the model's answers are scripted."""
    with (
        runtime_standin.running({}) as runtime,
        gateway.make_function(runtime.url) as function,
        answering(gateway.Gateway(("127.0.0.1", 0), gateway.WEBSITE, function,
                                  "http")) as server,
    ):
        runtime.script.extend(faults)
        yield f"http://127.0.0.1:{server.server_port}/"


def test_the_address_is_the_only_difference() -> None:
    made = page.files("/elsewhere")
    assert {name for name in made if made[name] != (page.FOLDER / name).read_bytes()} == {
        "config.js"}
    assert b'\nexport const API = "/elsewhere";\n' in made["config.js"]
    assert made.keys() == {path.name for path in page.FOLDER.iterdir() if path.suffix != ".md"}


def test_an_address_on_another_origin_is_let_through_by_the_pages_policy() -> None:
    made = page.files(API)
    assert f'export const API = "{API}";'.encode() in made["config.js"]
    own = re.findall(rb"connect-src [^;]*;", (page.FOLDER / "index.html").read_bytes())
    assert re.findall(rb"connect-src [^;]*;", made["index.html"]) == [
        rule.replace(b";", b" https://a1b2.execute-api.eu-central-1.amazonaws.com;")
        for rule in own] != []


def test_types_are_those_of_the_local_gateway() -> None:
    assert page.TYPES == gateway.CONTENT_TYPES


@pytest.mark.parametrize(("name", "content", "complaint"), [
    ("photo.bmp", "", "website/photo.bmp: add the type"),
    ("config.js", "export const API = there;\n", "config.js has no line"),
    ("config.js", 'export const API = "a";\nexport const API = "b";\n', "config.js has no line"),
])
def test_what_cannot_be_made_ready_is_named(
        sources: Path, name: str, content: str, complaint: str) -> None:
    (sources / name).write_text(content)
    with pytest.raises(ScriptError, match=complaint):
        page.files("/predict")


@pytest.mark.parametrize("name", [".secret", ".cache/a.js", "README.md"])
def test_what_is_not_for_visitors_stays_here(sources: Path, name: str) -> None:
    (sources / name).parent.mkdir(exist_ok=True)
    (sources / name).write_text("a")
    assert name not in page.files("/predict")


def test_the_bucket_has_the_files_and_no_others(
        account: Account, bucket: str, capsys: pytest.CaptureFixture[str]) -> None:
    s3 = account.client("s3")
    s3.put_object(Bucket=BUCKET, Key="old.js", Body=b"")
    made = page.files("/predict")
    for _ in range(2):
        page.upload(account, BUCKET, made)
    there = {entry["Key"] for entry in s3.list_objects_v2(Bucket=BUCKET)["Contents"]}
    assert there == made.keys()
    assert s3.get_object(Bucket=BUCKET, Key="config.js")["Body"].read() == made["config.js"]
    assert capsys.readouterr().out.count("removed old.js") == 1


@pytest.mark.parametrize(("name", "media"), [
    ("index.html", "text/html; charset=utf-8"), ("config.js", "text/javascript; charset=utf-8"),
    ("base.css", "text/css; charset=utf-8"), ("icon.svg", "image/svg+xml")])
def test_each_file_says_what_it_is_and_is_always_asked_for(
        account: Account, bucket: str, name: str, media: str) -> None:
    page.upload(account, BUCKET, {name: b"content"})
    head = account.client("s3").head_object(Bucket=BUCKET, Key=name)
    assert (head["ContentType"], head["CacheControl"]) == (media, "no-cache")


def test_the_first_file_that_a_browser_asks_for_changes_last(no_account: None) -> None:
    account = Account(PROJECT, dry_run=True)
    page.upload(account, BUCKET, page.files("/predict"))
    assert account.dry_run
    assert account.dry_run.requests[-1][2]["Key"] == "index.html"


def test_a_copy_can_be_written(tmp_path: Path) -> None:
    made = page.files(API)
    for _ in range(2):
        page.export(made, tmp_path / "new" / "site")
    assert {path.name: path.read_bytes() for path in (tmp_path / "new" / "site").iterdir()} == made


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(page, "_EVERY_S", 0.01)
    monkeypatch.setattr(page, "_ANSWER_LIMIT_S", 0.5)


GOOD = Fault(200, raw=b'{"label": "positive", "probability": 0.93}')
BUSY = Fault(429, "ThrottlingException", {"message": "Rate exceeded"})


@pytest.mark.parametrize("faults", [[GOOD], [BUSY, BUSY, BUSY, BUSY, GOOD]])
def test_a_page_that_answers_is_found_good(
        account: Account, impatient: None, capsys: pytest.CaptureFixture[str],
        monkeypatch: pytest.MonkeyPatch, faults: list[Fault]) -> None:
    monkeypatch.setattr(page, "_ANSWER_LIMIT_S", 60)
    with _site(*faults) as address:
        page.check(account, address, f"{address}predict", page.files("/predict"))
    assert f"{address}predict: as it should be" in capsys.readouterr().out


@pytest.mark.parametrize(("content", "fault", "complaint"), [
    (b"another", GOOD, "/ still says: not this version"),
    (None, Fault(200, raw=b"1"), "/predict still says: no answer to a review"),
    (None, Fault(400, "ValidationError", {"Message": "Endpoint a of account 1 not found."}),
     "/predict still says: 503 the model is not deployed"),
])
def test_a_page_that_does_not_answer_as_it_should_is_told(
        account: Account, impatient: None, content: bytes | None, fault: Fault, complaint: str
) -> None:
    made = page.files("/predict")
    made["index.html"] = content or made["index.html"]
    with _site(*[fault] * 200) as address, pytest.raises(ScriptError) as raised:
        page.check(account, address, f"{address}predict", made)
    assert complaint in str(raised.value) and f"/aws/lambda/{PROJECT}-page" in str(raised.value)


def test_a_page_that_cannot_be_reached_is_told(account: Account, impatient: None) -> None:
    with pytest.raises(ScriptError, match=r"127\.0\.0\.1:1/ still says: no answer"):
        page.check(account, "http://127.0.0.1:1/", "http://127.0.0.1:1/predict", {})
