"""The job in docs/processing.md: what the SDK asks for, and that the container understands it."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Any

from cloud.account import Account

import pytest
import sagemaker.core.processing as sdk
from botocore.exceptions import ClientError
from sagemaker.core.helper.session_helper import Session

from accounts import ACCOUNT, BUCKET, PROJECT, REGION
from executables import CONTAINER, running
from processing_jobs import lay_out, lines, write_config

PAGE = Path(__file__).resolve().parents[2] / "docs" / "processing.md"
NAMES = {"IMAGE": f"{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com/{PROJECT}:cpu",
         "ROLE": f"arn:aws:iam::{ACCOUNT}:role/{PROJECT}-training"}
QUIET = {"SchemaVersion": "1.0",
         "SageMaker": {"PythonSDK": {"Modules": {"TelemetryOptOut": True}}}}


@pytest.fixture
def request_(no_account: None, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What the page's own code would send; botocore has found nothing wrong with it."""
    account = Account(PROJECT, dry_run=True)
    assert account.dry_run is not None
    session = Session(account.session, default_bucket=BUCKET, sagemaker_config=QUIET)
    monkeypatch.setattr(sdk, "Session", lambda: session)
    [code] = re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)
    try:
        exec(code, dict(NAMES))
    except ClientError as error:  # it waits for what it believes to have created
        assert error.operation_name == "DescribeProcessingJob"
    [(_, name, sent)] = account.dry_run.requests
    assert name == "CreateProcessingJob"
    return sent


def test_the_words_reach_the_entry_point_of_the_image(request_: dict[str, Any]) -> None:
    assert request_["AppSpecification"] == {
        "ImageUri": NAMES["IMAGE"],
        "ContainerArguments": ["process", "prepare", "--validation-fraction", "0.1"]}


def test_the_container_finds_its_inputs_and_outputs_in_the_request(
        request_: dict[str, Any], tmp_path: Path) -> None:
    rows = (json.dumps({"label": number % 2, "text": f"Film {number}"}) for number in range(40))
    lay_out(tmp_path, {"reviews": {"reviews.jsonl": "\n".join(rows)}}, ["splits"])
    write_config(tmp_path, request_)
    words = request_["AppSpecification"]["ContainerArguments"]
    with running(sys.executable, CONTAINER / words[0], *words[1:], "--root", tmp_path,
                 output=tmp_path / "log") as job:
        assert job.wait() == 0, job.log
    assert len(lines(tmp_path / "processing" / "splits" / "validation")) == 4
