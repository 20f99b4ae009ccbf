"""The page and its API stand in the account, in front of an endpoint that answers.

moto has no CloudFront and no API in its stacks: what the template says of them is proven in
tests/lambda/test_template.py, and whether they answer only an account can tell.
"""

from __future__ import annotations

import io
import zipfile
from pathlib import Path
from typing import Any

from cloud.account import Account
from cloud.page import files as page
from cloud.page import packing

import pytest

import deploy_page
from accounts import ACCOUNT, BUCKET, PROJECT, REGION, Script
from stack_standin import API, Stacks

STACK = f"{PROJECT}-page"
API_URL = f"https://{API}.execute-api.{REGION}.amazonaws.com/predict"
VARIANT = {"VariantName": "main", "ModelName": "m", "InstanceType": "ml.m5.large",
           "InitialInstanceCount": 1}


def _make_endpoint(account: Account, name: str, **more: Any) -> None:
    sagemaker = account.client("sagemaker")
    sagemaker.create_model(ModelName="m", PrimaryContainer={"Image": "image"},
                           ExecutionRoleArn=f"arn:aws:iam::{ACCOUNT}:role/serving")
    sagemaker.create_endpoint_config(EndpointConfigName=name, ProductionVariants=[VARIANT], **more)
    sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=name, Tags=account.tags)


@pytest.fixture
def endpoint(stack_server: Stacks, account: Account, bucket: str) -> str:
    """In service, and with the project's name."""
    _make_endpoint(account, PROJECT)
    return PROJECT


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """The function without boto3, which takes seconds to fetch; test_packing.py has the whole."""
    def build() -> bytes:
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w") as archive:
            archive.writestr("sentiment_proxy.py", "")
        return buffer.getvalue()
    monkeypatch.setattr(packing, "build", build)


@pytest.fixture
def visits(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str]]:
    """Addresses of pages and APIs that would be asked in the end; here nobody answers there."""
    asked: list[tuple[str, str]] = []
    monkeypatch.setattr(page, "check", lambda account, url, api, files: asked.append((url, api)))
    return asked


@pytest.fixture
def domain(stack_server: Stacks) -> Any:
    """Gives the distribution's, when there is one."""
    return lambda: stack_server.distribution["Distribution.DomainName"]


def _parameters(account: Account) -> dict[str, str]:
    [stack] = account.client("cloudformation").describe_stacks(StackName=STACK)["Stacks"]
    return {each["ParameterKey"]: each["ParameterValue"] for each in stack["Parameters"]}


def test_it_ends_with_a_page_and_an_api_that_are_asked(
        endpoint: str, script: Script, visits: list[tuple[str, str]], domain: Any) -> None:
    done = script("deploy_page")
    assert (done.status, done.err) == (0, "")
    url = f"https://{domain()}/"
    assert visits == [(url, f"{url}predict")]
    assert f"made    the page {url}\n        the API {API_URL}\n" in done.out


def test_the_function_is_the_packed_one_in_front_of_the_endpoint(
        endpoint: str, account: Account, script: Script) -> None:
    script("deploy_page", "--no-check")
    name = account.stack_outputs(STACK)["FunctionName"]
    function = account.client("lambda").get_function(FunctionName=name)
    assert function["Configuration"]["Environment"]["Variables"]["ENDPOINT_NAME"] == endpoint
    [sent] = account.client("s3").list_objects_v2(Bucket=BUCKET)["Contents"]
    assert sent["Key"] == f"page/function-{packing.digest()}.zip"
    assert function["Configuration"]["CodeSize"] == sent["Size"]


def test_the_page_is_in_its_bucket_with_the_address_of_the_api(
        endpoint: str, account: Account, script: Script) -> None:
    script("deploy_page", "--no-check")
    s3, place = account.client("s3"), account.stack_outputs(STACK)["PageBucket"]
    there = {entry["Key"] for entry in s3.list_objects_v2(Bucket=place)["Contents"]}
    assert there == page.files("/predict").keys()
    config = s3.get_object(Bucket=place, Key="config.js")["Body"].read().decode()
    assert 'export const API = "/predict";' in config


def test_no_copy_of_an_older_page_is_kept_by_the_distribution(
        endpoint: str, account: Account, script: Script) -> None:
    script("deploy_page", "--no-check")
    cloudfront = account.client("cloudfront")
    distribution = account.stack_outputs(STACK)["DistributionId"]
    [listed] = cloudfront.list_invalidations(
        DistributionId=distribution)["InvalidationList"]["Items"]
    made = cloudfront.get_invalidation(DistributionId=distribution, Id=listed["Id"])
    assert made["Invalidation"]["InvalidationBatch"]["Paths"]["Items"] == ["/*"]


