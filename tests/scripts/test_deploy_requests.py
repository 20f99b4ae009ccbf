"""What deploy_endpoint.py would send, cost and refuse, seen without an account."""

from __future__ import annotations

from cloud.account import Account
from cloud.hosting.variants import Hosting

import pytest

from accounts import PROJECT, REGION, Script
from deploy_endpoint import deploy

MONITORED = ["cloudwatch PutMetricAlarm"] * 2 + ["cloudwatch PutDashboard"]
MADE = [f"sagemaker Create{what}" for what in ("Model", "EndpointConfig", "Endpoint")]
SCALED = [f"application-autoscaling {what}" for what in (
    "RegisterScalableTarget", "PutScalingPolicy")]
BUCKET_MADE = [f"s3 {what}" for what in ("CreateBucket", "PutBucketTagging",
                                         "PutPublicAccessBlock", "PutBucketPolicy")]


@pytest.mark.parametrize(("words", "sent"), [
    ([], [*MONITORED, *MADE]),
    (["--max-count", "2"], [*MONITORED, *MADE, *SCALED]),
    (["--kind", "serverless"], [*MONITORED, *MADE]),
    (["--kind", "async"], [*BUCKET_MADE, *MONITORED, *MADE, *SCALED, SCALED[1],
                           "cloudwatch PutMetricAlarm"]),
    (["--email", "a@example.org"], ["sns CreateTopic", "sns Subscribe", *MONITORED, *MADE]),
    (["--for", "2h"], ["scheduler CreateScheduleGroup", *["scheduler CreateSchedule"] * 4,
                       *MONITORED, *MADE]),
])
def test_a_dry_run_without_an_account_shows_every_request(
        no_account: None, script: Script, words: list[str], sent: list[str]) -> None:
    done = script("deploy_endpoint", "--dry-run", *words)
    assert (done.status, done.err) == (0, "")
    assert done.sent == sent


@pytest.mark.parametrize(("kind", "isolated", "environment"), [
    ("real-time", True, {}),
    ("serverless", False, {"SAGEMAKER_MODEL_SERVER_WORKERS": "1"}),
    ("async", True, {"SAGEMAKER_MODEL_SERVER_TIMEOUT_SECONDS": "3600"}),
])
def test_containers_have_no_network_where_that_can_be(
        no_account: None, kind: str, isolated: bool, environment: dict[str, str]) -> None:
    dry = Account(PROJECT, dry_run=True)
    deploy(dry, hosting=Hosting(kind=kind))
    assert dry.dry_run is not None
    model, = (request for _, name, request in dry.dry_run.requests if name == "CreateModel")
    assert model["EnableNetworkIsolation"] is isolated
    assert model["PrimaryContainer"]["Environment"] == environment


@pytest.mark.parametrize(("words", "costs"), [
    ([], "costs   about 0.115 USD an hour (ml.m5.large, list price in us-east-1)\n"),
    (["--max-count", "3"], "us-east-1); up to 3 instances under load\n"),
    (["--kind", "async"], "; nothing from some 15 minutes after the last request\n"),
    (["--kind", "serverless"],
     "costs   about 0.00004 USD for each second of predicting; nothing while idle\n"),
    (["--for", "10h"], "about 1.15 USD by then: all of that ends at "),
])
def test_the_cost_is_said(no_account: None, script: Script, words: list[str], costs: str) -> None:
    done = script("deploy_endpoint", "--dry-run", *words)
    assert costs in done.out
    assert (f"remove  python scripts/teardown.py --region {REGION} --endpoint {PROJECT}\n"
            in done.out)


@pytest.mark.parametrize(("words", "command"), [
    ([], f"aws sagemaker-runtime --region {REGION} invoke-endpoint --endpoint-name {PROJECT} "),
    (["--kind", "async"], "invoke-endpoint-async "),
])
def test_a_command_to_try_it_is_given(no_account: None, script: Script, words: list[str],
                                      command: str) -> None:
    assert command in script("deploy_endpoint", "--dry-run", *words).out


@pytest.mark.parametrize(("words", "said"), [
    (["--endpoint", "other"], f"--endpoint other: begin it with {PROJECT}"),
    (["--endpoint", f"{PROJECT}-{'x' * 40}"], "47 at most"),
    (["--min-count", "0"], "cannot scale in to zero; --kind async can"),
    (["--count", "4", "--max-count", "2"], "--count 4 is not between"),
    (["--instance", "ml.t2.medium", "--max-count", "2"], "ml.t2.medium is burstable"),
    (["--kind", "serverless", "--network-isolation"], "serverless endpoints do not have it"),
    (["--kind", "serverless", "--capture", "5"], "serverless endpoints do not record"),
    (["--kind", "serverless", "--provisioned", "9"], "more than --concurrency"),
    (["--env", "THREADS"], "--env THREADS: write NAME=VALUE"),
    (["--for", "soon"], "--for soon: write 30m, 2h or 1d"),
])
def test_what_cannot_be_is_refused_before_anything_is_sent(
        no_account: None, script: Script, words: list[str], said: str) -> None:
    done = script("deploy_endpoint", "--dry-run", *words)
    assert done.status == 1 and said in done.err
    assert done.sent == []
