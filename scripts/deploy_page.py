"""Make the web page and the API behind it, or bring them up to date.

The function of lambda/ is packed with what it imports, and put behind an HTTP API; the files of
website/ go into a bucket that only CloudFront may read. Page and API have one address. The first
time takes some five minutes, most of them for CloudFront.

What is given once stays until it is given anew.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urljoin, urlsplit

from cloud import journey, prices, stacks
from cloud.account import Account
from cloud.errors import ScriptError
from cloud.hosting import endpoints
from cloud.hosting.variants import ASYNC
from cloud.page import files as page
from cloud.page import packing
from cloud.verb import Verb, account_of, end, run

TEMPLATE = packing.FOLDER / "template.yaml"
CAPABILITIES = ("CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND")
ALARMS = 4

_KEPT = ("Burst", "LogRetentionInDays", "MemorySize", "SlowMilliseconds")
"""Parameters that have no option here; whoever sets them by other means has them kept."""

_CODE = re.compile(r"^( +CodeUri: )\.$", re.MULTILINE)
_PLANNED = {"PageUrl": "https://PAGE/", "PredictUrl": "https://API/predict",
            "PageBucket": "page-bucket", "DistributionId": "DISTRIBUTION"}
"""To go on with in a dry run."""


class Deployed(NamedTuple):
    """Where the page and the API are."""

    page: str
    api: str
    endpoint: str


def deploy(account: Account, endpoint: str | None = None, *,
           allowed_origins: Sequence[str] | None = None, requests_per_second: int | None = None,
           alarm_topic: str | None = None, folder: Path | None = None, check: bool = True
           ) -> Deployed:
    """Make the page and the API in front of an endpoint, or bring them up to date.

    What is None stays as it is; at first the endpoint is the one with the project's name. `folder`
    gets a copy of the page for another host, from where it calls the API across origins.

    Raises:
        ScriptError: the endpoint cannot answer, something failed on the way, or the page does not
            answer in the end; the first and the last are not looked at without `check`.
    """
    stack = f"{account.project}-page"
    endpoint = endpoints.checked_name(account, endpoint or _present_endpoint(account, stack))
    if check:
        _check_endpoint(account, endpoint)
    code = packing.upload(account)
    made = stacks.deploy(account, stack, _template(code), {
        "EndpointName": endpoint,
        "AllowedOrigins": None if allowed_origins is None else ",".join(allowed_origins),
        "RequestsPerSecond": None if requests_per_second is None else str(requests_per_second),
        "AlarmTopicArn": alarm_topic,
        "RoleBoundaryArn": account.stack_outputs(f"{account.project}-roles").get(
            "FunctionBoundaryArn"),
        **dict.fromkeys(_KEPT)}, CAPABILITIES)
    outputs = {**_PLANNED, **made} if account.dry_run else made
    path = urlsplit(outputs["PredictUrl"]).path  # the distribution hands it on to the API
    here = page.files(path)
    page.upload(account, outputs["PageBucket"], here)
    account.client("cloudfront").create_invalidation(
        DistributionId=outputs["DistributionId"], InvalidationBatch={
            "Paths": {"Quantity": 1, "Items": ["/*"]}, "CallerReference": journey.stamp()})
    if folder and not account.dry_run:
        page.export(page.files(outputs["PredictUrl"]), folder)
    if check:
        page.check(account, outputs["PageUrl"], urljoin(outputs["PageUrl"], path), here)
    return Deployed(outputs["PageUrl"], outputs["PredictUrl"], endpoint)


def _present_endpoint(account: Account, stack: str) -> str | None:
    """The endpoint that the page has now."""
    parameters = (stacks.find(account, stack) or {}).get("Parameters", [])
    return next((str(each["ParameterValue"]) for each in parameters
                 if each["ParameterKey"] == "EndpointName"), None)


def _check_endpoint(account: Account, endpoint: str) -> None:
    """Raises ScriptError: it cannot answer a page."""
    present = endpoints.find(account, endpoint)
    if present and present.kind == ASYNC:
        raise ScriptError(f"the endpoint {endpoint} is asynchronous: it answers into S3. A page "
                          "needs one that is real-time or serverless")
    if not present and not account.dry_run:
        raise ScriptError(f"there is no endpoint {endpoint}; make it with `python "
                          f"scripts/deploy_endpoint.py --endpoint {endpoint}`, or give --no-check "
                          "to make the page first")


def _template(code: str) -> str:
    """The template with the function's code where CloudFormation finds it."""
    template, count = _CODE.subn(rf"\g<1>{code}", TEMPLATE.read_text(encoding="utf-8"))
    if count != 1:
        raise ScriptError(f"{TEMPLATE} has no line `CodeUri: .`, or several")
    return template


def _act(options: argparse.Namespace) -> None:
    account = account_of(options)
    deployed = deploy(account, options.endpoint, allowed_origins=options.allowed_origins,
                      requests_per_second=options.requests_per_second,
                      alarm_topic=options.alarm_topic, folder=options.export, check=options.check)
    end(made=[f"the page {deployed.page}", f"the API {deployed.api}",
              f"in front of the endpoint {deployed.endpoint}"],
        costs=f"{prices.per_month(ALARMS * prices.ALARM_MONTH)} for {ALARMS} alarms, about "
              f"{prices.PAGE_MILLION:.0f} USD for a million reviews, nothing else; the endpoint "
              "has its own price",
        remove=f"python scripts/teardown.py {account.place}")


def command() -> Verb:
    """The command line."""
    verb = Verb("deploy_page", __doc__, "--requests-per-second 5")
    verb.add_argument("--endpoint", metavar="NAME",
                      help="endpoint that answers (that of before; first that of the project)")
    verb.add_argument("--allowed-origins", nargs="+", metavar="ORIGIN",
                      help="other pages that may call the API, such as https://example.com (none)")
    verb.add_argument("--requests-per-second", type=int, metavar="N",
                      help="what the API lets through on average (10)")
    verb.add_argument("--alarm-topic", metavar="ARN", help="SNS topic that alarms tell (none)")
    verb.add_argument("--export", type=Path, metavar="FOLDER",
                      help="also write the page there, for a host of yours among "
                           "--allowed-origins")
    verb.add_argument("--check", action=argparse.BooleanOptionalAction, default=True,
                      help="first look for the endpoint, and in the end ask the page (yes)")
    return verb


def main(arguments: Sequence[str] | None = None) -> int:
    """Deploy; returns the exit status."""
    return run(command(), _act, arguments)


if __name__ == "__main__":
    sys.exit(main())
