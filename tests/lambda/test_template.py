"""The template, checked by the linter and by the translator that a deployment uses."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import boto3
import pytest
from samtranslator.parser.parser import Parser
from samtranslator.translator.translator import Translator
from samtranslator.yaml_helper import yaml_parse

import sentiment_proxy
from settings import read_settings

FOLDER = Path(sentiment_proxy.__file__).parent
TEMPLATE = FOLDER / "template.yaml"
ROOT = FOLDER.parent
ORIGINS = "https://a.example,http://localhost:8000"


@pytest.fixture(scope="module")
def template() -> dict[str, Any]:
    """As it is written."""
    parsed: dict[str, Any] = yaml_parse(TEMPLATE.read_text())
    return parsed


@pytest.fixture(scope="module")
def translated() -> dict[str, Any]:
    """What CloudFormation is given."""
    source = yaml_parse(TEMPLATE.read_text())
    # `sam package` uploads the folder and puts its address here.
    source["Resources"]["Function"]["Properties"]["CodeUri"] = "s3://bucket/function.zip"
    translator = Translator(managed_policy_map={}, sam_parser=Parser(),
                            boto_session=boto3.Session(region_name="us-east-1"))
    made: dict[str, Any] = translator.translate(
        source, parameter_values={"AllowedOrigins": ORIGINS, "EndpointName": "sentiment"})
    return made


@pytest.fixture(scope="module")
def resources(translated: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = translated["Resources"]
    return found


def _of_type(resources: dict[str, Any], kind: str) -> list[dict[str, Any]]:
    return [one["Properties"] for one in resources.values() if one["Type"] == kind]


def _lint(path: Path) -> None:
    program = Path(sys.executable).with_name("cfn-lint")
    linted = subprocess.run([program, "--regions", "us-east-1", "--", path], timeout=120,
                            capture_output=True, text=True)
    assert (linted.returncode, linted.stdout) == (0, "")


def test_the_linter_finds_nothing() -> None:
    _lint(TEMPLATE)


def test_the_linter_finds_nothing_in_what_it_becomes(
    translated: dict[str, Any], tmp_path: Path
) -> None:
    path = tmp_path / "translated.json"
    path.write_text(json.dumps(translated))
    _lint(path)


def test_the_function_is_the_one_in_this_folder(resources: dict[str, Any]) -> None:
    [function] = _of_type(resources, "AWS::Lambda::Function")
    module, _, name = function["Handler"].partition(".")
    assert (FOLDER / f"{module}.py").is_file()
    assert callable(getattr(sentiment_proxy, name))
    assert function["Runtime"] == "python3.11"


def test_the_functions_time_covers_its_attempts_and_ends_before_the_apis(
    template: dict[str, Any]
) -> None:
    timeout = template["Resources"]["Function"]["Properties"]["Timeout"]
    path = template["Resources"]["Api"]["Properties"]["DefinitionBody"]["paths"]["/predict"]
    longest = path["post"]["x-amazon-apigateway-integration"]["timeoutInMillis"]
    assert timeout * 1000 < longest <= 30_000
    wanted = read_settings({"ENDPOINT_NAME": "a"}).read_timeout
    # A little of the time is spent before the question is asked.
    assert sentiment_proxy._read_timeout(
        read_settings({"ENDPOINT_NAME": "a"}), timeout * 1000 - 500) == wanted


def test_the_functions_variables_are_settings_that_can_be_read(template: dict[str, Any]) -> None:
    variables = template["Resources"]["Function"]["Properties"]["Environment"]["Variables"]
    values = {"ENDPOINT_NAME": "a", "ALLOWED_ORIGINS": ORIGINS}
    settings = read_settings({name: values.get(name, value) for name, value in variables.items()})
    assert set(values) <= set(variables)
    assert settings.cors_by_platform
    assert len(settings.allowed_origins) == 2


def test_the_role_may_call_one_endpoint_and_write_one_log(resources: dict[str, Any]) -> None:
    [role] = _of_type(resources, "AWS::IAM::Role")
    assert "ManagedPolicyArns" not in role
    [policy] = role["Policies"]
    granted = {json.dumps(one["Action"]): json.dumps(one["Resource"])
               for one in policy["PolicyDocument"]["Statement"]}
    assert set(granted) == {'"sagemaker:InvokeEndpoint"',
                            '["logs:CreateLogStream", "logs:PutLogEvents"]'}
    assert granted['"sagemaker:InvokeEndpoint"'].endswith(':endpoint/${EndpointName}"}')
    assert "*" not in json.dumps(policy)


def test_only_this_api_may_start_the_function(resources: dict[str, Any]) -> None:
    [permission] = _of_type(resources, "AWS::Lambda::Permission")
    assert permission["Principal"] == "apigateway.amazonaws.com"
    assert "${__ApiId__}/${__Stage__}/POST/predict" in json.dumps(permission["SourceArn"])


def test_the_api_is_throttled_and_names_its_pages(resources: dict[str, Any]) -> None:
    [stage] = _of_type(resources, "AWS::ApiGatewayV2::Stage")
    assert set(stage["DefaultRouteSettings"]) == {"ThrottlingRateLimit", "ThrottlingBurstLimit"}
    [api] = _of_type(resources, "AWS::ApiGatewayV2::Api")
    cors = api["Body"]["x-amazon-apigateway-cors"]
    # Left for CloudFormation, which makes the list of it.
    assert cors["allowOrigins"] == {"Fn::Split": [",", {"Ref": "AllowedOrigins"}]}
    assert (cors["allowMethods"], cors["allowHeaders"]) == (["POST", "OPTIONS"], ["content-type"])
    assert cors["exposeHeaders"] == ["retry-after", "x-request-id"]


def test_the_api_asks_the_function_in_the_format_that_the_events_record(
    resources: dict[str, Any]
) -> None:
    [api] = _of_type(resources, "AWS::ApiGatewayV2::Api")
    assert list(api["Body"]["paths"]) == ["/predict"]
    integration = api["Body"]["paths"]["/predict"]["post"]["x-amazon-apigateway-integration"]
    assert integration["payloadFormatVersion"] == "2.0"
    assert "${Function.Arn}" in json.dumps(integration["uri"])


def test_the_log_is_not_kept_for_ever(resources: dict[str, Any]) -> None:
    [group] = _of_type(resources, "AWS::Logs::LogGroup")
    assert group["RetentionInDays"] == {"Ref": "LogRetentionInDays"}


def test_there_is_an_alarm_for_each_way_to_fail(resources: dict[str, Any]) -> None:
    alarms = {(one["Namespace"], one["MetricName"]): one
              for one in _of_type(resources, "AWS::CloudWatch::Alarm")}
    assert set(alarms) == {("AWS/Lambda", "Errors"), ("AWS/Lambda", "Throttles"),
                           ("AWS/ApiGateway", "5xx"), ("AWS/ApiGateway", "Latency")}
    assert alarms["AWS/ApiGateway", "Latency"]["ExtendedStatistic"] == "p99"


@pytest.mark.parametrize(("parameter", "value", "accepted"), [
    ("EndpointName", "sentiment-2", True), ("EndpointName", "Sentiment", False),
    ("EndpointName", "*", False), ("AllowedOrigins", "https://a.example", True),
    ("AllowedOrigins", ORIGINS, True), ("AllowedOrigins", "*", False),
    ("AllowedOrigins", "", False),
    ("AllowedOrigins", "https://*.example", False), ("AllowedOrigins", f"{ORIGINS},*", False),
])
def test_a_parameter_takes_no_pattern(
    parameter: str, value: str, accepted: bool, template: dict[str, Any]
) -> None:
    pattern = template["Parameters"][parameter]["AllowedPattern"]
    assert bool(re.fullmatch(pattern, value)) is accepted


def test_what_is_packed_is_what_is_tested() -> None:
    packed = re.findall(r"^\w.*", (FOLDER / "requirements.txt").read_text(), re.MULTILINE)
    tested = (ROOT / "requirements-dev.txt").read_text().splitlines()
    assert packed
    assert set(packed) <= set(tested)
