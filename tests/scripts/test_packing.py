"""The archive is the same whenever it is built, and has all that the function needs."""

from __future__ import annotations

import io
import json
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

from cloud.account import Account
from cloud.errors import ScriptError
from cloud.page import packing

import pytest
from samtranslator.yaml_helper import yaml_parse

import runtime_standin
from accounts import BUCKET
from proxying import ENDPOINT, make_event
from runtime_standin import Fault

ANSWER = '{"label": "positive", "probability": 0.93}'
CALL = """\
import json, sys
sys.path.insert(0, sys.argv[1])
import boto3, sentiment_proxy
class Context:
    aws_request_id = "1"
    get_remaining_time_in_millis = staticmethod(lambda: 29_000)
reply = sentiment_proxy.handler(json.load(sys.stdin), Context)
print(json.dumps({"boto3": boto3.__file__, "reply": reply}))
"""


@pytest.fixture(scope="session")
def archive() -> bytes:
    return packing.build()


@pytest.fixture
def sources(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of lambda/, to be changed."""
    folder = tmp_path / "lambda"
    shutil.copytree(packing.FOLDER, folder, ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.setattr(packing, "FOLDER", folder)
    monkeypatch.setattr(packing, "REQUIREMENTS", folder / "requirements.txt")
    return folder


def test_two_builds_are_the_same(archive: bytes) -> None:
    assert packing.build() == archive


def test_nothing_depends_on_the_machine(archive: bytes) -> None:
    entries = zipfile.ZipFile(io.BytesIO(archive)).infolist()
    assert [entry.filename for entry in entries] == sorted(entry.filename for entry in entries)
    assert {(entry.date_time, entry.external_attr >> 16, entry.create_system)
            for entry in entries} == {((1980, 1, 1, 0, 0, 0), 0o100644, 3)}


def test_it_has_the_functions_own_files_and_no_others(archive: bytes) -> None:
    names = zipfile.ZipFile(io.BytesIO(archive)).namelist()
    own = {path.name for path in packing.FOLDER.glob("*.py")}
    assert {name for name in names if "/" not in name} == own | {"six.py"}
    assert not [name for name in names if re.search(r"__pycache__|^bin/|\.(pyc|so)$", name)]


def test_it_has_just_what_is_pinned(archive: bytes) -> None:
    names = zipfile.ZipFile(io.BytesIO(archive)).namelist()
    packed = {match[1].replace("_", "-") for name in names
              if (match := re.fullmatch(r"([^/]+)\.dist-info/METADATA", name))}
    pinned = re.findall(r"^(\S+)==(\S+)", packing.REQUIREMENTS.read_text(), re.MULTILINE)
    assert packed == {f"{name}-{version}" for name, version in pinned}


def test_the_handler_answers_where_there_is_nothing_else(archive: bytes, tmp_path: Path) -> None:
    zipfile.ZipFile(io.BytesIO(archive)).extractall(tmp_path)
    with runtime_standin.running({}) as runtime:
        runtime.script.append(Fault(200, raw=ANSWER.encode()))
        done = subprocess.run(
            [sys.executable, "-I", "-S", "-c", CALL, tmp_path], timeout=60, capture_output=True,
            input=json.dumps(make_event('{"text": "A fine film."}')), text=True,
            env={"ENDPOINT_NAME": ENDPOINT, "AWS_ENDPOINT_URL_SAGEMAKER_RUNTIME": runtime.url,
                 "AWS_ACCESS_KEY_ID": "none", "AWS_SECRET_ACCESS_KEY": "none",
                 "AWS_DEFAULT_REGION": "us-east-1", "NO_PROXY": "127.0.0.1"})
        assert (done.returncode, done.stderr) == (0, "")
        assert [seen.endpoint for seen in runtime.seen] == [ENDPOINT]
    said = json.loads(done.stdout.splitlines()[-1])
    assert said["boto3"].startswith(str(tmp_path))
    assert (said["reply"]["statusCode"], said["reply"]["body"]) == (200, ANSWER)


def test_it_is_packed_for_the_platform_of_the_template() -> None:
    template = yaml_parse((packing.FOLDER / "template.yaml").read_text())
    function = template["Resources"]["Function"]["Properties"]
    assert function["Runtime"] == f"python{packing._PYTHON}"
    # Without a word about it, Lambda takes this one.
    assert "Architectures" not in function and packing._PLATFORM.endswith("x86_64")


@pytest.mark.parametrize("name", ["reviews.py", "requirements.txt", "new.py"])
def test_its_name_changes_with_what_goes_in(sources: Path, name: str) -> None:
    before = packing.digest()
    with (sources / name).open("a") as file:
        file.write("# changed\n")
    assert packing.digest() != before


@pytest.mark.parametrize("name", ["README.md", "template.yaml"])
def test_its_name_does_not_change_with_what_stays_out(sources: Path, name: str) -> None:
    before = packing.digest()
    (sources / name).write_text("changed\n")
    assert packing.digest() == before


def test_it_is_sent_once(account: Account, bucket: str, monkeypatch: pytest.MonkeyPatch,
                         capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(packing, "build", lambda: b"archive")
    uri = packing.upload(account)
    monkeypatch.setattr(packing, "build", lambda: pytest.fail("built again"))
    assert packing.upload(account) == uri == f"s3://{BUCKET}/page/function-{packing.digest()}.zip"
    assert "in the bucket already" in capsys.readouterr().out
    sent = account.client("s3").get_object(Bucket=BUCKET, Key=uri.split("/", 3)[3])
    assert sent["Body"].read() == b"archive"


def test_what_pip_says_is_passed_on(sources: Path) -> None:
    (sources / "requirements.txt").write_text("no such line\n")
    with pytest.raises(ScriptError) as raised:
        packing.build()
    assert "Invalid requirement" in str(raised.value) and "requirements.txt" in str(raised.value)


def test_more_than_lambda_takes_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packing, "_install", lambda folder: None)
    monkeypatch.setattr(packing, "_UNPACKED_BYTES", 1000)
    with pytest.raises(ScriptError, match=r"Lambda takes 0; name less there"):
        packing.build()
