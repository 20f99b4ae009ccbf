"""List the models of a multi-model endpoint, add some, or remove some.

A model to --add is a training job (without a name the newest), s3://.../model.tar.gz, or a file on
this machine. It is copied to models/ENDPOINT/ in the bucket, where the endpoint finds it as soon as
somebody asks for its name, even if it was made before. A name means one model for ever, as an
endpoint keeps what it has loaded: add another version under another name, and remove the old one.

`python scripts/deploy_endpoint.py --kind multi-model` makes the endpoint, once there is a model.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from cloud import prices
from cloud.account import Account
from cloud.errors import ScriptError
from cloud.hosting import endpoints, models
from cloud.storage import Stored
from cloud.verb import Verb, account_of, end, run


def host(account: Account, endpoint: str | None = None, *, add: Sequence[str | None] = (),
         name: str | None = None, remove: Sequence[str] = ()) -> tuple[list[str], list[Stored]]:
    """Add models to an endpoint and remove others; returns names of the added, and all archives.

    In `add`, None is the newest training job. With a `name` there is one to add.

    Raises:
        ScriptError: one of them is not there, or cannot have its name.
    """
    endpoint = endpoints.checked_name(account, endpoint)
    if name and len(add) != 1:
        raise ScriptError(f"--as {name}: name one model to --add with it")
    # What is refused is refused before anything is changed.
    wanted = models.checked_name(name) if name else None
    unwanted = [models.checked_name(each) for each in remove]
    added = [models.add(account, endpoint, source, wanted) for source in add]
    for each in unwanted:
        models.remove(account, endpoint, each)
    return added, models.listed(account, endpoint)


def table(account: Account, endpoint: str, archives: Sequence[Stored]) -> str:
    """A line for each: its name, its size, since when; times are in UTC."""
    rows = [("model", "MB", "since"), *(
        (models.name_of(account, endpoint, each), f"{each.size / 1e6:.1f}",
         f"{each.since:%Y-%m-%d %H:%M}") for each in archives)]
    widths = [max(len(row[column]) for row in rows) for column in range(2)]
    return "\n".join(f"{name:<{widths[0]}}  {size:>{widths[1]}}  {since}"
                     for name, size, since in rows)


def _act(options: argparse.Namespace) -> None:
    account = account_of(options)
    endpoint = endpoints.checked_name(account, options.endpoint)
    sources = options.add if options.add != [] else [None]
    added, archives = host(account, endpoint, add=sources or [], name=vars(options)["as"],
                           remove=options.remove)
    if archives:
        print(f"\n{table(account, endpoint, archives)}")
    else:
        account.did(f"{endpoint} has no models")
    size = sum(each.size for each in archives)
    costs = f"{prices.per_month(size / 1e9 * prices.S3_GB_MONTH)} for all models of {endpoint}"
    if added:
        print("\ntry it:", *(f"python scripts/evaluate_endpoint.py --endpoint {endpoint} "
                             f"--target-model {name}" for name in added), sep="\n  ")
        end(made=[f"{models.prefix(account, endpoint)}{name}" for name in added], costs=costs,
            remove=f"python scripts/host_models.py {account.place} --endpoint {endpoint} --remove "
                   + " ".join(added))
    elif archives:
        print(f"\n{'costs':8}{costs}")


def command() -> Verb:
    """The command line."""
    verb = Verb("host_models", __doc__,
                "--add sentiment-sagemaker-20261120-101500 --as spring.tar.gz")
    verb.add_argument("--endpoint", metavar="NAME", help="the endpoint (that of the project)")
    verb.add_argument("--add", nargs="*", metavar="MODEL",
                      help="training jobs (the newest), s3://.../model.tar.gz, or files")
    verb.add_argument("--as", metavar="NAME", help="its name there (that of the job or file)")
    verb.add_argument("--remove", nargs="+", default=[], metavar="NAME", help="take these away")
    return verb


def main(arguments: Sequence[str] | None = None) -> int:
    """List, add and remove; returns the exit status."""
    return run(command(), _act, arguments)


if __name__ == "__main__":
    sys.exit(main())
