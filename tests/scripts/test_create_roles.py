"""Roles and policies are made, kept up to date, and given to people."""

from __future__ import annotations

from typing import Any

from cloud import people
from cloud.account import Account

import pytest
from botocore.awsrequest import AWSResponse

from accounts import ACCOUNT, BUCKET, PROJECT, REGION, Script
from create_roles import create_roles
from query_api import RefusedError
from stack_standin import Stacks

STACK = f"{PROJECT}-roles"
POLICIES = [f"{PROJECT}-{name}" for name in ("hosting", "jobs", "page")]
KEY = f"arn:aws:kms:{REGION}:{ACCOUNT}:key/0a1b"
PEOPLE = (("user", "ann"), ("group", "team"), ("role", "lab"))
TOPIC = f"arn:aws:sns:{REGION}:{ACCOUNT}:{PROJECT}"


@pytest.fixture
def iam(account: Account) -> Any:
    client = account.client("iam")
    client.create_user(UserName="ann")
    client.create_group(GroupName="team")
    client.create_role(RoleName="lab", AssumeRolePolicyDocument="{}")
    return client


def _policies_of(iam: Any, kind: str, name: str) -> list[str]:
    attached = getattr(iam, f"list_attached_{kind}_policies")(**{f"{kind.title()}Name": name})
    return sorted(each["PolicyName"] for each in attached["AttachedPolicies"])


def test_the_stack_has_the_roles_for_the_accounts_bucket(
        stack_server: Stacks, account: Account, script: Script) -> None:
    done = script("create_roles")
    assert (done.status, done.err) == (0, "")
    role = f"arn:aws:iam::{ACCOUNT}:role/{PROJECT}-training"
    assert account.stack_outputs(STACK)["TrainingRoleArn"] == role
    assert f"made    {role}\n" in done.out
    [stack] = account.client("cloudformation").describe_stacks(StackName=STACK)["Stacks"]
    assert {"ParameterKey": "BucketName", "ParameterValue": BUCKET} in stack["Parameters"]
    assert account.owns(stack["Tags"])


def test_the_second_time_changes_nothing(stack_server: Stacks, script: Script) -> None:
    script("create_roles", "--vpc")
    done = script("create_roles")
    assert (done.status, done.err) == (0, "")
    assert f"the stack {STACK} is up to date" in done.out


@pytest.mark.parametrize(("given", "parameter", "value"), [
    ({"kms_key": KEY}, "KmsKeyArn", KEY),
    ({"topics": [f"{TOPIC}-a", f"{TOPIC}-b"]}, "TopicArns", f"{TOPIC}-a,{TOPIC}-b"),
    ({"topics": [""]}, "TopicArns", ""),
    ({"vpc": True}, "AllowVpc", "true"),
    ({"vpc": False}, "AllowVpc", "false"),
    ({"sdk_role_check": True}, "SdkRoleCheck", "true"),
])
def test_what_is_given_is_a_parameter_of_the_template(
        no_account: None, given: dict[str, Any], parameter: str, value: str) -> None:
    account = Account(PROJECT, dry_run=True)
    create_roles(account, **given)
    assert account.dry_run
    sent = account.dry_run.requests[0][2]["Parameters"]
    assert {each["ParameterKey"] for each in sent} == {"ProjectName", "BucketName", parameter}
    assert {"ParameterKey": parameter, "ParameterValue": value} in sent


def test_people_are_given_the_policies(
        stack_server: Stacks, iam: Any, script: Script) -> None:
    for whom in ("user/ann", f"arn:aws:iam::{ACCOUNT}:user/staff/ann"), ("group/team", "role/lab"):
        done = script("create_roles", "--attach-to", *whom)
        assert (done.status, done.err) == (0, "")
    assert [_policies_of(iam, *whom) for whom in PEOPLE] == [POLICIES] * 3


def test_the_policies_are_taken_from_everybody_before_they_are_deleted(
        stack_server: Stacks, account: Account, iam: Any, script: Script) -> None:
    script("create_roles", "--kms-key", KEY, "--attach-to", *("/".join(whom) for whom in PEOPLE))
    people.detach_all(account, account.stack_outputs(STACK))
    assert [_policies_of(iam, *whom) for whom in PEOPLE] == [[]] * 3
    assert f"{PROJECT}-key" in _policies_of(iam, "role", f"{PROJECT}-training")


def test_a_policy_that_somebody_has_deleted_is_taken_from_nobody(
        stack_server: Stacks, account: Account, iam: Any, script: Script) -> None:
    script("create_roles", "--attach-to", "user/ann")
    # moto answers for any ARN; this is AWS's answer for one that is not there.
    account.client("iam").meta.events.register(
        "before-call.iam.ListEntitiesForPolicy", lambda params, **_: (
            AWSResponse("", 404, {}, None), {"Error": {"Code": "NoSuchEntity", "Message": ""}}
        ) if params["body"]["PolicyArn"].endswith("-jobs") else None)
    people.detach_all(account, account.stack_outputs(STACK))
    assert _policies_of(iam, "user", "ann") == [f"{PROJECT}-jobs"]


def test_a_wrong_name_is_refused_before_anything_is_made(
        stack_server: Stacks, script: Script) -> None:
    done = script("create_roles", "--attach-to", "ann")
    assert done.status == 1
    assert "--attach-to ann: write user/NAME" in done.err
    assert not stack_server.asked


def test_whoever_is_no_administrator_is_sent_to_one(
        stack_server: Stacks, script: Script) -> None:
    stack_server.refusal = RefusedError(
        "AccessDenied", "User: ann is not authorized to perform: cloudformation:CreateChangeSet")
    done = script("create_roles")
    assert done.status == 1
    assert "ann is not authorized" in done.err and "Only an administrator" in done.err
    assert "create_roles" not in done.err.replace("create_roles: ", "", 1)


def test_a_dry_run_without_an_account_shows_every_request(
        no_account: None, script: Script) -> None:
    done = script("create_roles", "--dry-run", "--attach-to", "user/ann")
    assert (done.status, done.err) == (0, "")
    assert done.sent == ["cloudformation CreateChangeSet", "cloudformation ExecuteChangeSet",
                         *["iam AttachUserPolicy"] * 3]


def test_a_dry_run_with_an_account_sends_nothing(
        stack_server: Stacks, account: Account, script: Script) -> None:
    done = script("create_roles", "--dry-run")
    assert done.sent == ["cloudformation CreateChangeSet", "cloudformation ExecuteChangeSet"]
    assert not stack_server.asked
