"""The roles and policies as a stack makes them, and what they allow and refuse.

Which actions there are, and what each can be limited to, is in cfn-lint's copy of AWS's Service
Authorization Reference.
"""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cfnlint.data import AdditionalSpecs
from cfnlint.helpers import load_resource
from sagemaker.core.helper.iam_policies import IAM_POLICY_CONFIG

from accounts import ACCOUNT, BUCKET, PROJECT, REGION
from policies import Made, allows, make, values

TEMPLATE = Path(__file__).parents[2] / "scripts" / "templates" / "roles.yaml"
KEY = f"arn:aws:kms:{REGION}:{ACCOUNT}:key/0a1b"
TOPIC = f"arn:aws:sns:{REGION}:{ACCOUNT}:{PROJECT}-answers"
S3 = f"arn:aws:s3:::{BUCKET}"
PAGE_S3 = f"arn:aws:s3:::{PROJECT}-page-pagebucket-0a1b"
ALARM = f"arn:aws:cloudwatch:{REGION}:{ACCOUNT}:alarm:"
DASHBOARD = f"arn:aws:cloudwatch::{ACCOUNT}:dashboard/"
ECR = f"arn:aws:ecr:{REGION}:{ACCOUNT}:repository/"
ENDPOINT = f"arn:aws:sagemaker:{REGION}:{ACCOUNT}:endpoint/"
GROUP = f"arn:aws:scheduler:{REGION}:{ACCOUNT}:schedule-group/{PROJECT}"
JOB = f"arn:aws:sagemaker:{REGION}:{ACCOUNT}:training-job/"
LOGS = f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:"
MODEL = f"arn:aws:sagemaker:{REGION}:{ACCOUNT}:model/"
POLICY = f"arn:aws:iam::{ACCOUNT}:policy/{PROJECT}-"
PROCESSING = f"arn:aws:sagemaker:{REGION}:{ACCOUNT}:processing-job/"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/{PROJECT}-"
STACK = f"arn:aws:cloudformation:{REGION}:{ACCOUNT}:stack/{PROJECT}-"
TARGET = f"arn:aws:application-autoscaling:{REGION}:{ACCOUNT}:scalable-target/*"
TRANSFORM = f"arn:aws:cloudformation:{REGION}:aws:transform/Serverless-2016-10-31"
TO_SAGEMAKER = {"iam:PassedToService": "sagemaker.amazonaws.com"}
TO_SCHEDULER = {"iam:PassedToService": "scheduler.amazonaws.com"}
TO_LAMBDA = {"iam:PassedToService": "lambda.amazonaws.com"}
BY_STACK = {"aws:CalledVia": "cloudformation.amazonaws.com"}
BOUND = {"iam:PermissionsBoundary": f"{POLICY}function-boundary"}
SAGEMAKER_ONLY = {"application-autoscaling:service-namespace": "sagemaker"}


@pytest.fixture(scope="module")
def address(moto_server: str) -> Iterator[str]:
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("AWS_PROFILE", raising=False)
        patch.setenv("NO_PROXY", "127.0.0.1")
        yield moto_server


@pytest.fixture(scope="module")
def made(address: str) -> Made:
    """With no parameter but the bucket."""
    return make(address, TEMPLATE, {"BucketName": BUCKET})


@pytest.fixture(scope="module")
def all_made(address: str) -> Made:
    """With all that parameters can ask for."""
    return make(address, TEMPLATE, {
        "BucketName": BUCKET, "KmsKeyArn": KEY, "TopicArns": f"{TOPIC},{TOPIC}-failed",
        "AllowVpc": "true", "SdkRoleCheck": "true", "RepositoryName": "images/sentiment"})


def test_the_linter_finds_nothing() -> None:
    linted = subprocess.run(
        [Path(sys.executable).with_name("cfn-lint"), "--regions", REGION, "--", TEMPLATE],
        timeout=120, capture_output=True, text=True)
    assert (linted.returncode, linted.stdout) == (0, "")


@pytest.mark.parametrize(("role", "service", "source"), [
    ("training", "sagemaker", {}),
    ("processing", "sagemaker", {}),
    ("serving", "sagemaker", {}),
    ("batch", "sagemaker", {}),
    ("scheduler", "scheduler", {"aws:SourceArn": GROUP}),
])
def test_a_role_is_taken_only_by_its_service_for_this_account(
    role: str, service: str, source: dict[str, str], made: Made
) -> None:
    assert made.trust[role]["Principal"] == {"Service": f"{service}.amazonaws.com"}
    assert made.trust[role]["Condition"] == {
        "StringEquals": {"aws:SourceAccount": ACCOUNT, **source}}
    assert made.tags[role] == [{"Key": "project", "Value": PROJECT}]