def test_the_functions_role_has_the_boundary_that_the_policies_name(
        endpoint: str, account: Account, script: Script) -> None:
    script("create_roles")
    script("deploy_page", "--no-check")
    boundary = f"arn:aws:iam::{ACCOUNT}:policy/{PROJECT}-function-boundary"
    assert _parameters(account)["RoleBoundaryArn"] == boundary
    iam = account.client("iam")
    [role] = [role for role in iam.list_roles()["Roles"] if role["RoleName"].startswith(STACK)]
    bound = iam.get_role(RoleName=role["RoleName"])["Role"]["PermissionsBoundary"]
    assert bound["PermissionsBoundaryArn"] == boundary


def test_the_second_time_sends_and_changes_nothing_of_the_function(
        endpoint: str, script: Script) -> None:
    script("deploy_page", "--no-check")
    done = script("deploy_page", "--no-check")
    assert (done.status, done.err) == (0, "")
    assert "code is in the bucket already" in done.out
    assert f"the stack {STACK} is up to date" in done.out


def test_options_are_parameters_and_stay(
        endpoint: str, account: Account, script: Script) -> None:
    topic = f"arn:aws:sns:{REGION}:{ACCOUNT}:told"
    script("deploy_page", "--no-check", "--endpoint", f"{PROJECT}-b", "--alarm-topic", topic,
           "--requests-per-second", 3, "--allowed-origins", "https://a.example", "https://b.example")
    script("deploy_page", "--no-check", "--requests-per-second", 4)
    found = _parameters(account)
    assert (found["EndpointName"], found["AlarmTopicArn"]) == (f"{PROJECT}-b", topic)
    assert found["AllowedOrigins"] == "https://a.example,https://b.example"
    assert found["RequestsPerSecond"] == "4"


def test_all_parameters_of_the_template_are_known(
        endpoint: str, account: Account, script: Script, stack_server: Stacks) -> None:
    script("deploy_page", "--no-check")
    script("deploy_page", "--no-check", "--requests-per-second", 4)
    sent = {value for name, value in stack_server.asked[-1].items() if "ParameterKey" in name}
    assert sent == _parameters(account).keys()


def test_a_copy_for_another_host_calls_the_api_itself(
        endpoint: str, script: Script, tmp_path: Path) -> None:
    script("deploy_page", "--no-check", "--export", tmp_path / "site")
    assert API_URL in (tmp_path / "site" / "config.js").read_text()
    assert f"https://{API}." in (tmp_path / "site" / "index.html").read_text()


def test_without_an_endpoint_nothing_is_made(
        stack_server: Stacks, account: Account, bucket: str, script: Script) -> None:
    done = script("deploy_page")
    assert done.status == 1
    assert f"there is no endpoint {PROJECT}; make it with" in done.err and "--no-check" in done.err
    assert not stack_server.asked


def test_an_asynchronous_endpoint_is_none_for_a_page(
        stack_server: Stacks, account: Account, script: Script) -> None:
    _make_endpoint(account, PROJECT, AsyncInferenceConfig={
        "OutputConfig": {"S3OutputPath": f"s3://{BUCKET}/async/output"}})
    done = script("deploy_page")
    assert done.status == 1 and "is asynchronous" in done.err
    assert not stack_server.asked


def test_a_template_of_another_form_is_refused(
        endpoint: str, script: Script, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    template = tmp_path / "template.yaml"
    template.write_text(deploy_page.TEMPLATE.read_text().replace("CodeUri: .", "CodeUri: src/"))
    monkeypatch.setattr(deploy_page, "TEMPLATE", template)
    done = script("deploy_page")
    assert done.status == 1 and "has no line `CodeUri: .`" in done.err


@pytest.mark.usefixtures("no_account")
def test_a_dry_run_without_an_account_shows_every_request(script: Script, tmp_path: Path) -> None:
    done = script("deploy_page", "--dry-run", "--export", tmp_path / "site")
    assert (done.status, done.err) == (0, "")
    assert done.sent[:1] == ["s3 CreateBucket"] and done.sent[-1] == "cloudfront CreateInvalidation"
    assert [line for line in done.sent if line.startswith("cloudformation")] == [
        "cloudformation CreateChangeSet", "cloudformation ExecuteChangeSet"]
    assert done.sent.count("s3 PutObject") == len(page.files("/predict")) + 1
    assert not (tmp_path / "site").exists()


def test_a_dry_run_with_an_account_sends_nothing(
        endpoint: str, account: Account, script: Script, stack_server: Stacks) -> None:
    done = script("deploy_page", "--dry-run")
    assert (done.status, done.err) == (0, "")
    assert not stack_server.asked
    assert not account.client("s3").list_objects_v2(Bucket=BUCKET).get("Contents")
