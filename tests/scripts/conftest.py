"""AWS as far as moto's server goes, over real HTTP, and the scripts run against it."""

from __future__ import annotations

import functools
import importlib
import urllib.request
from collections.abc import Iterator
from pathlib import Path

from cloud import stacks
from cloud.account import Account

import pytest
from botocore.loaders import JSONFileLoader
from moto.server import ThreadedMotoServer

import stack_standin
from accounts import BUCKET, PROJECT, REGION, Finished, Script
from stack_standin import Stacks


@pytest.fixture(scope="session", autouse=True)
def descriptions_read_once() -> Iterator[None]:
    """Each session of botocore reads anew how the services look, which is most of a test's time."""
    read = functools.cache(JSONFileLoader().load_file)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(JSONFileLoader, "load_file", lambda _, path: read(path))
        yield


@pytest.fixture(scope="session")
def moto_server() -> Iterator[str]:
    """The address of a server that stands for all of AWS."""
    server = ThreadedMotoServer(port=0, verbose=False)
    server.start()
    try:
        host, port = server.get_host_and_port()
        yield f"http://{host}:{port}"
    finally:
        server.stop()


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch, moto_server: str) -> str:
    """An empty account, reached through the environment as any user would; gives the address."""
    urllib.request.urlopen(urllib.request.Request(
        f"{moto_server}/moto-api/reset", method="POST")).close()
    _forget_settings(monkeypatch)
    for name, value in {"AWS_ENDPOINT_URL": moto_server, "AWS_ACCESS_KEY_ID": "none",
                        "AWS_SECRET_ACCESS_KEY": "none", "AWS_DEFAULT_REGION": REGION}.items():
        monkeypatch.setenv(name, value)
    return moto_server


@pytest.fixture
def stack_server(aws: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Stacks]:
    """CloudFormation with change sets that are like AWS's, in front of moto."""
    with stack_standin.running(aws) as server:
        monkeypatch.setenv("AWS_ENDPOINT_URL_CLOUDFORMATION", server.url)
        monkeypatch.setattr(stacks, "_EVERY_S", 0.01)
        yield server


@pytest.fixture
def no_account(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine where nobody has signed in, and from which nothing may be sent."""
    _forget_settings(monkeypatch)
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    monkeypatch.setenv("AWS_DEFAULT_REGION", REGION)


def _forget_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_REGION", "AWS_ACCESS_KEY_ID",
                 "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name, raising=False)
    for name, value in {"AWS_EC2_METADATA_DISABLED": "true", "AWS_CONFIG_FILE": "/dev/null",
                        "AWS_SHARED_CREDENTIALS_FILE": "/dev/null", "NO_PROXY": "127.0.0.1",
                        "no_proxy": "127.0.0.1"}.items():
        monkeypatch.setenv(name, value)


@pytest.fixture
def account(aws: str) -> Account:
    """The same account and project that the scripts work in."""
    return Account(PROJECT)


@pytest.fixture
def bucket(account: Account) -> str:
    """The project's bucket, made beforehand.

    A bucket that the scripts make takes only TLS, and moto, which looks at no conditions, would
    let nobody in.
    """
    account.client("s3").create_bucket(
        Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": REGION})
    account.client("s3").put_bucket_tagging(Bucket=BUCKET, Tagging={"TagSet": account.tags})
    return BUCKET


@pytest.fixture
def script(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Script:
    """Runs a script's `main` with these words, with an empty project file: `script("status")`."""
    file = tmp_path / "project.toml"
    file.touch()

    def call(name: str, *words: object) -> Finished:
        capsys.readouterr()
        try:
            status = importlib.import_module(name).main(
                ["--project-file", str(file), *map(str, words)])
        except SystemExit as ended:  # argparse
            status = int(ended.code or 0)
        return Finished(status, *capsys.readouterr())

    return call