@pytest.mark.parametrize(("who", "action", "resource", "allowed"), [
    ("training", "s3:GetObject", f"{S3}/data/raw/aclImdb.tar.gz", True),
    ("training", "s3:PutObject", f"{S3}/training/{PROJECT}-1/output/model.tar.gz", True),
    ("training", "s3:PutObject", f"{S3}/data/raw/a", False),
    ("training", "s3:DeleteObject", f"{S3}/data/raw/a", False),
    ("training", "s3:DeleteObject", f"{S3}/checkpoints/{PROJECT}-1/old", True),
    ("training", "s3:DeleteObject", f"{S3}/training/{PROJECT}-1/output/model.tar.gz", False),
    ("training", "s3:GetObject", f"{S3}/async/input/a", False),
    ("training", "s3:GetObject", "arn:aws:s3:::another/data/raw/a", False),
    ("training", "ecr:BatchGetImage", f"{ECR}{PROJECT}", True),
    ("training", "ecr:BatchGetImage", f"{ECR}another", False),
    ("training", "logs:PutLogEvents", f"{LOGS}/aws/sagemaker/TrainingJobs:log-stream:a", True),
    ("training", "ec2:CreateNetworkInterface", "*", False),
    ("training", "sagemaker:CreateEndpoint", f"{ENDPOINT}{PROJECT}", False),
    ("training", "s3:GetObject", f"{S3}/processing/{PROJECT}-1/train/a.jsonl", True),
    ("processing", "s3:GetObject", f"{S3}/data/raw/test/pos/1.txt", True),
    ("processing", "s3:GetObject", f"{S3}/processing/{PROJECT}-1/test/a.jsonl", True),
    ("processing", "s3:GetObject", f"{S3}/training/{PROJECT}-1/output/model.tar.gz", True),
    ("processing", "s3:GetObject", f"{S3}/capture/{PROJECT}/a.jsonl", False),
    ("processing", "s3:PutObject", f"{S3}/processing/{PROJECT}-1/train/a.jsonl", True),
    ("processing", "s3:PutObject", f"{S3}/data/raw/a", False),
    ("processing", "logs:PutLogEvents", f"{LOGS}/aws/sagemaker/ProcessingJobs:log-stream:a", True),
    ("serving", "s3:GetObject", f"{S3}/models/{PROJECT}/a.tar.gz", True),
    ("serving", "s3:PutObject", f"{S3}/models/{PROJECT}/a.tar.gz", False),
    ("serving", "s3:GetObject", f"{S3}/training/{PROJECT}-1/output/model.tar.gz", True),
    ("serving", "s3:PutObject", f"{S3}/training/{PROJECT}-1/output/model.tar.gz", False),
    ("serving", "s3:GetObject", f"{S3}/training/{PROJECT}-1/output/output.tar.gz", False),
    ("serving", "s3:GetObject", f"{S3}/data/raw/a", False),
    ("serving", "s3:GetObject", f"{S3}/batch/input/a", False),
    ("serving", "s3:GetObject", f"{S3}/async/input/a", True),
    ("serving", "s3:PutObject", f"{S3}/async/output/a", True),
    ("serving", "s3:PutObject", f"{S3}/capture/{PROJECT}/a.jsonl", True),
    ("serving", "s3:GetObject", f"{S3}/capture/{PROJECT}/a.jsonl", False),
    ("serving", "cloudwatch:DescribeAlarms", "*", True),
    ("serving", "logs:PutLogEvents", f"{LOGS}/aws/sagemaker/Endpoints/{PROJECT}:*", True),
    ("batch", "s3:GetObject", f"{S3}/batch/input/a", True),
    ("batch", "s3:PutObject", f"{S3}/batch/output/a.out", True),
    ("batch", "s3:PutObject", f"{S3}/batch/input/a", False),
    ("scheduler", "sagemaker:DeleteEndpoint", f"{ENDPOINT}{PROJECT}-1", True),
    ("scheduler", "sagemaker:DeleteEndpoint", f"{ENDPOINT}another", False),
    ("scheduler", "sagemaker:DeleteModel", f"{MODEL}{PROJECT}-1", False),
    ("scheduler", "cloudwatch:DeleteAlarms", f"{ALARM}{PROJECT}-1-errors", True),
    ("scheduler", "cloudwatch:DeleteDashboards", f"{DASHBOARD}another", False),
    ("jobs", "sagemaker:CreateTrainingJob", f"{JOB}{PROJECT}-1", True),
    ("jobs", "sagemaker:CreateTrainingJob", f"{JOB}another", False),
    ("jobs", "sagemaker:CreateProcessingJob", f"{PROCESSING}{PROJECT}-1", True),
    ("jobs", "sagemaker:DeleteProcessingJob", f"{PROCESSING}another", False),
    ("jobs", "sagemaker:CreateEndpoint", f"{ENDPOINT}{PROJECT}", False),
    ("jobs", "ecr:PutImageScanningConfiguration", f"{ECR}{PROJECT}", True),
    ("jobs", "iam:GetRole", f"{ROLE}training", True),
    ("jobs", "iam:CreateRole", f"{ROLE}training", False),
    ("hosting", "sagemaker:InvokeEndpoint", f"{ENDPOINT}{PROJECT}", True),
    ("hosting", "sagemaker:DeleteEndpoint", f"{ENDPOINT}another", False),
    ("hosting", "sagemaker:DescribeEndpointConfig",
     f"arn:aws:sagemaker:{REGION}:{ACCOUNT}:endpoint-config/7f4e1944-1817-4891-9bef-e055a90787a4",
     True),
    ("hosting", "sagemaker:DescribeEndpointConfig",
     f"arn:aws:sagemaker:{REGION}:{ACCOUNT}:endpoint-config/another", False),
    ("hosting", "scheduler:DeleteScheduleGroup", GROUP, True),
    ("hosting", "scheduler:CreateSchedule", GROUP.replace("-group", "") + "/end", True),
    ("hosting", "scheduler:CreateSchedule", GROUP.replace("-group", "") + "2/end", False),
    ("page", "cloudformation:UpdateStack", f"{STACK}page/0a1b", True),
    ("page", "cloudformation:UpdateStack", f"{STACK}roles/0a1b", False),
    ("page", "s3:PutObject", f"{PAGE_S3}/index.html", True),
    ("page", "s3:PutObject", f"{S3}/data/raw/a", False),
    ("page", "iam:PutRolePermissionsBoundary", f"{ROLE}page-Role-0a1b", False),
])
def test_what_needs_no_more_than_the_request(
    who: str, action: str, resource: str, allowed: bool, made: Made
) -> None:
    assert allows(made.statements[who], action, resource, {}) is allowed


