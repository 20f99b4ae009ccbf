"""A stack becomes what is wanted; if it cannot, the reasons are told, and what to do."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cloud import stacks
from cloud.account import Account
from cloud.errors import ScriptError

import pytest

from accounts import BUCKET, PROJECT
from query_api import RefusedError
from stack_standin import Event, Stacks

NAME = f"{PROJECT}-test"
TEMPLATE = """\
Parameters:
  Name: {Type: String}
  Title: {Type: String, Default: none}
Resources:
  Part: {Type: AWS::SNS::Topic, Properties: {TopicName: !Ref Name, DisplayName: !Ref Title}}
Outputs:
  Arn: {Value: !Ref Part}
  Title: {Value: !Ref Title}
"""
FAILURES = [Event("Bucket", "CREATE_FAILED", "the name is taken"),
            Event("Policy", "CREATE_FAILED", "Resource creation cancelled", "AWS::S3::Policy")]


def _deploy(account: Account, template: str = TEMPLATE,
            **parameters: str | None) -> dict[str, str]:
    wanted: Mapping[str, str | None] = {"Name": "first", "Title": None, **parameters}
    return stacks.deploy(account, NAME, template, wanted, ["CAPABILITY_IAM"])


def _stack(account: Account) -> dict[str, Any]:
    [stack] = account.client("cloudformation").describe_stacks(StackName=NAME)["Stacks"]
    return dict(stack)


def test_a_new_stack_gives_its_outputs_and_has_our_tag(
        stack_server: Stacks, account: Account) -> None:
    outputs = _deploy(account)
    assert outputs["Title"] == "none" and outputs["Arn"].endswith(":first")
    assert _stack(account)["Tags"] == account.tags


def test_each_step_is_a_line_and_none_comes_twice(
        stack_server: Stacks, account: Account, capsys: pytest.CaptureFixture[str]) -> None:
    _deploy(account)
    assert capsys.readouterr().out.splitlines() == [
        f"making the stack {NAME}", "  Part: CREATE_IN_PROGRESS", "  Part: CREATE_COMPLETE",
        f"stack {NAME}: CREATE_IN_PROGRESS", f"stack {NAME}: CREATE_COMPLETE"]


def test_a_change_tells_only_its_own_steps(
        stack_server: Stacks, account: Account, capsys: pytest.CaptureFixture[str]) -> None:
    _deploy(account)
    capsys.readouterr()
    assert _deploy(account, Title="new")["Title"] == "new"
    said = capsys.readouterr().out
    assert f"changing the stack {NAME}" in said and "Part: UPDATE_COMPLETE" in said
    assert "CREATE" not in said


def test_what_is_not_given_stays_as_it_is(stack_server: Stacks, account: Account) -> None:
    _deploy(account, Title="kept")
    assert _deploy(account, Name="second")["Title"] == "kept"


@pytest.mark.parametrize("transform", ["", "Transform: AWS::Serverless-2016-10-31\n"])
def test_without_changes_nothing_is_done(
        stack_server: Stacks, account: Account, capsys: pytest.CaptureFixture[str],
        transform: str) -> None:
    template = f"Description: a test\n{transform}{TEMPLATE}"
    for _ in range(2):
        outputs = stacks.deploy(account, NAME, template, {"Name": "first"},
                                ["CAPABILITY_AUTO_EXPAND"])
    assert f"the stack {NAME} is up to date" in capsys.readouterr().out
    assert outputs["Title"] == "none"
    assert not stack_server.change_sets


def test_a_stack_that_cannot_be_made_is_deleted_and_the_reasons_are_told(
        stack_server: Stacks, account: Account) -> None:
    stack_server.failures = FAILURES
    with pytest.raises(ScriptError) as raised:
        _deploy(account)
    said = str(raised.value)
    assert "  Bucket (AWS::S3::Bucket): the name is taken" in said
    assert "cancelled" not in said and "Nothing of it is left" in said
    assert _deploy(account)["Title"] == "none"


def test_a_stack_that_cannot_be_changed_is_as_before(
        stack_server: Stacks, account: Account) -> None:
    _deploy(account)
    stack_server.failures = FAILURES
    with pytest.raises(ScriptError, match="the name is taken\nIt is as it was before"):
        _deploy(account, Title="new")
    assert _deploy(account, Title="newer")["Title"] == "newer"


@pytest.mark.parametrize(("status", "remedy"), [
    ("ROLLBACK_COMPLETE", f"delete-stack --stack-name {NAME}"),
    ("DELETE_FAILED", f"delete-stack --stack-name {NAME}"),
    ("UPDATE_FAILED", f"rollback-stack --stack-name {NAME}"),
    ("UPDATE_ROLLBACK_FAILED", f"continue-update-rollback --stack-name {NAME}"),
])
def test_a_stack_that_is_stuck_is_explained(
        stack_server: Stacks, account: Account, status: str, remedy: str) -> None:
    _deploy(account)
    stack_server.stacks[NAME].states = [status]
    with pytest.raises(ScriptError) as raised:
        _deploy(account)
    assert status in str(raised.value) and remedy in str(raised.value)


def test_a_stack_that_is_being_changed_is_waited_for(
        stack_server: Stacks, account: Account, capsys: pytest.CaptureFixture[str]) -> None:
    _deploy(account)
    capsys.readouterr()
    stack_server.stacks[NAME].states = ["UPDATE_IN_PROGRESS"] * 3 + ["UPDATE_COMPLETE"]
    assert _deploy(account, Title="new")["Title"] == "new"
    said = capsys.readouterr().out
    assert said.index("UPDATE_IN_PROGRESS") < said.index("UPDATE_COMPLETE") < said.index("changing")


def test_what_an_interrupted_run_has_left_is_gone_on_with(
        stack_server: Stacks, account: Account) -> None:
    account.client("cloudformation").create_change_set(
        StackName=NAME, ChangeSetName="left", ChangeSetType="CREATE", TemplateBody=TEMPLATE,
        Parameters=[{"ParameterKey": "Name", "ParameterValue": "first"}])
    assert _stack(account)["StackStatus"] == "REVIEW_IN_PROGRESS"
    assert _deploy(account)["Title"] == "none"


def test_a_template_that_is_not_taken_leaves_no_empty_stack(
        stack_server: Stacks, account: Account) -> None:
    stack_server.change_set_failure = "Transform failed with: Invalid template"
    with pytest.raises(ScriptError, match=f"template of the stack {NAME}: Transform failed"):
        _deploy(account)
    assert account.stack_outputs(NAME) == {}
    assert stack_server.stacks[NAME].states == ["DELETE_COMPLETE"]


def test_a_stack_of_somebody_elses_is_left_alone(stack_server: Stacks, account: Account) -> None:
    _deploy(account)
    stack_server.stacks[NAME].tags = [{"Key": "project", "Value": "another"}]
    with pytest.raises(ScriptError, match=f"there is a stack {NAME} without the tag"):
        _deploy(account, Title="new")


def test_a_large_template_goes_through_the_bucket(
        stack_server: Stacks, account: Account, bucket: str) -> None:
    assert _deploy(account, f"{TEMPLATE}# {'a' * stacks.BODY_BYTES}\n")["Title"] == "none"
    [entry] = account.client("s3").list_objects_v2(Bucket=BUCKET)["Contents"]
    assert entry["Key"].startswith(f"templates/{NAME}-")


def test_a_refusal_comes_as_cloudformation_words_it(
        stack_server: Stacks, account: Account) -> None:
    stack_server.refusal = RefusedError("ValidationError", "Parameter Name must match a pattern")
    with pytest.raises(Exception, match="Parameter Name must match a pattern"):
        _deploy(account)
    assert account.stack_outputs(NAME) == {}


def test_a_dry_run_without_an_account_goes_to_the_end(
        no_account: None, capsys: pytest.CaptureFixture[str]) -> None:
    account = Account(PROJECT, dry_run=True)
    assert _deploy(account) == {}
    assert account.dry_run
    assert [name for _, name, _ in account.dry_run.requests] == [
        "CreateChangeSet", "ExecuteChangeSet"]
    assert account.dry_run.requests[0][2]["OnStackFailure"] == "DELETE"


def test_a_stack_is_deleted_with_what_is_in_it(stack_server: Stacks, account: Account) -> None:
    _deploy(account)
    stacks.delete(account, NAME)
    assert stacks.find(account, NAME) is None
    assert account.client("sns").list_topics()["Topics"] == []


def test_to_delete_what_is_not_there_is_no_error(stack_server: Stacks, account: Account) -> None:
    stacks.delete(account, NAME)


def test_one_that_cannot_be_deleted_tells_which_part_stays_and_why(
        stack_server: Stacks, account: Account) -> None:
    _deploy(account)
    stack_server.failures = [Event("Bucket", "DELETE_FAILED", "the bucket is not empty")]
    with pytest.raises(ScriptError) as failure:
        stacks.delete(account, NAME)
    assert f"{NAME} ended as DELETE_FAILED" in str(failure.value)
    assert "Bucket (AWS::S3::Bucket): the bucket is not empty" in str(failure.value)
