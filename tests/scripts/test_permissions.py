"""What the scripts ask of AWS, and whether the policies for people allow it."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import boto3
import pytest
from botocore import xform_name
from cfnlint.decode.cfn_yaml import load

from policies import values

SCRIPTS = Path(__file__).parents[2] / "scripts"
POLICIES = ("JobsPolicy", "HostingPolicy", "PagePolicy")
SERVICES = ("application-autoscaling", "cloudformation", "cloudfront", "cloudwatch", "ecr",
            "lambda", "logs", "s3", "sagemaker", "sagemaker-runtime", "scheduler", "sns", "sts")

# Where IAM's word is not the API's.
ACTIONS = {
    "s3:CopyObject": ("s3:GetObject", "s3:PutObject"),
    "s3:DeleteObjects": ("s3:DeleteObject", "s3:DeleteObjectVersion"),
    "s3:HeadBucket": ("s3:ListBucket",),
    "s3:HeadObject": ("s3:GetObject",),
    "s3:ListMultipartUploads": ("s3:ListBucketMultipartUploads",),
    "s3:ListObjectVersions": ("s3:ListBucketVersions",),
    "s3:ListObjectsV2": ("s3:ListBucket",),
    "s3:PutBucketEncryption": ("s3:PutEncryptionConfiguration",),
    "s3:PutPublicAccessBlock": ("s3:PutBucketPublicAccessBlock",),
    "sts:GetCallerIdentity": (),  # allowed to everybody
}


def _words(tree: ast.AST) -> Iterator[str]:
    """Names of methods, and operations that are given by name to a call."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute):
            yield node.attr
        elif isinstance(node, ast.Call):
            yield from (word.value for word in node.args
                        if isinstance(word, ast.Constant) and isinstance(word.value, str))


@pytest.fixture(scope="module")
def asked() -> dict[str, set[str]]:
    """Each word of the scripts that is an operation, with the actions that it may stand for."""
    session = boto3.Session("none", "none", region_name="us-east-1")
    operations: dict[str, set[str]] = {}
    for service in SERVICES:
        for name in session.client(service).meta.service_model.operation_names:
            prefix = service.removesuffix("-runtime")
            operations.setdefault(xform_name(name), set()).add(f"{prefix}:{name}")
    words = {word for file in SCRIPTS.rglob("*.py") for word in _words(ast.parse(file.read_text()))}
    return {word: operations[word] for word in words & set(operations)}


def test_whoever_has_the_policies_may_run_the_scripts(asked: dict[str, set[str]]) -> None:
    resources = load(str(SCRIPTS / "templates" / "roles.yaml"))["Resources"]
    granted = {action for policy in POLICIES
               for one in resources[policy]["Properties"]["PolicyDocument"]["Statement"]
               for action in values(one["Action"])}
    assert len(asked) > 20
    assert not {word: names for word, names in asked.items()
                if not any(set(ACTIONS.get(name, (name,))) <= granted for name in names)}