@pytest.mark.parametrize(("who", "action", "resource", "when", "not_when"), [
    ("training", "s3:ListBucket", S3, {"s3:prefix": "data/raw"}, {"s3:prefix": "capture/a"}),
    ("serving", "s3:ListBucket", S3, {"s3:prefix": "async/input"}, {"s3:prefix": "data/raw"}),
    ("serving", "s3:ListBucket", S3, {"s3:prefix": f"models/{PROJECT}/"}, {}),
    ("processing", "s3:ListBucket", S3, {"s3:prefix": "data/raw/"}, {"s3:prefix": "async/input"}),
    ("training", "cloudwatch:PutMetricData", "*",
     {"cloudwatch:namespace": "/aws/sagemaker/TrainingJobs"}, {"cloudwatch:namespace": "Own"}),
    ("scheduler", "application-autoscaling:DeregisterScalableTarget", TARGET, SAGEMAKER_ONLY,
     {"application-autoscaling:service-namespace": "ecs"}),
    ("jobs", "iam:PassRole", f"{ROLE}training", TO_SAGEMAKER, TO_LAMBDA),
    ("jobs", "iam:PassRole", f"{ROLE}processing", TO_SAGEMAKER, TO_LAMBDA),
    ("hosting", "iam:PassRole", f"{ROLE}scheduler", TO_SCHEDULER, TO_SAGEMAKER),
    ("page", "iam:PassRole", f"{ROLE}page-Role-0a1b", TO_LAMBDA, TO_SAGEMAKER),
    ("page", "iam:CreateRole", f"{ROLE}page-Role-0a1b", BOUND, {}),
    ("page", "iam:PutRolePolicy", f"{ROLE}page-Role-0a1b", BOUND, {}),
    ("page", "cloudfront:CreateDistribution", "*", BY_STACK, {}),
    ("page", "apigateway:DELETE", f"arn:aws:apigateway:{REGION}::/apis/0a1b", BY_STACK, {}),
])
def test_what_depends_on_the_circumstances(
    who: str, action: str, resource: str, when: dict[str, str], not_when: dict[str, str],
    made: Made
) -> None:
    assert allows(made.statements[who], action, resource, when)
    assert not allows(made.statements[who], action, resource, not_when)


@pytest.mark.parametrize(("who", "action", "resource", "context"), [
    ("training", "kms:GenerateDataKey", KEY, {}),
    ("batch", "kms:CreateGrant", KEY, {"kms:GrantIsForAWSResource": "true"}),
    ("key", "kms:Decrypt", KEY, {}),
    ("serving", "sns:Publish", f"{TOPIC}-failed", {}),
    ("serving", "ec2:CreateNetworkInterface",
     f"arn:aws:ec2:{REGION}:{ACCOUNT}:network-interface/*", {}),
    ("serving", "ecr:BatchGetImage", f"{ECR}images/sentiment", {}),
    ("jobs", "ecr:PutImage", f"{ECR}images/sentiment", {}),
])
def test_what_a_parameter_must_ask_for(
    who: str, action: str, resource: str, context: dict[str, str], made: Made, all_made: Made
) -> None:
    assert allows(all_made.statements[who], action, resource, context)
    assert not allows(made.statements.get(who, []), action, resource, context)


