"""An endpoint as it is, and the way from one configuration to the next."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from cloud.account import Account
from cloud.errors import ScriptError, found
from cloud.hosting.variants import DIGEST, kind_of
from cloud.logs import last_lines
from cloud.waiting import wait

from botocore.exceptions import ClientError

# With the time behind it the name of a model has 63 characters at most, and so has a schedule's.
_NAME = re.compile(r"[a-z](?:-?[a-z0-9]){0,46}")
_BAKING_S = 300
_LIMIT_S = 3600
_BROKEN = ("Failed", "OutOfService", "UpdateRollbackFailed")
"""States that an endpoint leaves only by being deleted."""


def checked_name(account: Account, endpoint: str | None) -> str:
    """The endpoint's name; the project's, where none is given.

    Raises:
        ScriptError: the roles would not let anybody use or delete an endpoint of that name.
    """
    name = endpoint or account.project
    if not _NAME.fullmatch(name) or not name.startswith(account.project):
        raise ScriptError(f"--endpoint {name}: begin it with {account.project}; lower case, digits "
                          "and single hyphens, 47 at most")
    return name


@dataclass(frozen=True)
class Present:
    """What an endpoint is now: DescribeEndpoint, and DescribeEndpointConfig of what it runs."""

    endpoint: Mapping[str, Any]
    config: Mapping[str, Any]
    digest: str | None = None
    model: Mapping[str, Any] | None = None
    """DescribeModel of its first variant; None where somebody has deleted that."""

    @property
    def kind(self) -> str:
        return kind_of(self.config, self.model)

    @property
    def variants(self) -> dict[str, dict[str, Any]]:
        """The variants of the configuration by name."""
        return {each["VariantName"]: each for each in self.config["ProductionVariants"]}


def find(account: Account, endpoint: str) -> Present | None:
    """The endpoint as it is; None where there is none.

    Raises:
        ScriptError: it is not the project's, or cannot be changed at the moment.
    """
    sagemaker = account.client("sagemaker")
    there = found(lambda: sagemaker.describe_endpoint(EndpointName=endpoint))
    if there is None:
        return None
    if not account.owns(sagemaker.list_tags(ResourceArn=there["EndpointArn"])["Tags"]):
        raise ScriptError(f"there is an endpoint {endpoint} that does not belong to the project "
                          f"{account.project}; choose another name with --endpoint")
    status = there["EndpointStatus"]
    if status in _BROKEN:
        raise ScriptError(f"the endpoint {endpoint} is {status}: "
                          f"{there.get('FailureReason', 'no reason given')}\n"
                          f"{_after(account, endpoint)}")
    if status != "InService":
        raise ScriptError(f"the endpoint {endpoint} is {status}; wait until it is InService "
                          "(scripts/status.py tells), then run this again")
    config = sagemaker.describe_endpoint_config(EndpointConfigName=there["EndpointConfigName"])
    tags = sagemaker.list_tags(ResourceArn=config["EndpointConfigArn"])["Tags"]
    model = found(lambda: sagemaker.describe_model(
        ModelName=config["ProductionVariants"][0]["ModelName"]))
    return Present(there, config, next((tag["Value"] for tag in tags if tag["Key"] == DIGEST),
                                       None), model)


def guarded(alarms: Sequence[str]) -> dict[str, Any]:
    """For UpdateEndpoint: new instances beside the old ones, and back if an alarm rings."""
    return {"DeploymentConfig": {
        "BlueGreenUpdatePolicy": {"TrafficRoutingConfiguration": {
            "Type": "ALL_AT_ONCE", "WaitIntervalInSeconds": _BAKING_S}},
        "AutoRollbackConfiguration": {"Alarms": [{"AlarmName": name} for name in alarms]}}}


RETAINED: Mapping[str, Any] = {
    "RetainAllVariantProperties": True,
    "ExcludeRetainedVariantProperties": [{"VariantPropertyType": "DesiredWeight"}]}
"""For UpdateEndpoint: the number of instances stays what scaling has made it."""


def change(account: Account, endpoint: str, present: Present | None, config: Mapping[str, Any],
           models: Sequence[Mapping[str, Any]], update: Mapping[str, Any]) -> None:
    """Make models and a configuration, and ask for the endpoint to become that.

    `update` is added to UpdateEndpoint where there is an endpoint. If AWS refuses the change, the
    models and the configuration are deleted again.
    """
    sagemaker, name = account.client("sagemaker"), config["EndpointConfigName"]
    made = []
    try:
        for model in models:
            sagemaker.create_model(**model, Tags=account.tags)
            made.append(model["ModelName"])
        sagemaker.create_endpoint_config(**config)
        made.append(name)
        if present is None:
            sagemaker.create_endpoint(EndpointName=endpoint, EndpointConfigName=name,
                                      Tags=account.tags)
        else:
            sagemaker.update_endpoint(EndpointName=endpoint, EndpointConfigName=name, **update)
    except ClientError:
        if name in made:
            sagemaker.delete_endpoint_config(EndpointConfigName=made.pop())
        for model_name in made:
            sagemaker.delete_model(ModelName=model_name)
        raise


def settle(account: Account, endpoint: str, config_name: str | None = None) -> None:
    """Wait until the endpoint is in service, with this configuration if one is named.

    Raises:
        ScriptError: it failed, or an alarm took the change back; with the container's last lines.
    """
    sagemaker = account.client("sagemaker")
    try:
        answer = wait(account, f"endpoint {endpoint}",
                      lambda: sagemaker.describe_endpoint(EndpointName=endpoint), "EndpointStatus",
                      done=("InService",), failed=_BROKEN, limit_s=_LIMIT_S)
    except ScriptError as error:
        raise ScriptError(f"{error}\n{_said(account, endpoint)}"
                          f"{_after(account, endpoint)}") from None
    except KeyboardInterrupt:
        raise ScriptError(
            f"no longer waited for; AWS goes on with the endpoint {endpoint}, which costs. Run "
            "this again when it is InService, or remove it then with `python scripts/teardown.py "
            f"{account.place} --endpoint {endpoint}`") from None
    if answer and config_name not in (None, answer["EndpointConfigName"]):
        raise ScriptError(
            f"the change of {endpoint} was taken back "
            f"({answer.get('FailureReason', 'an alarm rang while it was watched')}); it serves "
            f"what it served before\n{_said(account, endpoint)}What was to come, "
            f"{config_name}, is kept and costs nothing; scripts/teardown.py removes it")


def discard(account: Account, old: Present, config: Mapping[str, Any]) -> None:
    """Delete a configuration that is not in use any more, and its models but those of `config`."""
    sagemaker, name = account.client("sagemaker"), old.config["EndpointConfigName"]
    if name.startswith(account.project):  # SageMaker's own, after scaling, is not ours to delete
        found(partial(sagemaker.delete_endpoint_config, EndpointConfigName=name))
    kept = {each["ModelName"] for each in config["ProductionVariants"]}
    for model in sorted({each["ModelName"] for each in old.variants.values()} - kept):
        found(partial(sagemaker.delete_model, ModelName=model))
        print(f"deleted the model {model}, which nothing serves any more", flush=True)


def _said(account: Account, endpoint: str) -> str:
    group = f"/aws/sagemaker/Endpoints/{endpoint}"
    try:
        lines = last_lines(account, group)
    except ClientError as error:  # who may deploy may perhaps not read logs
        lines = [str(error)]
    return "\n  ".join([f"The container's last lines, from the log group {group}:",
                        *(lines or ["(none)"])]) + "\n"


def _after(account: Account, endpoint: str) -> str:
    return (f"Nothing was deleted. When the cause is mended, remove it with `python "
            f"scripts/teardown.py {account.place} --endpoint {endpoint}` and run this again")
