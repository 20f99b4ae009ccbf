"""What an earlier script made is found by the later one."""

from __future__ import annotations

from collections.abc import Callable

from cloud import journey
from cloud.account import Account
from cloud.errors import ScriptError

import pytest

from accounts import ACCOUNT, PROJECT, REGION

REGISTRY = f"{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com"


def _train(account: Account, name: str, project: str = PROJECT) -> None:
    account.client("sagemaker").create_training_job(
        TrainingJobName=name, Tags=[{"Key": "project", "Value": project}],
        RoleArn=f"arn:aws:iam::{ACCOUNT}:role/r",
        AlgorithmSpecification={"TrainingImage": "i", "TrainingInputMode": "File"},
        OutputDataConfig={"S3OutputPath": "s3://b/training"},
        ResourceConfig={"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 1},
        StoppingCondition={"MaxRuntimeInSeconds": 60})


def test_the_newest_model_is_taken(account: Account) -> None:
    _train(account, f"{PROJECT}-1")
    _train(account, f"{PROJECT}-2")
    _train(account, f"{PROJECT}-b-3", project=f"{PROJECT}-b")
    assert f"/{PROJECT}-2/" in journey.model(account)
    assert f"/{PROJECT}-1/" in journey.model(account, f"{PROJECT}-1")


def test_the_newest_model_is_found_behind_many_of_another_project(account: Account) -> None:
    # AWS gives ten at a time where moto gives all.
    account.client("sagemaker").meta.events.register(
        "provide-client-params.sagemaker.ListTrainingJobs",
        lambda params, **_: {**params, "MaxResults": 2})
    for name in ("b-1", "b-2", "1", "b-3", "b-4"):
        _train(account, f"{PROJECT}-{name}", project=PROJECT if name == "1" else f"{PROJECT}-b")
    assert f"/{PROJECT}-1/" in journey.model(account)


def test_an_image_is_named_by_its_digest(account: Account) -> None:
    ecr = account.client("ecr")
    ecr.create_repository(repositoryName=PROJECT)
    ecr.put_image(repositoryName=PROJECT, imageManifest='{"schemaVersion": 2}',
                  imageManifestMediaType="application/vnd.docker.distribution.manifest.v2+json",
                  imageTag="cpu")
    assert journey.image(account, "cpu").startswith(f"{REGISTRY}/{PROJECT}@sha256:")


def test_a_role_comes_from_the_stack(account: Account) -> None:
    account.client("cloudformation").create_stack(StackName=f"{PROJECT}-roles", TemplateBody="""
Resources:
  Topic: {Type: "AWS::SNS::Topic"}
Outputs:
  TrainingRoleArn: {Value: "arn:training"}
""")
    assert journey.role(account, "Training") == "arn:training"
    assert journey.role(account, "Training", "arn:mine") == "arn:mine"


@pytest.mark.parametrize(("ask", "script"), [
    (lambda account: journey.model(account), "train_model.py"),
    (lambda account: journey.image(account, "gpu"), "push_image.py gpu"),
    (lambda account: journey.role(account, "Serving"), "create_roles.py"),
])
def test_what_is_missing_is_said_with_the_script_that_makes_it(
        account: Account, ask: Callable[[Account], str], script: str) -> None:
    with pytest.raises(ScriptError, match=script):
        ask(account)


def test_a_dry_run_without_an_account_goes_on_with_names(no_account: None) -> None:
    dry = Account(PROJECT, dry_run=True)
    assert journey.image(dry, "cpu").endswith(f"/{PROJECT}:cpu")
    assert journey.model(dry).endswith("/training/JOB/output/model.tar.gz")
    assert journey.role(dry, "Training").endswith(f"role/{PROJECT}-training")
