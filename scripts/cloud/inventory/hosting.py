"""Endpoints, and what they are made of."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import partial
from typing import Any

from cloud import prices
from cloud.account import Account
from cloud.errors import found
from cloud.inventory.items import Cost, Item, instances, pages, tagged
from cloud.waiting import wait

_SETTLED = ("InService", "OutOfService", "Failed", "UpdateRollbackFailed", "Deleting")
"""States of an endpoint that is not being made or changed; SageMaker deletes no other."""

_STAMP = re.compile(r"-\d{8}-\d{6}.*")
"""What follows the endpoint's name in that of a model and of an endpoint config."""


def find(account: Account) -> Iterator[Item]:
    """Endpoints, endpoint configs and models."""
    sagemaker = account.client("sagemaker")
    listed = pages(account, "sagemaker", "list_endpoints", "Endpoints",
                   NameContains=account.project)
    ours = tagged(account, listed, "EndpointName", "EndpointArn")
    foreign = {entry["EndpointName"] for entry in listed if entry not in ours}
    configs = {entry["EndpointConfigName"]: entry for entry in tagged(
        account, pages(account, "sagemaker", "list_endpoint_configs", "EndpointConfigs",
                       NameContains=account.project), "EndpointConfigName", "EndpointConfigArn")}
    owners = {name: _STAMP.sub("", name) for name in configs}
    for entry in ours:
        endpoint = found(partial(sagemaker.describe_endpoint, EndpointName=entry["EndpointName"]))
        if endpoint:
            owners[endpoint["EndpointConfigName"]] = entry["EndpointName"]
            yield _endpoint(account, entry, endpoint)
    models: dict[str, str] = {}
    for name, entry in configs.items():
        owner = "" if owners[name] in foreign else owners[name]
        models |= {variant.get("ModelName", ""): owner for variant in _variants(account, name)}
        yield Item("endpoint config", name, entry["EndpointConfigArn"],
                   partial(sagemaker.delete_endpoint_config, EndpointConfigName=name),
                   since=entry["CreationTime"], owner=owner)
    for entry in tagged(account, pages(account, "sagemaker", "list_models", "Models",
                                       NameContains=account.project), "ModelName", "ModelArn"):
        name = entry["ModelName"]
        yield Item("model", name, entry["ModelArn"],
                   partial(sagemaker.delete_model, ModelName=name),
                   since=entry["CreationTime"], owner=models.get(name, ""))


def _endpoint(account: Account, entry: dict[str, Any], endpoint: dict[str, Any]) -> Item:
    name = entry["EndpointName"]
    return Item("endpoint", name, entry["EndpointArn"], partial(_delete, account, name),
                gone=partial(_wait_until_gone, account, name),
                state=endpoint["EndpointStatus"], since=endpoint["CreationTime"],
                cost=_cost(endpoint, _variants(account, endpoint["EndpointConfigName"])),
                owner=name)


def _variants(account: Account, config: str) -> list[dict[str, Any]]:
    answer = found(lambda: account.client("sagemaker").describe_endpoint_config(
        EndpointConfigName=config))
    return [*answer["ProductionVariants"], *answer.get("ShadowProductionVariants", [])
            ] if answer else []


def _cost(endpoint: dict[str, Any], variants: list[dict[str, Any]]) -> Cost:
    """By what runs at present, which scaling changes; before that is known, by what was asked."""
    now = {variant["VariantName"]: variant.get("CurrentInstanceCount", 0)
           for key in ("ProductionVariants", "ShadowProductionVariants")
           for variant in endpoint.get(key, [])}
    cost = Cost()
    for variant in variants:
        serverless = variant.get("ServerlessConfig")
        if serverless is None:
            asked = 0 if endpoint["EndpointStatus"] == "Failed" else variant["InitialInstanceCount"]
            cost += instances(variant["InstanceType"], now.get(variant["VariantName"], asked))
        elif serverless.get("ProvisionedConcurrency"):
            cost += Cost(None, why="serverless, with provisioned concurrency")
        else:
            price = prices.SERVERLESS_GB_SECOND * serverless["MemorySizeInMB"] / 1024
            cost += Cost(why=f"serverless, {price:.6f} USD a second of work")
    return cost


def _delete(account: Account, name: str) -> None:
    sagemaker = account.client("sagemaker")
    settled = wait(account, f"endpoint {name}",
                   partial(sagemaker.describe_endpoint, EndpointName=name), "EndpointStatus",
                   done=_SETTLED, failed=(), limit_s=3600)
    if settled.get("EndpointStatus") != "Deleting":
        sagemaker.delete_endpoint(EndpointName=name)


def _wait_until_gone(account: Account, name: str) -> None:
    describe = partial(account.client("sagemaker").describe_endpoint, EndpointName=name)
    wait(account, f"endpoint {name}", lambda: found(describe) or {"EndpointStatus": "gone"},
         "EndpointStatus", done=("gone",), failed=(), limit_s=1800)


def scaling(account: Account, owners: set[str]) -> Iterator[Item]:
    """Scalable targets of the endpoints `owners`; they carry the tags of nobody."""
    for target in pages(account, "application-autoscaling", "describe_scalable_targets",
                        "ScalableTargets", ServiceNamespace="sagemaker"):
        owner = target["ResourceId"].split("/")[1]
        if owner in owners:
            name = target["ResourceId"]
            yield Item("scalable target", name, target.get("ScalableTargetARN", ""),
                       partial(_stop_scaling, account, target), owner=owner,
                       state=f"{target['MinCapacity']} to {target['MaxCapacity']}",
                       since=target["CreationTime"])


def _stop_scaling(account: Account, target: dict[str, Any]) -> None:
    scaling = account.client("application-autoscaling")
    its = {name: target[name] for name in ("ServiceNamespace", "ResourceId", "ScalableDimension")}
    for policy in pages(account, "application-autoscaling", "describe_scaling_policies",
                        "ScalingPolicies", **its):
        scaling.delete_scaling_policy(PolicyName=policy["PolicyName"], **its)
    scaling.deregister_scalable_target(**its)
