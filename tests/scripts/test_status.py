"""What is told about an account, to people and to programs; nothing is changed by it."""

from __future__ import annotations

import json
import re

from cloud.account import Account

import pytest
from moto.core.exceptions import JsonRESTError
from moto.ecr.responses import ECRResponse

import zoo
from accounts import ACCOUNT, PROJECT, REGION, Script


def test_a_table_tells_what_stands_since_when_and_what_it_costs(
        account: Account, script: Script) -> None:
    zoo.endpoint(account, PROJECT)
    zoo.schedule(account, PROJECT, "2099-11-20T12:15:00")
    done = script("status")
    rows = [re.split(r"  +", line) for line in done.out.splitlines()]
    endpoint, = [row for row in rows if row[0] == "endpoint"]
    assert endpoint[1:3] == [PROJECT, "InService"]
    assert endpoint[4:] == ["0.23 an hour (2 x ml.m5.large)", "2099-11-20 12:15"]
    assert "\ncosts   about 0.23 USD an hour; about 171.10 USD a month" in done.out


def test_an_endpoint_that_never_ends_is_pointed_out(account: Account, script: Script) -> None:
    zoo.endpoint(account, PROJECT)
    done = script("status")
    assert (f"`python scripts/teardown.py --region {REGION} --endpoint {PROJECT}` ends it now"
            in done.out)


def test_nothing_of_ours_is_said_plainly(account: Account, script: Script) -> None:
    done = script("status")
    assert (done.status, done.err) == (0, "")
    assert done.out == f"{PROJECT} in {REGION}, account {ACCOUNT}: nothing of ours\n"


def test_for_a_program_all_of_it_is_json(account: Account, script: Script) -> None:
    zoo.endpoint(account, PROJECT)
    found = json.loads(script("status", "--json").out)
    assert (found["account"], found["usd_per_hour"]) == (ACCOUNT, 0.23)
    endpoint, = [item for item in found["regions"][REGION]["items"] if item["kind"] == "endpoint"]
    assert endpoint["arn"] == account.arn("sagemaker", f"endpoint/{PROJECT}")
    assert (endpoint["ends"], endpoint["because_of"]) == (None, "2 x ml.m5.large")


def test_a_forgotten_endpoint_is_found_in_another_region(account: Account, script: Script) -> None:
    zoo.endpoint(Account(PROJECT, "us-west-2"), f"{PROJECT}-forgotten")
    assert "forgotten" not in script("status").out
    found = json.loads(script("status", "--all-regions", "--json").out)
    assert sorted(found["regions"]) == [REGION, "us-west-2"]
    assert f"{PROJECT}-forgotten" in [
        item["name"] for item in found["regions"]["us-west-2"]["items"]]


def test_it_sends_nothing_that_changes_anything(account: Account, script: Script) -> None:
    zoo.build(account)
    before = zoo.census(REGION)
    done = script("status", "--dry-run")
    assert (done.status, done.sent) == (0, [])
    assert zoo.census(REGION) == before


def test_what_may_not_be_read_is_told_and_the_rest_is_shown(
        account: Account, script: Script, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(self: object) -> None:
        raise JsonRESTError("AccessDeniedException", "you may not")

    zoo.endpoint(account, PROJECT)
    monkeypatch.setattr(ECRResponse, "describe_repositories", refuse)
    done = script("status")
    assert "not seen: images: not permitted. DescribeRepositories: you may not" in done.out
    assert "\nendpoint " in done.out


def test_without_an_account_it_can_be_tried(no_account: None, script: Script) -> None:
    done = script("status", "--dry-run", "--all-regions")
    assert (done.status, done.sent) == (0, [])
    assert done.out.endswith(": nothing of ours\n")


def test_without_credentials_it_tells_how_to_sign_in(no_account: None, script: Script) -> None:
    done = script("status", "--all-regions")
    assert (done.status, done.out) == (1, "")
    assert "no AWS credentials" in done.err and "aws configure sso" in done.err
