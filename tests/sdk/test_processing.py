"""The SDK's local mode runs processing jobs with the image.

On one host only: its Docker Compose stops all others as soon as the first has done its part.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import boto3
import pytest
from sagemaker.core.local.local_session import LocalSession

import corpus
from image.engine import Image
from processing_jobs import lines, request

pytestmark = pytest.mark.filterwarnings("ignore:unclosed file:ResourceWarning")


def run(image: Image, workshop: Path, reviews: Path, output: Path, *words: str) -> None:
    session = LocalSession(boto3.Session(region_name="us-east-1"))
    session.config = {"local": {"container_root": str(workshop),
                                "container_config": {"labels": [image.engine.label]}}}
    asked: dict[str, Any] = request(["reviews"], ["splits"])
    asked["ProcessingInputs"][0]["S3Input"]["S3Uri"] = f"file://{reviews}"
    asked["ProcessingOutputConfig"]["Outputs"][0]["S3Output"]["S3Uri"] = f"file://{output}"
    # Its compose file knows arguments only after an entry point.
    session.sagemaker_client.create_processing_job(
        **{**asked, "AppSpecification": {"ImageUri": image.tag, "ContainerEntrypoint": ["process"],
                                         "ContainerArguments": list(words)}},
        ProcessingResources={"ClusterConfig": {"InstanceType": "local", "InstanceCount": 1}})


@pytest.fixture
def reviews(workshop: Path) -> Path:
    place = Path(tempfile.mkdtemp(dir=workshop))
    corpus.write_corpus(place, train=40, test=20)
    place.chmod(0o755)
    return place


def test_a_local_job_writes_its_splits_to_its_output(image: Image, programs: None, workshop: Path,
                                                     reviews: Path) -> None:
    output = Path(tempfile.mkdtemp(dir=workshop))
    run(image, workshop, reviews, output, "prepare", "--validation-fraction", "0.2")
    found = {name: len(lines(output / name)) for name in ("train", "validation", "test")}
    assert found == {"train": 32, "validation": 8, "test": 20}
