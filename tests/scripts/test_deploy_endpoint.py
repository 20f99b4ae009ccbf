"""An endpoint comes up as wanted, changes only where something has changed, and says what failed.

moto has no UpdateEndpoint; `hosting` adds it.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from cloud.account import Account
from cloud.errors import ScriptError
from cloud.hosting import endpoints, scaling
from cloud.hosting.variants import Hosting

import pytest
from moto.core.exceptions import JsonRESTError
from moto.sagemaker.models import SageMakerModelBackend

from accounts import PROJECT, REGION, Finished, Script
from hosting import (
    GIVEN,
    IMAGE,
    SERVING,
    add_update_endpoint,
    alarms,
    config,
    data,
    let_endpoints_fail,
    let_time_pass,
    models,
    serves,
    targets,
)

VARIANT = f"endpoint/{PROJECT}/variant/main"


@pytest.fixture
def updates(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    return add_update_endpoint(monkeypatch)


@pytest.fixture
def deployed(account: Account, bucket: str, script: Script,
             monkeypatch: pytest.MonkeyPatch) -> Callable[..., Finished]:
    """Runs the script in an account with a bucket; it must not fail."""
    let_time_pass(monkeypatch)

    def run(*words: object, model: int = 1) -> Finished:
        done = script("deploy_endpoint", *GIVEN, "--model", data(model), *words)
        assert (done.status, done.err) == (0, "")
        return done

    return run


def test_the_endpoint_serves_the_model_and_carries_our_tag(
        account: Account, deployed: Callable[..., Finished]) -> None:
    done = deployed("--env", "OMP_NUM_THREADS=1")
    sagemaker = account.client("sagemaker")
    endpoint = sagemaker.describe_endpoint(EndpointName=PROJECT)
    assert endpoint["EndpointStatus"] == "InService"
    model = sagemaker.describe_model(
        ModelName=config(account)["ProductionVariants"][0]["ModelName"])
    assert model["ExecutionRoleArn"] == SERVING
    assert model["PrimaryContainer"] == {
        "Image": IMAGE, "ModelDataUrl": data(1), "Environment": {"OMP_NUM_THREADS": "1"}}
    for arn in (endpoint["EndpointArn"], model["ModelArn"]):
        assert sagemaker.list_tags(ResourceArn=arn)["Tags"] == account.tags
    assert f"made    {endpoint['EndpointArn']}\n" in done.out


@pytest.mark.parametrize(("words", "part", "bounds"), [
    (["--count", "2", "--startup-s", "90"],
     {"InstanceType": "ml.m5.large", "InitialInstanceCount": 2,
      "ContainerStartupHealthCheckTimeoutInSeconds": 90}, None),
    (["--instance", "ml.c5.large", "--min-count", "2", "--count", "3", "--max-count", "5"],
     {"InstanceType": "ml.c5.large", "InitialInstanceCount": 3,
      "ContainerStartupHealthCheckTimeoutInSeconds": 480}, (2, 5)),
    (["--kind", "async", "--max-count", "3"],
     {"InstanceType": "ml.m5.large", "InitialInstanceCount": 1,
      "ContainerStartupHealthCheckTimeoutInSeconds": 480}, (0, 3)),
    (["--kind", "serverless", "--memory-mb", "3072", "--concurrency", "7", "--provisioned", "1"],
     {"ServerlessConfig": {"MemorySizeInMB": 3072, "MaxConcurrency": 7,
                           "ProvisionedConcurrency": 1}}, None),
])
def test_each_kind_has_its_hardware_and_its_bounds(
        account: Account, deployed: Callable[..., Finished], words: list[str],
        part: dict[str, Any], bounds: tuple[int, int] | None) -> None:
    deployed(*words)
    variant, = config(account)["ProductionVariants"]
    del variant["ModelName"]
    assert variant == {"VariantName": "main", "InitialVariantWeight": 1.0, **part}
    assert targets(account) == ({VARIANT: bounds} if bounds else {})


def test_answers_of_an_asynchronous_endpoint_go_to_the_bucket_and_its_topics(
        account: Account, bucket: str, deployed: Callable[..., Finished]) -> None:
    topic = account.arn("sns", "failed")
    deployed("--kind", "async", "--max-concurrent", "8", "--error-topic", topic)
    assert config(account)["AsyncInferenceConfig"] == {
        "ClientConfig": {"MaxConcurrentInvocationsPerInstance": 8},
        "OutputConfig": {"S3OutputPath": f"s3://{bucket}/async/output",
                         "S3FailurePath": f"s3://{bucket}/async/failure",
                         "NotificationConfig": {"ErrorTopic": topic}}}


def test_captured_requests_go_below_the_endpoints_name(
        account: Account, bucket: str, deployed: Callable[..., Finished]) -> None:
    deployed("--capture", "20")
    capture = config(account)["DataCaptureConfig"]
    assert capture["InitialSamplingPercentage"] == 20 and capture["EnableCapture"]
    assert capture["DestinationS3Uri"] == f"s3://{bucket}/capture/{PROJECT}"


def test_the_same_again_changes_nothing(account: Account, updates: list[dict[str, Any]],
                                        deployed: Callable[..., Finished]) -> None:
    deployed()
    before = config(account)["EndpointConfigName"]
    assert "serves this already" in deployed().out
    assert config(account)["EndpointConfigName"] == before and updates == []


def test_another_model_takes_the_place_of_the_first(
        account: Account, updates: list[dict[str, Any]], deployed: Callable[..., Finished]) -> None:
    deployed()
    deployed(model=2)
    assert serves(account) == {"main": data(2)}
    assert models(account) == [data(2)]
    assert len(account.client("sagemaker").list_endpoint_configs()["EndpointConfigs"]) == 1


@pytest.mark.parametrize(("words", "guards"), [
    ([], [f"{PROJECT}-main-errors", f"{PROJECT}-main-latency"]),
    (["--kind", "async"], [f"{PROJECT}-main-errors", f"{PROJECT}-queue"]),
    (["--kind", "serverless"], None),
])
def test_alarms_take_a_change_back(updates: list[dict[str, Any]], words: list[str],
                                   guards: list[str] | None,
                                   deployed: Callable[..., Finished]) -> None:
    deployed(*words)
    deployed(*words, model=2)
    deployment = updates[0]["DeploymentConfig"]
    assert guards == (deployment and [
        each["AlarmName"] for each in deployment["AutoRollbackConfiguration"]["Alarms"]])


def test_instances_that_scaling_has_started_stay_through_a_change(
        updates: list[dict[str, Any]], deployed: Callable[..., Finished]) -> None:
    deployed("--max-count", "3")
    deployed("--max-count", "3", model=2)
    assert updates[0]["RetainAllVariantProperties"] is True
    assert updates[0]["ExcludeRetainedVariantProperties"] == [
        {"VariantPropertyType": "DesiredWeight"}]


@pytest.mark.parametrize("words", [["--max-count", "3", "--instance", "ml.c5.xlarge"],
                                   ["--instance", "ml.c5.xlarge"]])
def test_scaling_lets_go_before_the_type_of_instance_changes(
        deployed: Callable[..., Finished], script: Script, words: list[str]) -> None:
    deployed("--max-count", "3")
    done = script("deploy_endpoint", *GIVEN, "--model", data(1), "--dry-run", *words)
    stop = done.sent.index("application-autoscaling DeregisterScalableTarget")
    assert stop < done.sent.index("sagemaker UpdateEndpoint")


def test_scaling_ends_where_it_is_no_longer_asked_for(
        account: Account, updates: list[dict[str, Any]], deployed: Callable[..., Finished]) -> None:
    deployed("--max-count", "3")
    assert "does not scale any more" in deployed().out
    assert targets(account) == {} and updates == []


def test_only_a_new_scalable_target_is_sent_tags(
        account: Account, deployed: Callable[..., Finished]) -> None:
    # moto takes them; AWS refuses them where there is a target: "use the TagResource API".
    dry = Account(PROJECT, dry_run=True)
    assert dry.dry_run is not None
    scaling.apply(dry, PROJECT, "main", Hosting(most=3))
    deployed("--max-count", "3")
    scaling.apply(dry, PROJECT, "main", Hosting(most=4))
    new, known = (request for _, name, request in dry.dry_run.requests
                  if name == "RegisterScalableTarget")
    assert new["Tags"] == {"project": PROJECT} and "Tags" not in known
    assert known["MaxCapacity"] == 4


def test_without_waiting_the_second_run_lets_it_scale(
        account: Account, deployed: Callable[..., Finished]) -> None:
    assert "run the same command again" in deployed("--max-count", "3", "--no-wait").out
    assert targets(account) == {}
    deployed("--max-count", "3", "--no-wait")
    assert targets(account) == {VARIANT: (1, 3)}


def test_a_container_that_ends_is_shown_with_its_last_words(
        account: Account, script: Script, monkeypatch: pytest.MonkeyPatch) -> None:
    let_endpoints_fail(monkeypatch, "the container did not pass the ping health check")
    logs, group = account.client("logs"), f"/aws/sagemaker/Endpoints/{PROJECT}"
    logs.create_log_group(logGroupName=group)
    logs.create_log_stream(logGroupName=group, logStreamName="main/i-1")
    logs.put_log_events(logGroupName=group, logStreamName="main/i-1", logEvents=[
        {"timestamp": int(time.time() * 1000), "message": "model.json: version 99 is too new"}])
    done = script("deploy_endpoint", *GIVEN, "--model", data(1))
    assert done.status == 1 and "did not pass the ping health check" in done.err
    assert "\n  model.json: version 99 is too new\n" in done.err
    assert f"teardown.py --region {REGION} --endpoint {PROJECT}" in done.err


def test_whoever_stops_waiting_is_told_that_it_costs(
        account: Account, script: Script, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(endpoints, "wait", interrupt)
    done = script("deploy_endpoint", *GIVEN, "--model", data(1), "--no-wait")
    assert done.status == 0
    with pytest.raises(ScriptError, match="which costs") as stopped:
        endpoints.settle(account, PROJECT)
    assert f"teardown.py --region {REGION} --endpoint {PROJECT}`" in str(stopped.value)


def test_a_model_that_somebody_deleted_is_no_reason_to_stop(
        account: Account, updates: list[dict[str, Any]], deployed: Callable[..., Finished]) -> None:
    deployed()
    sagemaker = account.client("sagemaker")
    sagemaker.delete_model(ModelName=sagemaker.list_models()["Models"][0]["ModelName"])
    deployed(model=2)
    assert models(account) == [data(2)]


def test_a_configuration_of_sagemakers_own_is_left_to_it(no_account: None) -> None:
    dry = Account(PROJECT, dry_run=True)
    own = {"EndpointConfigName": "7f4e1944-1817-4891-9bef-e055a90787a4",
           "ProductionVariants": [{"VariantName": "main", "ModelName": "old"}]}
    endpoints.discard(dry, endpoints.Present({}, own), {"ProductionVariants": []})
    assert dry.dry_run is not None
    assert [name for _, name, _ in dry.dry_run.requests] == ["DeleteModel"]


def test_a_change_that_an_alarm_took_back_is_told(
        account: Account, script: Script, deployed: Callable[..., Finished],
        monkeypatch: pytest.MonkeyPatch) -> None:
    add_update_endpoint(monkeypatch, taken_back=True)
    deployed()
    done = script("deploy_endpoint", *GIVEN, "--model", data(2))
    assert done.status == 1 and "was taken back" in done.err
    assert serves(account) == {"main": data(1)}


def test_nothing_is_left_of_an_endpoint_that_aws_refuses(
        account: Account, script: Script, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise JsonRESTError("ResourceLimitExceeded", "0 Instances of ml.m5.large for endpoints")

    monkeypatch.setattr(SageMakerModelBackend, "create_endpoint", refuse)
    done = script("deploy_endpoint", *GIVEN, "--model", data(1))
    assert done.status == 1 and "Service Quotas" in done.err
    assert models(account) == []
    assert account.client("sagemaker").list_endpoint_configs()["EndpointConfigs"] == []


def test_alarms_go_on_telling_whom_they_told(account: Account,
                                             deployed: Callable[..., Finished]) -> None:
    deployed("--email", "a@example.org")
    deployed("--latency-ms", "250")
    topic = account.arn("sns", f"{PROJECT}-alarms")
    subscription, = account.client("sns").list_subscriptions()["Subscriptions"]
    assert (subscription["TopicArn"], subscription["Endpoint"]) == (topic, "a@example.org")
    latency = alarms(account)[f"{PROJECT}-main-latency"]
    assert latency["AlarmActions"] == [topic] and latency["Threshold"] == 250_000


def _of_another_project(account: Account) -> None:
    sagemaker = account.client("sagemaker")
    sagemaker.delete_tags(ResourceArn=account.arn("sagemaker", f"endpoint/{PROJECT}"),
                          TagKeys=["project"])


@pytest.mark.parametrize(("change", "words", "said"), [
    (_of_another_project, [], f"does not belong to the project {PROJECT}"),
    (lambda _: None, ["--kind", "serverless"], "is real-time and stays so"),
])
def test_an_endpoint_that_must_stay_what_it_is_stays(
        account: Account, script: Script, deployed: Callable[..., Finished],
        change: Callable[[Account], None], words: list[str], said: str) -> None:
    deployed()
    change(account)
    done = script("deploy_endpoint", *GIVEN, "--model", data(2), *words)
    assert done.status == 1 and said in done.err
    assert serves(account) == {"main": data(1)}
