"""The template, checked by the linter and by the translator that a deployment uses."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Any

import boto3
import pytest
from samtranslator.parser.parser import Parser
from samtranslator.translator.translator import Translator
from samtranslator.yaml_helper import yaml_parse

import sentiment_proxy
from gateway import SECURITY_HEADERS
from settings import read_settings

FOLDER = Path(sentiment_proxy.__file__).parent
TEMPLATE = FOLDER / "template.yaml"
ROOT = FOLDER.parent
ORIGINS = "https://a.example,http://localhost:8000"
NO_VALUE = {"Ref": "AWS::NoValue"}


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


def test_a_boundary_for_the_role_can_be_given(resources: dict[str, Any]) -> None:
    [role] = _of_type(resources, "AWS::IAM::Role")
    assert role["PermissionsBoundary"] == {
        "Fn::If": ["HasRoleBoundary", {"Ref": "RoleBoundaryArn"}, NO_VALUE]}


def test_the_api_is_throttled(resources: dict[str, Any]) -> None:
    [stage] = _of_type(resources, "AWS::ApiGatewayV2::Stage")
    assert set(stage["DefaultRouteSettings"]) == {"ThrottlingRateLimit", "ThrottlingBurstLimit"}


def test_the_api_has_cors_only_for_pages_that_are_named(resources: dict[str, Any]) -> None:
    [api] = _of_type(resources, "AWS::ApiGatewayV2::Api")
    # Left for CloudFormation, which makes the choice, and the list.
    condition, cors, otherwise = api["Body"]["x-amazon-apigateway-cors"]["Fn::If"]
    assert (condition, otherwise) == ("HasAllowedOrigins", NO_VALUE)
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


def test_the_pages_bucket_is_private_and_encrypted(resources: dict[str, Any]) -> None:
    [bucket] = _of_type(resources, "AWS::S3::Bucket")
    blocked = bucket["PublicAccessBlockConfiguration"]
    assert len(blocked) == 4
    assert all(blocked.values())
    assert "AES256" in json.dumps(bucket["BucketEncryption"])
    assert bucket["OwnershipControls"] == {"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]}


def test_only_the_distribution_may_read_the_bucket(resources: dict[str, Any]) -> None:
    [policy] = _of_type(resources, "AWS::S3::BucketPolicy")
    allowed, denied = policy["PolicyDocument"]["Statement"]
    assert (allowed["Effect"], allowed["Action"]) == ("Allow", "s3:GetObject")
    assert allowed["Principal"] == {"Service": "cloudfront.amazonaws.com"}
    assert json.dumps(allowed["Condition"]["StringEquals"]["aws:SourceArn"]).endswith(
        ':distribution/${Distribution}"}')
    assert (denied["Effect"], denied["Condition"]) == (
        "Deny", {"Bool": {"aws:SecureTransport": "false"}})


def _distribution(resources: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Its settings, and its origins by name."""
    [distribution] = _of_type(resources, "AWS::CloudFront::Distribution")
    settings: dict[str, Any] = distribution["DistributionConfig"]
    return settings, {one["Id"]: one for one in settings["Origins"]}


def test_page_and_api_have_one_address(resources: dict[str, Any]) -> None:
    settings, origins = _distribution(resources)
    [predict] = settings["CacheBehaviors"]
    assert origins[settings["DefaultCacheBehavior"]["TargetOriginId"]]["DomainName"] == {
        "Fn::GetAtt": ["PageBucket", "RegionalDomainName"]}
    assert origins[predict["TargetOriginId"]]["DomainName"]["Fn::Sub"].startswith(
        "${Api}.execute-api.")
    [api] = _of_type(resources, "AWS::ApiGatewayV2::Api")
    assert predict["PathPattern"] in api["Body"]["paths"]
    assert f'"{predict["PathPattern"]}"' in (ROOT / "website" / "config.js").read_text()


def test_nothing_goes_over_plain_http(resources: dict[str, Any]) -> None:
    settings, origins = _distribution(resources)
    [predict] = settings["CacheBehaviors"]
    assert settings["DefaultCacheBehavior"]["ViewerProtocolPolicy"] == "redirect-to-https"
    assert predict["ViewerProtocolPolicy"] == "https-only"
    assert origins["api"]["CustomOriginConfig"]["OriginProtocolPolicy"] == "https-only"


