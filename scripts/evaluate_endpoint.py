"""Ask an endpoint about labelled reviews, and measure how right, how sure and how fast it is.

The reviews are a folder, file or archive in any layout that training reads; where there are train
and test, those of the test are taken. The figures are printed as a table, and written as JSON and
as an HTML report if you name the files. Requests that find the endpoint busy are sent again, and
counted.
"""

from __future__ import annotations

import argparse
import json
import shlex
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlsplit

from cloud import prices
from cloud.account import Account
from cloud.data.labelled import Reviews, as_line, read, sample
from cloud.errors import ScriptError
from cloud.scoring.evaluation import Evaluation, evaluation, table
from cloud.scoring.invoking import LARGEST_BODY, Endpoint, ask_all, batches
from cloud.verb import Verb, account_of, end, run

from botocore.exceptions import ClientError

REVIEWS = Path("data/raw/test")
WARM_UP = "A film."


def evaluate(account: Account, endpoint: str, reviews: Reviews, *, concurrency: int = 8,
             batch: int = 1, variant: str | None = None, target_model: str | None = None,
             about: Mapping[str, str] | None = None) -> Evaluation:
    """Ask `endpoint` about all `reviews`, `batch` in a request, `concurrency` requests at a time.

    `target_model` is the one to ask of a multi-model endpoint. `about` is more to be said of how it
    was measured.

    Raises:
        ScriptError: the first request or all others failed, or not our container answers.
        ClientError: there is no such endpoint, or it is not for us to ask.
    """
    asked = Endpoint(account, endpoint, variant=variant, model=target_model,
                     connections=concurrency)
    started = datetime.now(UTC)
    warm_up = asked.ask([WARM_UP])
    if warm_up.failed:  # or thousands of requests would be sent, and sent again, for nothing
        raise ScriptError(f"{endpoint} does not answer ({warm_up.answers[0]}, "
                          f"{_times(len(warm_up.retries) + 1)}); {_log(endpoint)}")
    replies, seconds = ask_all(asked, reviews.texts, batch=batch, concurrency=concurrency)
    found = evaluation(reviews, replies, seconds=seconds, warm_up_ms=warm_up.ms, setup={
        "endpoint": endpoint, "address": asked.address,
        "variant": variant or "as the endpoint chooses",
        **({"model": target_model} if target_model else {}),
        "began": f"{started:%Y-%m-%d %H:%M:%S} UTC", "took": f"{seconds:,.1f} seconds",
        "reviews": f"{len(reviews.texts):,}", "reviews a request": f"at most {batch:,}",
        "requests at a time": f"{concurrency:,}",
        **(about or {})})
    if not found.answered:
        why = ", ".join(f"{count:,} x {why}" for why, count in found.errors.items())
        raise ScriptError(f"{endpoint} answered none of {found.asked:,} reviews ({why}); "
                          f"{_log(endpoint)}")
    return found


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count} times in a row"


def _log(endpoint: str) -> str:
    return f"its log is the group /aws/sagemaker/Endpoints/{endpoint}"


def costs(account: Account, endpoint: str, address: str, milliseconds: float) -> str:
    """What the requests have cost, or what is paid for without any.

    Whoever may only ask the endpoint cannot see of what kind it is, and is told so.
    """
    if urlsplit(address).hostname in ("127.0.0.1", "localhost"):
        return "nothing: what answered is no endpoint of AWS"
    sagemaker = account.client("sagemaker")
    try:
        config = sagemaker.describe_endpoint(EndpointName=endpoint)["EndpointConfigName"]
        variants = sagemaker.describe_endpoint_config(
            EndpointConfigName=config)["ProductionVariants"]
    except ClientError:
        return "see `python scripts/status.py`; the kind of the endpoint could not be read"
    serverless = [variant["ServerlessConfig"]["MemorySizeInMB"] for variant in variants
                  if "ServerlessConfig" in variant]
    if serverless:
        amount = max(serverless) / 1024 * milliseconds / 1000 * prices.SERVERLESS_GB_SECOND
        return (f"at most {max(amount, 0.01):.2f} USD for these requests (serverless, list price "
                "in us-east-1); nothing while nobody asks")
    return "; ".join(prices.per_hour(variant["InstanceType"], variant["InitialInstanceCount"])
                     for variant in variants) + ", asked or not"


