"""Give a second model, the challenger, a share of an endpoint's traffic; then all of it, or none.

The first --share starts the challenger beside the model that serves; a later one changes the share
only, within a minute or two. --promote lets the challenger take the place of the other, and
--withdraw takes it away. While there are two, both run on instances of their own, and alarms,
dashboard and scaling look at each.

For real-time endpoints: the platform gives serverless and asynchronous ones one variant only.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

from cloud import journey, prices
from cloud.account import Account
from cloud.errors import ScriptError, found
from cloud.hosting import endpoints, monitoring, scaling, variants
from cloud.hosting.endpoints import Present
from cloud.hosting.variants import CHALLENGER, MAIN, MULTI_MODEL, REAL_TIME, Container, Hosting
from cloud.verb import Verb, account_of, end, run


class Traffic(NamedTuple):
    """An endpoint, and what its challenger runs on; with no instances there is none."""

    endpoint: str
    instance: str
    challengers: int


def split(account: Account, endpoint: str | None = None, *, share: int, model: str | None = None,
          image: str | None = None, count: int = 1) -> Traffic:
    """Send `share` percent of the requests to the challenger.

    The challenger is made if there is none, or another than `model` and `image` name. `model` is
    the S3 URI of a `model.tar.gz` or a training job. Without it, an `image` gets the model that
    serves; with neither, the newest model is the challenger.

    Raises:
        ScriptError: the endpoint cannot be split, or challenger and main would be the same.
    """
    if not 0 <= share <= 100:
        raise ScriptError(f"--share {share}: percent for the challenger, 0 to 100")
    name, present = _present(account, endpoint, (MAIN,))
    there = present.variants.get(CHALLENGER)
    if there and not model and not image:
        return _weigh(account, name, present, share)
    main = _container(account, present.variants[MAIN])
    data = main.data if image and not model else journey.model(account, model)
    wanted = replace(main, data=data, image=image or main.image)
    if there and _container(account, there) == wanted:
        return _weigh(account, name, present, share)
    if main == wanted:
        raise ScriptError(f"{name} serves {wanted.data} already; name another model with --model, "
                          "or another image with --image")
    stamped = f"{name}-{journey.stamp()}"
    monitoring.put_alarms(account, name, REAL_TIME, CHALLENGER,
                          monitoring.latency_ms(account, name, MAIN) or 1000,
                          monitoring.listeners(account, name, MAIN))
    _change(account, name, present, stamped, [
        {**present.variants[MAIN], "InitialVariantWeight": 100.0 - share},
        {**present.variants[MAIN], "InitialVariantWeight": float(share), "ModelName": stamped,
         "VariantName": CHALLENGER, "InitialInstanceCount": count}],
        [wanted.model(stamped, REAL_TIME)])
    scaling.follow(account, name, CHALLENGER, MAIN)
    monitoring.put_dashboard(account, name, REAL_TIME, [MAIN, CHALLENGER])
    return _traffic(name, present, count)


def promote(account: Account, endpoint: str | None = None) -> Traffic:
    """Let the challenger's model take the main one's place."""
    return _keep(account, endpoint, CHALLENGER)


def withdraw(account: Account, endpoint: str | None = None) -> Traffic:
    """Take the challenger away."""
    return _keep(account, endpoint, MAIN)


def _keep(account: Account, endpoint: str | None, winner: str) -> Traffic:
    name, present = _present(account, endpoint, (MAIN, CHALLENGER))
    if CHALLENGER not in present.variants:
        print(f"{name} has no challenger; nothing is changed", flush=True)
        return _traffic(name, present)
    # SageMaker does not take away a variant that scales.
    scaling.remove(account, name, CHALLENGER)
    _change(account, name, present, f"{name}-{journey.stamp()}", [
        {**present.variants[MAIN], "ModelName": present.variants[winner]["ModelName"],
         "InitialVariantWeight": 1.0}])
    monitoring.remove_alarms(account, name, CHALLENGER)
    monitoring.put_dashboard(account, name, REAL_TIME, [MAIN])
    return _traffic(name, present, 0)


def _traffic(endpoint: str, present: Present, count: int | None = None) -> Traffic:
    now = present.variants.get(CHALLENGER, {}).get("InitialInstanceCount", 0)
    return Traffic(endpoint, present.variants[MAIN]["InstanceType"],
                   now if count is None else count)


def _change(account: Account, endpoint: str, present: Present, config_name: str,
            variants: Sequence[Mapping[str, Any]],
            models: Sequence[Mapping[str, Any]] = ()) -> None:
    """Let the endpoint have these variants, and wait until it has."""
    capture = present.config.get("DataCaptureConfig")
    config = {"EndpointConfigName": config_name, "ProductionVariants": list(variants),
              **({"DataCaptureConfig": capture} if capture else {}), "Tags": account.tags}
    print(f"changing the endpoint {endpoint}; this takes some minutes", flush=True)
    endpoints.change(account, endpoint, present, config, models, endpoints.RETAINED)
    endpoints.settle(account, endpoint, config_name)
    endpoints.discard(account, present, config)


def _weigh(account: Account, endpoint: str, present: Present, share: int) -> Traffic:
    """Change the shares; nothing is started or stopped."""
    account.client("sagemaker").update_endpoint_weights_and_capacities(
        EndpointName=endpoint, DesiredWeightsAndCapacities=[
            {"VariantName": MAIN, "DesiredWeight": 100.0 - share},
            {"VariantName": CHALLENGER, "DesiredWeight": float(share)}])
    endpoints.settle(account, endpoint)
    return _traffic(endpoint, present)


def _present(account: Account, endpoint: str | None,
             assumed: Sequence[str]) -> tuple[str, Present]:
    """The endpoint; in a dry run without one, what deploy_endpoint.py would have made."""
    name = endpoints.checked_name(account, endpoint)
    present = endpoints.find(account, name)
    if present is None and account.dry_run:
        present = Present({}, {"EndpointConfigName": f"{name}-NOW", "ProductionVariants": [
            {**variants.variant(Hosting(), f"{name}-{variant}"), "VariantName": variant}
            for variant in assumed]})
    if present is None:
        raise ScriptError(f"there is no endpoint {name}; run `python scripts/deploy_endpoint.py`, "
                          "or name one with --endpoint")
    if present.kind == MULTI_MODEL:
        raise ScriptError(f"{name} serves many models, each under a name of its own; add the other "
                          "one with `python scripts/host_models.py`, and ask for it by its name")
    if present.kind != REAL_TIME:
        raise ScriptError(f"{name} is {present.kind}, and the platform gives such an endpoint one "
                          "variant only. To compare two models, deploy the other one under "
                          "another --endpoint and ask both")
    if MAIN not in present.variants:
        raise ScriptError(f"{name} has no variant {MAIN!r}; scripts/deploy_endpoint.py did not "
                          "make it")
    return name, present


def _container(account: Account, variant: Mapping[str, Any]) -> Container:
    """What a variant runs."""
    model = found(lambda: account.client("sagemaker").describe_model(
        ModelName=variant["ModelName"]))
    if model is None and account.dry_run:
        return Container(image=journey.image(account, "cpu"), data="", role=journey.role(
            account, "Serving"))
    if model is None:
        raise ScriptError(f"the model {variant['ModelName']} was deleted, so nobody can tell what "
                          f"the variant {variant['VariantName']} runs; deploy it anew with "
                          "scripts/deploy_endpoint.py")
    runs = model["PrimaryContainer"]
    return Container(image=runs["Image"], data=runs["ModelDataUrl"],
                     role=model["ExecutionRoleArn"], environment=runs.get("Environment", {}),
                     isolation=model.get("EnableNetworkIsolation", False))


def _act(options: argparse.Namespace) -> None:
    account = account_of(options)
    if (options.share is not None) + options.promote + options.withdraw != 1:
        raise ScriptError("say one of --share PERCENT, --promote and --withdraw")
    if options.promote:
        traffic = promote(account, options.endpoint)
    elif options.withdraw:
        traffic = withdraw(account, options.endpoint)
    else:
        traffic = split(account, options.endpoint, share=options.share, model=options.model,
                        image=options.image, count=options.count)
    name, instance, count = traffic
    arn = account.arn("sagemaker", f"endpoint/{name}")
    if count:
        end(made=[f"{arn}: {options.share} % of the requests for the challenger"],
            costs=f"{prices.per_hour(instance, count)} for the challenger, beside what the other "
                  "costs",
            remove=f"python scripts/split_traffic.py {account.place} --endpoint {name} "
                   "--withdraw")
    else:
        end(made=[f"{arn}: all requests for one model"],
            costs=f"{prices.per_hour(instance)}, for each instance",
            remove=f"python scripts/teardown.py {account.place} --endpoint {name}")


def command() -> Verb:
    """The command line."""
    verb = Verb("split_traffic", __doc__, "--model sentiment-sagemaker-20261120-101500 --share 10")
    verb.add_argument("--endpoint", metavar="NAME", help="the endpoint (that of the project)")
    verb.add_argument("--share", type=int, metavar="PERCENT",
                      help="of the requests, for the challenger: 0 to 100")
    verb.add_argument("--promote", action=argparse.BooleanOptionalAction, default=False,
                      help="the challenger takes the other's place")
    verb.add_argument("--withdraw", action=argparse.BooleanOptionalAction, default=False,
                      help="the challenger goes")
    verb.add_argument("--model", help="s3://.../model.tar.gz, or a training job (the newest)")
    verb.add_argument("--image", metavar="URI", help="container image (that of the other)")
    verb.add_argument("--count", type=int, default=1,
                      help="instances of the challenger to begin with (%(default)s)")
    return verb


def main(arguments: Sequence[str] | None = None) -> int:
    """Split, promote or withdraw; returns the exit status."""
    return run(command(), _act, arguments)


if __name__ == "__main__":
    sys.exit(main())
