"""Make an endpoint, or bring it up to date: real-time, serverless, asynchronous or multi-model.

With --for it deletes itself when the time is over. Without, an endpoint that is there keeps the
time that was set before; --for never takes it off.

Real-time runs instances all the time, more of them under load with --max-count, and never none.
Serverless costs nothing while idle, and begins slowly after it. Asynchronous takes requests from
S3, puts the answers there, and scales in to zero when its queue is empty. Multi-model is real-time
for many models, each asked for by its name: host_models.py adds them, before this or after.

What serves now goes on until the new model has answered for five minutes; an alarm in that time
takes the change back. (Serverless changes at once.)
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple

from cloud import journey, prices
from cloud.account import Account
from cloud.errors import ScriptError
from cloud.hosting import endpoints, expiry, models, monitoring, scaling, variants
from cloud.hosting.variants import (
    ASYNC,
    KINDS,
    MAIN,
    MULTI_MODEL,
    REAL_TIME,
    SERVERLESS,
    STANDING,
    Container,
    Hosting,
)
from cloud.storage import ensure_bucket
from cloud.verb import Verb, account_of, end, run

NEVER = "never"


class Deployed(NamedTuple):
    """An endpoint, and when it deletes itself."""

    name: str
    until: datetime | None


def deploy(account: Account, endpoint: str | None = None, *, hosting: Hosting | None = None,
           model: str | None = None, image: str | None = None, role: str | None = None,
           scheduler_role: str | None = None, environment: Mapping[str, str] | None = None,
           isolation: bool = True, lifetime: str | None = None, capture: int | None = None,
           max_concurrent: int = 4, success_topic: str | None = None,
           error_topic: str | None = None, latency_ms: int = 1000, alarm_topic: str | None = None,
           email: str | None = None, wait: bool = True) -> Deployed:
    """Make the endpoint or bring it up to date.

    `model` is the S3 URI of a `model.tar.gz` or a training job; None is the newest, and for a
    multi-model endpoint all that were added for it. `lifetime` is `30m`, `2h`, `1d` or `never`;
    None keeps the time that was set before. `capture` is the percent of requests and answers to
    keep in S3.

    Raises:
        ScriptError: the settings contradict each other, something is missing, or AWS failed.
    """
    begun = datetime.now(UTC)
    name, hosting = endpoints.checked_name(account, endpoint), hosting or Hosting()
    until = None if lifetime in (None, NEVER) else begun + expiry.duration(lifetime)
    if capture is not None and hosting.kind != REAL_TIME:
        raise ScriptError(f"--capture: {hosting.kind} endpoints do not record requests and answers"
                          + ("; both are in S3 anyway" if hosting.kind == ASYNC else ""))
    container = Container(
        image=journey.image(account, "cpu", image),
        data=_data(account, name, hosting.kind, model),
        role=journey.role(account, "Serving", role), isolation=isolation,
        environment=environment or {})
    present = endpoints.find(account, name)
    _check_it_may_become(name, present, hosting)

    # First of all: if this fails, nothing has been made that would run on.
    if until:
        expiry.put(account, name, until, journey.role(account, "Scheduler", scheduler_role),
                   monitoring.alarm_names(name))
    elif present is None or lifetime == NEVER:
        expiry.remove(account, name)
    else:
        until = expiry.end_of(account, name)

    more: dict[str, Any] = {}
    if capture is not None:
        more = variants.capture(account, name, capture)
    if hosting.kind == ASYNC:
        more = variants.asynchronous(account, max_concurrent, success_topic, error_topic)
    if more:
        ensure_bucket(account)
    tell = monitoring.listeners(account, name, MAIN, alarm_topic, email)
    alarms = monitoring.put_alarms(account, name, hosting.kind, MAIN, latency_ms, tell)
    monitoring.put_dashboard(account, name, hosting.kind, [MAIN])
    _serve(account, name, present, hosting, container, more, alarms, wait=wait)
    return Deployed(name, until)


def _data(account: Account, endpoint: str, kind: str, model: str | None) -> str:
    if kind != MULTI_MODEL:
        return journey.model(account, model)
    if model:
        raise ScriptError(f"--model {model}: a multi-model endpoint serves all that were added for "
                          "it; add this one with `python scripts/host_models.py --add`")
    if not models.listed(account, endpoint) and not account.dry_run:
        raise ScriptError(f"there is no model for {endpoint} yet; add one first: `python "
                          f"scripts/host_models.py --endpoint {endpoint} --add`")
    return models.prefix(account, endpoint)


def _check_it_may_become(endpoint: str, present: endpoints.Present | None,
                         hosting: Hosting) -> None:
    if present and present.kind != hosting.kind:
        raise ScriptError(f"the endpoint {endpoint} is {present.kind} and stays so; choose another "
                          "name with --endpoint, or remove it first with `python "
                          f"scripts/teardown.py --endpoint {endpoint}`")
    if present and set(present.variants) != {MAIN}:
        raise ScriptError(f"the traffic of {endpoint} is split between "
                          f"{' and '.join(sorted(present.variants))}; end that first: `python "
                          f"scripts/split_traffic.py --endpoint {endpoint}` with --promote or "
                          "--withdraw")


def _serve(account: Account, endpoint: str, present: endpoints.Present | None, hosting: Hosting,
           container: Container, more: Mapping[str, Any], alarms: Sequence[str], *,
           wait: bool) -> None:
    """Let the endpoint become what is wanted, unless it is that, and scale as is wanted."""
    name = f"{endpoint}-{journey.stamp()}"
    model, variant = container.model(name, hosting.kind), variants.variant(hosting, name)
    digest = variants.digest(model, [variant], more)
    config = {"EndpointConfigName": name, "ProductionVariants": [variant], **more,
              "Tags": [*account.tags, {"Key": variants.DIGEST, "Value": digest}]}
    # SageMaker changes neither the type nor the number of instances of a variant that scales.
    new_type = present and present.variants[MAIN].get("InstanceType") != variant.get("InstanceType")
    if present and (new_type or not hosting.scales):
        scaling.remove(account, endpoint, MAIN)
    if present and present.digest == digest:
        print(f"the endpoint {endpoint} serves this already", flush=True)
    else:
        update = {} if hosting.kind == SERVERLESS else endpoints.guarded(alarms)
        if present and hosting.kind in STANDING and scaling.is_on(account, endpoint, MAIN):
            update |= endpoints.RETAINED
        print(f"{'changing' if present else 'making'} the endpoint {endpoint}; this takes some "
              "minutes", flush=True)
        endpoints.change(account, endpoint, present, config, [model], update)
        if not wait:
            print("run the same command again when the endpoint is InService, "
                  + ("to let it scale" if hosting.scales else "to see that it is"), flush=True)
            return
        endpoints.settle(account, endpoint, name)
        if present:
            endpoints.discard(account, present, config)
    if hosting.scales:
        scaling.apply(account, endpoint, MAIN, hosting)


def costs(hosting: Hosting, until: datetime | None = None) -> list[str]:
    """What an endpoint costs while it is there, in lines."""
    least, most = hosting.range
    if hosting.kind == SERVERLESS:
        second = hosting.memory_mb / 1024 * prices.SERVERLESS_GB_SECOND
        used = f"about {second:.5f} USD for each second of predicting; " + (
            "nothing while idle" if hosting.provisioned is None else
            "provisioned concurrency all the time, see https://aws.amazon.com/sagemaker/pricing/")
    else:
        used = prices.per_hour(hosting.instance, hosting.count)
        used += f"; up to {most} instances under load" if most > hosting.count else ""
        used += "; nothing from some 15 minutes after the last request" if least == 0 else ""
    lines = [used, monitoring.cost(hosting.kind)]
    if until:
        price = prices.PER_HOUR.get(hosting.instance) if hosting.kind != SERVERLESS else None
        hours = (until - datetime.now(UTC)).total_seconds() / 3600
        in_all = f"about {price * hosting.count * hours:.2f} USD by then" if price else "then"
        lines.append(f"{in_all}: all of that ends at {expiry.spoken(until)}")
    return lines


def trial(account: Account, endpoint: str, kind: str) -> list[str]:
    """Commands that ask the endpoint about a review."""
    review = "local_test/payloads/review.txt"
    tool = f"aws sagemaker-runtime --region {account.region}"
    if kind == ASYNC:
        place = account.s3_uri(f"{journey.PREFIXES['async']}/input/review.txt")
        return [f"aws s3 cp {review} {place}",
                f"{tool} invoke-endpoint-async --endpoint-name {endpoint} "
                f"--content-type text/plain --input-location {place}"]
    target = " --target-model NAME.tar.gz" if kind == MULTI_MODEL else ""
    return [f"{tool} invoke-endpoint --endpoint-name {endpoint}{target} --content-type text/plain "
            f"--body fileb://{review} /dev/stdout",
            f"python scripts/evaluate_endpoint.py --endpoint {endpoint}{target}"]


def _environment(pairs: Sequence[str]) -> dict[str, str]:
    for pair in pairs:
        if "=" not in pair[1:]:
            raise ScriptError(f"--env {pair}: write NAME=VALUE")
    return dict(pair.split("=", 1) for pair in pairs)


def _act(options: argparse.Namespace) -> None:
    account = account_of(options)
    if options.kind == SERVERLESS and options.network_isolation:
        raise ScriptError("--network-isolation: serverless endpoints do not have it")
    hosting = Hosting(
        kind=options.kind, instance=options.instance, count=options.count,
        least=options.min_count, most=options.max_count, target=options.target,
        startup_s=options.startup_s, memory_mb=options.memory_mb,
        concurrency=options.concurrency, provisioned=options.provisioned)
    lifetime = vars(options)["for"]
    name, until = deploy(
        account, options.endpoint, hosting=hosting, model=options.model, image=options.image,
        role=options.role, scheduler_role=options.scheduler_role,
        environment=_environment(options.env), isolation=options.network_isolation is not False,
        lifetime=lifetime, capture=options.capture, max_concurrent=options.max_concurrent,
        success_topic=options.success_topic, error_topic=options.error_topic,
        latency_ms=options.latency_ms, alarm_topic=options.alarm_topic, email=options.email,
        wait=options.wait)
    print("\ntry it:", *trial(account, name, hosting.kind), sep="\n  ")
    end(made=[account.arn("sagemaker", f"endpoint/{name}"),
              f"its model, its configuration, its alarms and the dashboard {name}"],
        costs=f"\n{'':8}".join(costs(hosting, until)),
        remove=f"python scripts/teardown.py {account.place} --endpoint {name}")


def command() -> Verb:
    """The command line."""
    verb = Verb("deploy_endpoint", __doc__, "--kind serverless --for 2h")
    verb.add_argument("--endpoint", metavar="NAME", help="its name (that of the project)")
    verb.add_argument("--kind", choices=KINDS, default=REAL_TIME, help="(%(default)s)")
    verb.add_argument("--for", metavar="TIME",
                      help="delete it after 30m, 2h or 1d; never: take an earlier time off")
    verb.add_argument("--wait", action=argparse.BooleanOptionalAction, default=True,
                      help="wait until it is in service (yes)")
    what = verb.add_argument_group("what runs")
    what.add_argument("--model", help="s3://.../model.tar.gz, or a training job (the newest)")
    what.add_argument("--image", metavar="URI", help="the container image (tag cpu in ECR)")
    what.add_argument("--role", metavar="ARN", help="serving role (that of create_roles.py)")
    what.add_argument("--env", nargs="+", default=[], metavar="NAME=VALUE",
                      help="settings of the server, see docs/serving.md")
    what.add_argument("--network-isolation", action=argparse.BooleanOptionalAction,
                      help="no network for the container (yes; serverless cannot)")
    what.add_argument("--capture", type=int, metavar="PERCENT",
                      help="keep so many of the requests and answers, with the reviews in them, "
                           "in S3; real-time only")
    instances = verb.add_argument_group("real-time, asynchronous and multi-model")
    instances.add_argument("--instance", default="ml.m5.large", help="(%(default)s)")
    instances.add_argument("--count", type=int, default=1, metavar="N",
                           help="instances to begin with (1)")
    instances.add_argument("--min-count", type=int, metavar="N",
                           help="least (--count; asynchronous 0)")
    instances.add_argument("--max-count", type=int, metavar="N", help="most (--count)")
    instances.add_argument("--target", type=float, metavar="N",
                           help="for each instance: requests a minute "
                                f"({scaling.INVOCATIONS_A_MINUTE:g}), or requests in the queue "
                                f"({scaling.BACKLOG:g})")
    instances.add_argument("--startup-s", type=int, default=480, metavar="SECONDS",
                           help="time until the model must answer (%(default)s)")
    serverless = verb.add_argument_group("serverless")
    serverless.add_argument("--memory-mb", type=int, choices=variants.MEMORY_MB, default=2048,
                            metavar="MB", help="1024 to 6144 in steps of 1024 (%(default)s)")
    serverless.add_argument("--concurrency", type=int, default=5, metavar="N",
                            help="requests at the same time (%(default)s)")
    serverless.add_argument("--provisioned", type=int, metavar="N",
                            help="of these, how many are kept warm, which costs (none)")
    queue = verb.add_argument_group("asynchronous")
    queue.add_argument("--max-concurrent", type=int, default=4, metavar="N",
                       help="requests at the same time for each instance (%(default)s)")
    queue.add_argument("--success-topic", metavar="ARN",
                       help="SNS topic to tell of answers; name it to create_roles.py --topics")
    queue.add_argument("--error-topic", metavar="ARN",
                       help="SNS topic to tell of failures; likewise")
    alarms = verb.add_argument_group("alarms")
    alarms.add_argument("--latency-ms", type=int, default=1000, metavar="MS",
                        help="alarm when 1 in 100 answers is slower (%(default)s)")
    alarms.add_argument("--alarm-topic", metavar="ARN", help="SNS topic that alarms tell")
    alarms.add_argument("--email", metavar="ADDRESS", help="make a topic that writes there")
    verb.add_argument("--scheduler-role", metavar="ARN",
                      help="role that deletes (that of create_roles.py)")
    return verb


def main(arguments: Sequence[str] | None = None) -> int:
    """Deploy; returns the exit status."""
    return run(command(), _act, arguments)


if __name__ == "__main__":
    sys.exit(main())