def _act(options: argparse.Namespace) -> None:
    for name in ("batch", "concurrency", "limit"):
        if getattr(options, name) is not None and getattr(options, name) < 1:
            raise ScriptError(f"--{name} is {getattr(options, name)}; it has to be 1 or more")
    account = account_of(options)
    endpoint = options.endpoint or account.project
    whole = read(options.reviews)
    reviews = sample(whole, options.limit, options.seed)
    if account.dry_run:
        _show(Endpoint(account, endpoint, variant=options.variant, model=options.target_model),
              reviews, options.batch)
        return
    found = evaluate(account, endpoint, reviews, concurrency=options.concurrency,
                     batch=options.batch, variant=options.variant,
                     target_model=options.target_model, about={
                         "chosen from": f"{len(whole.texts):,} reviews in {options.reviews}, "
                                        f"with seed {options.seed}",
                         "command": _command(options, endpoint)})
    print(table(found))
    made = []
    if options.json:
        options.json.write_text(json.dumps(found.as_json(), indent=2) + "\n", encoding="utf-8")
        made.append(str(options.json))
    if options.report:
        from cloud.scoring.report import report  # plots take a while to import

        page = report(found, f"How well {endpoint} reads reviews", options.excerpts)
        options.report.write_text(page, encoding="utf-8", errors="replace")
        made.append(str(options.report))
    end(made=made or ["nothing"],
        costs=costs(account, endpoint, found.setup["address"], sum(found.latencies)),
        remove=f"python scripts/teardown.py {account.place} --endpoint {endpoint}")


def _show(endpoint: Endpoint, reviews: Reviews, batch: int) -> None:
    """A dry run: one request as an example, as thousands would say no more."""
    requests = list(batches(reviews.texts, batch))
    endpoint.show(requests[0])
    print(f"with a body that begins {as_line(requests[0][0])[:100]!r}\n"
          f"and {len(requests) - 1:,} more like it, for {len(reviews.texts):,} reviews in all")


def _command(options: argparse.Namespace, endpoint: str) -> str:
    """The command that measures the same again, wherever its settings came from."""
    words = ["python", "scripts/evaluate_endpoint.py", "--reviews", str(options.reviews),
             "--endpoint", endpoint, "--batch", str(options.batch),
             "--concurrency", str(options.concurrency)]
    words += ["--limit", str(options.limit), "--seed", str(options.seed)] if options.limit else []
    words += ["--variant", options.variant] if options.variant else []
    words += ["--target-model", options.target_model] if options.target_model else []
    return shlex.join(words)


def command() -> Verb:
    """The command line."""
    verb = Verb("evaluate_endpoint", __doc__, "--limit 2000 --report report.html")
    verb.add_argument("--reviews", type=Path, metavar="PLACE", default=REVIEWS,
                      help="where labelled reviews are (%(default)s)")
    verb.add_argument("--endpoint", metavar="NAME", help="the endpoint (the project's name)")
    verb.add_argument("--variant", metavar="NAME", help="one variant of it, and not by its share")
    verb.add_argument("--target-model", metavar="NAME",
                      help="which model, of a multi-model endpoint; host_models.py lists them")
    verb.add_argument("--limit", type=int, metavar="N",
                      help="take N reviews, labels in the proportion of the whole (all)")
    verb.add_argument("--seed", type=int, default=0, help="which N reviews (%(default)s)")
    verb.add_argument("--batch", type=int, default=1, metavar="N",
                      help=f"reviews a request, up to {LARGEST_BODY / 1e6:g} MB (%(default)s)")
    verb.add_argument("--concurrency", type=int, default=8, metavar="N",
                      help="requests at a time (%(default)s)")
    verb.add_argument("--json", type=Path, metavar="FILE", help="write the figures here")
    verb.add_argument("--report", type=Path, metavar="FILE", help="write an HTML report here")
    verb.add_argument("--excerpts", type=int, default=10, metavar="N",
                      help="mistakes in the report, with what they say (%(default)s)")
    return verb


def main(arguments: Sequence[str] | None = None) -> int:
    """Evaluate; returns the exit status."""
    return run(command(), _act, arguments)


if __name__ == "__main__":
    sys.exit(main())