def test_the_sdks_own_check_of_the_role_passes_where_it_is_asked_for(
    made: Made, all_made: Made
) -> None:
    asked = [action for policy in IAM_POLICY_CONFIG["training"]["policies"].values()
             for one in policy["Statement"] if one["Resource"] == "*" for action in one["Action"]]
    assert all(allows(all_made.statements["training"], action, "*", {}) for action in asked)
    assert not all(allows(made.statements["training"], action, "*", {}) for action in asked)


@pytest.fixture(scope="module")
def reference() -> dict[str, Any]:
    """By service: its actions, the kinds of resources that each takes, and how these are named."""
    loaded: dict[str, Any] = load_resource(AdditionalSpecs, "Policies.json")
    return loaded


# Beyond the reference. Metrics have no resource but "datasets", which ours are not in; composite
# alarms are shown to those only who may see all alarms; of the ec2 actions the SDK asks about "*";
# and the transform belongs to AWS.
BEYOND = {
    ("cloudwatch:GetMetricData", "*"), ("cloudwatch:PutMetricData", "*"),
    ("cloudwatch:DescribeAlarms", "*"),
    ("ec2:CreateNetworkInterface", "*"), ("ec2:CreateNetworkInterfacePermission", "*"),
    ("ec2:DeleteNetworkInterface", "*"), ("ec2:DeleteNetworkInterfacePermission", "*"),
    ("cloudformation:CreateChangeSet", TRANSFORM),
}


def _fits(action: str, resource: str, reference: dict[str, Any]) -> bool:
    """Whether AWS judges the action by resources of this kind, or by none where it is `*`."""
    service, name = action.split(":")
    kinds = reference[service]["Actions"][name.lower()].get("Resources")
    if (action, resource) in BEYOND:
        return True
    if kinds is None:
        return resource == "*"
    patterns = [pattern for kind in values(kinds)
                for pattern in reference[service]["Resources"][kind.lower()]["ARNFormats"]]
    known = {"${Partition}": "aws", "${Region}": REGION, "${Account}": ACCOUNT}
    for variable, value in known.items():
        patterns = [pattern.replace(variable, value) for pattern in patterns]
    return any(re.fullmatch(pattern, resource) for pattern in patterns)


@pytest.mark.parametrize("variant", ["made", "all_made"])
def test_every_action_exists(
    variant: str, request: pytest.FixtureRequest, reference: dict[str, Any]
) -> None:
    actions = {action for one in request.getfixturevalue(variant).all_statements()
               for action in values(one["Action"])}
    known = {f"{service}:{action}" for service in reference
             for action in reference[service]["Actions"]}
    assert not {action for action in actions if action.lower() not in known}


@pytest.mark.parametrize("variant", ["made", "all_made"])
def test_every_resource_is_as_narrow_as_its_actions_allow(
    variant: str, request: pytest.FixtureRequest, reference: dict[str, Any]
) -> None:
    for one in request.getfixturevalue(variant).all_statements():
        actions, resources = values(one["Action"]), values(one["Resource"])
        for action in actions:
            assert any(_fits(action, resource, reference) for resource in resources), action
        for resource in resources:
            assert any(_fits(action, resource, reference) for action in actions), resource


# Names that AWS gives, and groups of logs that all jobs of an account share.
NAMELESS = re.compile(
    r".*:(/apis/|/tags/|cache-policy/|distribution/|origin-access-control/|response-headers-policy/"
    r"|scalable-target/|network-interface/|subnet/|security-group/"
    r"|log-group:/aws/sagemaker/[A-Z][a-z]+Jobs)\*")


@pytest.mark.parametrize("variant", ["made", "all_made"])
def test_no_wildcard_stands_where_a_name_can(variant: str, request: pytest.FixtureRequest) -> None:
    resources = {resource for one in request.getfixturevalue(variant).all_statements()
                 for resource in values(one["Resource"]) if resource != "*"}
    assert len(resources) > 40
    assert not {resource for resource in resources
                if "*" in resource.partition(PROJECT)[0] and not NAMELESS.fullmatch(resource)}
    assert not {action for one in request.getfixturevalue(variant).all_statements()
                for action in values(one["Action"]) if "*" in action}


def test_no_document_is_longer_than_iam_takes(all_made: Made) -> None:
    assert all(len(document) <= 6144 for document in all_made.managed.values())
    assert all(sum(map(len, documents)) <= 10_240 for documents in all_made.inline.values())
