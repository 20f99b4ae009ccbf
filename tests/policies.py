"""IAM policies as a stack has left them in moto's IAM, and whether they allow something.

moto keeps policies and does not judge them. The judge here knows what our templates use: grants,
patterns, and four operators of conditions.
"""

from __future__ import annotations

import json
import urllib.request
from ast import literal_eval
from collections.abc import Mapping
from fnmatch import fnmatchcase
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple

import boto3

from accounts import PROJECT, REGION

Statement = dict[str, Any]


class Made(NamedTuple):
    """What a stack has left; names are without the project's."""

    statements: dict[str, list[Statement]]
    """Of roles, with all that is attached to them, and of policies for people."""
    trust: dict[str, Statement]
    tags: dict[str, list[dict[str, str]]]
    managed: dict[str, str]
    """Documents without white space, as IAM counts their characters; likewise `inline`."""
    inline: dict[str, list[str]]

    def all_statements(self) -> list[Statement]:
        return list(chain.from_iterable(self.statements.values()))


def make(address: str, template: Path, parameters: Mapping[str, str]) -> Made:
    """Make a stack in an empty account of moto's server at `address`, and read what is there."""
    urllib.request.urlopen(urllib.request.Request(
        f"{address}/moto-api/reset", method="POST")).close()
    session = boto3.Session("none", "none", region_name=REGION)
    session.client("cloudformation", endpoint_url=address).create_stack(
        StackName=f"{PROJECT}-roles", TemplateBody=template.read_text(),
        Capabilities=["CAPABILITY_NAMED_IAM"],
        Parameters=[{"ParameterKey": name, "ParameterValue": value}
                    for name, value in parameters.items()])
    return _read(session.client("iam", endpoint_url=address))


def _read(iam: Any) -> Made:
    made = Made({}, {}, {}, {}, {})
    for policy in iam.list_policies(Scope="Local")["Policies"]:
        document = iam.get_policy_version(
            PolicyArn=policy["Arn"],
            VersionId=policy["DefaultVersionId"])["PolicyVersion"]["Document"]
        name = _short(policy["PolicyName"])
        made.managed[name] = json.dumps(document, separators=(",", ":"))
        made.statements[name] = document["Statement"]
    for role in iam.list_roles()["Roles"]:
        full, name = role["RoleName"], _short(role["RoleName"])
        documents = [_decoded(iam.get_role_policy(RoleName=full, PolicyName=policy))
                     for policy in iam.list_role_policies(RoleName=full)["PolicyNames"]]
        attached = [made.statements[_short(policy["PolicyName"])] for policy
                    in iam.list_attached_role_policies(RoleName=full)["AttachedPolicies"]]
        made.inline[name] = [json.dumps(one, separators=(",", ":")) for one in documents]
        made.statements[name] = [*chain.from_iterable(one["Statement"] for one in documents),
                                 *chain.from_iterable(attached)]
        [made.trust[name]] = role["AssumeRolePolicyDocument"]["Statement"]
        made.tags[name] = iam.list_role_tags(RoleName=full)["Tags"]
    return made


def _short(name: str) -> str:
    return name.removeprefix(f"{PROJECT}-")


def _decoded(policy: dict[str, Any]) -> dict[str, Any]:
    # What stands in a stack's role itself, moto writes in Python's words instead of JSON.
    written = policy["PolicyDocument"]
    document: dict[str, Any] = literal_eval(written) if isinstance(written, str) else written
    return document


def values(one_or_more: Any) -> list[Any]:
    """What a policy may write with or without a list."""
    return one_or_more if isinstance(one_or_more, list) else [one_or_more]


def allows(statements: list[Statement], action: str, resource: str,
           context: Mapping[str, str]) -> bool:
    """Whether any statement grants it. `context` has what a request tells beside its resource."""
    assert all(one["Effect"] == "Allow" for one in statements)
    return any(
        action in values(one["Action"])
        and any(fnmatchcase(resource, pattern) for pattern in values(one["Resource"]))
        and all(_holds(operator, wanted, context)
                for operator, wanted in one.get("Condition", {}).items())
        for one in statements)


def _holds(operator: str, wanted: Mapping[str, Any], context: Mapping[str, str]) -> bool:
    # A value that is no pattern matches itself only, so one comparison does for all of them.
    assert operator in {"StringEquals", "StringLike", "Bool", "ForAnyValue:StringEquals"}
    return all(any(fnmatchcase(context.get(key, ""), pattern) for pattern in values(patterns))
               for key, patterns in wanted.items())
