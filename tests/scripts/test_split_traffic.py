"""A challenger gets its share beside the model that serves, and then takes over or goes.

moto has no UpdateEndpoint; `hosting` adds it.
"""

from __future__ import annotations

from typing import Any

from cloud.account import Account

import pytest

from accounts import PROJECT, Script
from hosting import (
    GIVEN,
    IMAGE,
    add_update_endpoint,
    alarms,
    config,
    data,
    let_time_pass,
    models,
    serves,
    targets,
)

MAIN, CHALLENGER = (f"endpoint/{PROJECT}/variant/{name}" for name in ("main", "challenger"))
CHALLENGERS = {f"{PROJECT}-challenger-errors", f"{PROJECT}-challenger-latency"}


@pytest.fixture
def updates(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    return add_update_endpoint(monkeypatch)


@pytest.fixture
def endpoint(account: Account, bucket: str, script: Script, updates: list[dict[str, Any]],
             monkeypatch: pytest.MonkeyPatch) -> None:
    """Serves model 1, scales and records requests."""
    let_time_pass(monkeypatch)
    done = script("deploy_endpoint", *GIVEN, "--model", data(1), "--max-count", "3",
                  "--capture", "5", "--latency-ms", "700", "--env", "OMP_NUM_THREADS=1",
                  "--alarm-topic", "arn:aws:sns:eu-central-1:123456789012:t")
    assert done.status == 0


@pytest.fixture
def split(endpoint: None, script: Script) -> None:
    """And gives model 2 a tenth."""
    assert script("split_traffic", "--model", data(2), "--share", "10").status == 0


def _weights(account: Account) -> dict[str, float]:
    endpoint = account.client("sagemaker").describe_endpoint(EndpointName=PROJECT)
    return {each["VariantName"]: each["CurrentWeight"] for each in endpoint["ProductionVariants"]}


def test_the_challenger_gets_its_share(account: Account, updates: list[dict[str, Any]],
                                       split: None) -> None:
    assert _weights(account) == {"main": 90, "challenger": 10}
    assert serves(account) == {"main": data(1), "challenger": data(2)}
    assert updates[0]["RetainAllVariantProperties"] is True
    assert updates[0]["ExcludeRetainedVariantProperties"] == [
        {"VariantPropertyType": "DesiredWeight"}]


def test_the_challenger_runs_as_the_other_does(account: Account, split: None) -> None:
    main, challenger = config(account)["ProductionVariants"]
    ours = {"VariantName", "ModelName", "InitialVariantWeight"}
    assert {key for key in main if main[key] != challenger[key]} == ours
    model = account.client("sagemaker").describe_model(ModelName=challenger["ModelName"])
    assert model["PrimaryContainer"] == {"Image": IMAGE, "ModelDataUrl": data(2),
                                         "Environment": {"OMP_NUM_THREADS": "1"}}
    assert config(account)["DataCaptureConfig"]["InitialSamplingPercentage"] == 5


def test_scaling_and_alarms_look_at_the_challenger_too(account: Account, split: None) -> None:
    assert targets(account) == {MAIN: (1, 3), CHALLENGER: (1, 3)}
    there = alarms(account)
    assert set(there) >= CHALLENGERS
    for name in ("errors", "latency"):
        one, other = (there[f"{PROJECT}-{variant}-{name}"] for variant in ("main", "challenger"))
        assert one["Threshold"] == other["Threshold"]
        assert one["AlarmActions"] == other["AlarmActions"]


def test_a_later_share_changes_the_weights_only(
        account: Account, script: Script, updates: list[dict[str, Any]], split: None) -> None:
    assert script("split_traffic", "--share", "35").status == 0
    assert _weights(account) == {"main": 65, "challenger": 35}
    assert len(updates) == 1


def test_the_same_challenger_named_again_is_not_made_again(
        account: Account, script: Script, updates: list[dict[str, Any]], split: None) -> None:
    assert script("split_traffic", "--model", data(2), "--share", "20").status == 0
    assert _weights(account) == {"main": 80, "challenger": 20} and len(updates) == 1


def test_another_challenger_takes_the_first_ones_place(
        account: Account, script: Script, split: None) -> None:
    assert script("split_traffic", "--model", data(3), "--share", "50").status == 0
    assert serves(account) == {"main": data(1), "challenger": data(3)}
    assert models(account) == [data(1), data(3)]


def test_another_image_is_tried_with_the_model_that_serves(
        account: Account, script: Script, endpoint: None) -> None:
    assert script("split_traffic", "--image", f"{IMAGE}1", "--share", "50").status == 0
    assert serves(account) == {"main": data(1), "challenger": data(1)}


@pytest.mark.parametrize(("word", "model"), [("--promote", data(2)), ("--withdraw", data(1))])
def test_in_the_end_one_model_serves_and_the_other_is_gone(
        account: Account, script: Script, split: None, word: str, model: str) -> None:
    done = script("split_traffic", word)
    assert (done.status, done.err) == (0, "")
    assert serves(account) == {"main": model} and models(account) == [model]
    assert targets(account) == {MAIN: (1, 3)}
    assert not CHALLENGERS & set(alarms(account))
    assert _weights(account) == {"main": 1}


@pytest.mark.parametrize("word", ["--promote", "--withdraw"])
def test_scaling_lets_go_of_the_challenger_before_it_goes(
        script: Script, split: None, word: str) -> None:
    sent = script("split_traffic", word, "--dry-run").sent
    assert sent.index("application-autoscaling DeregisterScalableTarget") < sent.index(
        "sagemaker UpdateEndpoint")


@pytest.mark.parametrize("word", ["--promote", "--withdraw"])
def test_without_a_challenger_nothing_is_changed(
        account: Account, script: Script, updates: list[dict[str, Any]], endpoint: None,
        word: str) -> None:
    done = script("split_traffic", word)
    assert done.status == 0 and "has no challenger; nothing is changed" in done.out
    assert updates == []


def test_a_split_endpoint_is_not_deployed_over(script: Script, split: None) -> None:
    done = script("deploy_endpoint", *GIVEN, "--model", data(4))
    assert done.status == 1
    assert "split between challenger and main" in done.err and "--promote" in done.err


@pytest.mark.parametrize(("words", "sent"), [
    (["--share", "10"], [
        *["cloudwatch PutMetricAlarm"] * 2, "sagemaker CreateModel",
        "sagemaker CreateEndpointConfig", "sagemaker UpdateEndpoint",
        "sagemaker DeleteEndpointConfig", "cloudwatch PutDashboard"]),
    (["--promote"], [
        "sagemaker CreateEndpointConfig", "sagemaker UpdateEndpoint",
        "sagemaker DeleteEndpointConfig", "sagemaker DeleteModel", "cloudwatch DeleteAlarms",
        "cloudwatch PutDashboard"]),
])
def test_a_dry_run_without_an_account_takes_an_endpoint_for_granted(
        no_account: None, script: Script, words: list[str], sent: list[str]) -> None:
    done = script("split_traffic", "--dry-run", *words)
    assert (done.status, done.err) == (0, "")
    assert done.sent == sent


@pytest.mark.parametrize("kind", ["serverless", "async"])
def test_kinds_with_one_variant_are_refused_with_another_way(
        bucket: str, script: Script, kind: str) -> None:
    script("deploy_endpoint", *GIVEN, "--model", data(1), "--kind", kind)
    done = script("split_traffic", "--model", data(2), "--share", "10")
    assert done.status == 1
    assert f"{PROJECT} is {kind}" in done.err and "another --endpoint" in done.err


@pytest.mark.parametrize(("words", "said"), [
    ([], "say one of --share PERCENT, --promote and --withdraw"),
    (["--share", "10", "--promote"], "say one of"),
    (["--share", "101"], "--share 101: percent for the challenger"),
    (["--share", "10", "--model", data(1)], f"serves {data(1)} already"),
])
def test_what_makes_no_sense_is_refused(script: Script, updates: list[dict[str, Any]],
                                        endpoint: None, words: list[str], said: str) -> None:
    done = script("split_traffic", *words)
    assert done.status == 1 and said in done.err
    assert updates == []


def test_without_an_endpoint_the_script_that_makes_one_is_named(aws: str, script: Script) -> None:
    done = script("split_traffic", "--share", "10")
    assert done.status == 1
    assert "deploy_endpoint.py" in done.err