def test_an_answer_of_the_api_comes_through_and_is_not_kept(resources: dict[str, Any]) -> None:
    settings, origins = _distribution(resources)
    [predict] = settings["CacheBehaviors"]
    assert "POST" in predict["AllowedMethods"]
    assert predict["CachePolicyId"] == "4135ea2d-6df8-44a3-9df3-4b5a84be39ad"  # CachingDisabled
    [api] = _of_type(resources, "AWS::ApiGatewayV2::Api")
    integration = api["Body"]["paths"]["/predict"]["post"]["x-amazon-apigateway-integration"]
    assert (origins["api"]["CustomOriginConfig"]["OriginReadTimeout"] * 1000
            > integration["timeoutInMillis"])


def test_a_file_without_an_age_is_never_an_old_one(resources: dict[str, Any]) -> None:
    [policy] = _of_type(resources, "AWS::CloudFront::CachePolicy")
    ages = policy["CachePolicyConfig"]
    assert (ages["MinTTL"], ages["DefaultTTL"]) == (0, 0)
    settings, _ = _distribution(resources)
    assert settings["DefaultCacheBehavior"]["CachePolicyId"] == {"Ref": "PageCache"}


@pytest.fixture(scope="module")
def headers(resources: dict[str, Any]) -> dict[str, str]:
    """What is added to every answer, in the words of HTTP."""
    [policy] = _of_type(resources, "AWS::CloudFront::ResponseHeadersPolicy")
    settings = policy["ResponseHeadersPolicyConfig"]
    security = settings["SecurityHeadersConfig"]
    seconds = security["StrictTransportSecurity"]["AccessControlMaxAgeSec"]
    return {
        "Content-Security-Policy": security["ContentSecurityPolicy"]["ContentSecurityPolicy"],
        "Referrer-Policy": security["ReferrerPolicy"]["ReferrerPolicy"],
        "X-Content-Type-Options": "nosniff" if security["ContentTypeOptions"] else "",
        "X-Frame-Options": security["FrameOptions"]["FrameOption"],
        "Strict-Transport-Security": f"max-age={seconds}",
        **{one["Header"]: one["Value"] for one in settings["CustomHeadersConfig"]["Items"]},
    }


def test_the_headers_are_those_of_the_local_gateway_and_more(
    headers: dict[str, str], resources: dict[str, Any]
) -> None:
    assert SECURITY_HEADERS.items() <= headers.items()
    assert {"X-Frame-Options", "Strict-Transport-Security", "Permissions-Policy"} <= set(headers)
    settings, _ = _distribution(resources)
    for behaviour in (settings["DefaultCacheBehavior"], *settings["CacheBehaviors"]):
        assert behaviour["ResponseHeadersPolicyId"] == {"Ref": "SecurityHeaders"}


def test_the_header_says_what_the_page_says_of_itself(headers: dict[str, str]) -> None:
    page = (ROOT / "website" / "index.html").read_text()
    [own] = re.findall(r'"Content-Security-Policy"\s+content="([^"]+)"', page)
    sent = {one.strip() for one in headers["Content-Security-Policy"].split(";")}
    # A page cannot say this one in a meta element.
    assert sent == {one.strip() for one in own.split(";")} | {"frame-ancestors 'none'"}


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
    ("AllowedOrigins", "", True),
    ("AllowedOrigins", "https://*.example", False), ("AllowedOrigins", f"{ORIGINS},*", False),
])
def test_a_parameter_takes_no_pattern(
    parameter: str, value: str, accepted: bool, template: dict[str, Any]
) -> None:
    pattern = template["Parameters"][parameter]["AllowedPattern"]
    assert bool(re.fullmatch(pattern, value)) is accepted


def test_what_is_packed_is_what_is_tested() -> None:
    packed = re.findall(r"^(\S+)==(\S+)", (FOLDER / "requirements.txt").read_text(), re.MULTILINE)
    assert packed
    assert [(name, version(name)) for name, _ in packed] == packed
