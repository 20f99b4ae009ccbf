"""The manners that all scripts share: settings, `--dry-run`, errors, and how each one ends.

A setting comes from its option, else from the environment, else from the project file, else it has
the default that `--help` shows.
"""

from __future__ import annotations

import argparse
import os
import sys
import tomllib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from cloud import ROOT
from cloud.account import PROJECT, Account
from cloud.errors import AWS_ERRORS, ScriptError, explain

PROJECT_FILE = ROOT / "project.toml"
PREFIX = "SENTIMENT"
SHARED = ("project", "region", "bucket")
_NOT_SETTINGS = ("help", "dry_run", "yes", "project_file")


class Verb(argparse.ArgumentParser):
    """The command line of a script: what it shares with the others, and what it adds.

    `name` is the script's, without suffix; `example` is what may follow it. Add options with
    `add_argument`; an on-off option takes `action=argparse.BooleanOptionalAction`, so that an
    option can undo what a file says.
    """

    def __init__(self, name: str, description: str, example: str, *, asks_aws: bool = True) -> None:
        super().__init__(prog=f"python scripts/{name}.py", description=description,
                         allow_abbrev=False,
                         epilog=f"example:\n  python scripts/{name}.py {example}\n",
                         formatter_class=argparse.RawDescriptionHelpFormatter)
        self.name = name
        if asks_aws:
            shared = self.add_argument_group("of every script")
            shared.add_argument("--project", metavar="NAME", default=PROJECT,
                                help="begins every name, and is the tag of what is made "
                                     "(%(default)s)")
            shared.add_argument("--region", help="AWS Region (that of the AWS CLI)")
            shared.add_argument("--bucket", help="S3 bucket (PROJECT-ACCOUNT-REGION)")
            shared.add_argument("--dry-run", action="store_true",
                                help="print the requests that would change something, send none")
        self.add_argument("--project-file", type=Path, default=PROJECT_FILE, metavar="FILE",
                          help=argparse.SUPPRESS)

    def read(self, arguments: Sequence[str] | None = None) -> argparse.Namespace:
        """Options with all sources merged. A wrong one ends the process with usage, status 2."""
        given = sys.argv[1:] if arguments is None else list(arguments)
        early = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
        early.add_argument("--project-file", type=Path, default=PROJECT_FILE)
        file = early.parse_known_args(given)[0].project_file
        # As if typed before the options: what comes later wins.
        return self.parse_args([*self._from_file(file), *self._from_environment(), *given])

    def _settings(self) -> dict[str, argparse.Action]:
        return {action.dest: action for action in self._actions
                if action.option_strings and action.dest not in _NOT_SETTINGS}

    def _from_file(self, file: Path) -> list[str]:
        if not file.is_file():
            if file != PROJECT_FILE:
                self.error(f"there is no {file}")
            return []
        try:
            table = tomllib.loads(file.read_text(encoding="utf-8"))
        except (ValueError, OSError) as error:
            self.error(f"{file}: {error}")
        shared = {name: value for name, value in table.items() if not isinstance(value, dict)}
        for name in shared:
            if name not in SHARED:
                self.error(f"{file}: {name!r} is not one of {', '.join(SHARED)}")
        own = table.get(self.name, {})
        settings = self._settings()
        for name in own:
            if name not in settings:
                self.error(f"{file}: [{self.name}] has {name!r}, which is not one of "
                           f"{', '.join(settings)}")
        return _typed(settings, {name: value for name, value in {**shared, **own}.items()
                                 if name in settings})

    def _from_environment(self) -> list[str]:
        found = {}
        settings = self._settings()
        for name in settings:
            middle = "" if name in SHARED else f"_{self.name.upper()}"
            value = os.environ.get(f"{PREFIX}{middle}_{name.upper()}")
            if value:
                found[name] = value
        return _typed(settings, found)


def _typed(settings: Mapping[str, argparse.Action], values: Mapping[str, Any]) -> list[str]:
    """Settings as they would be typed."""
    words: list[str] = []
    for name, value in values.items():
        action = settings[name]
        if action.nargs == 0:
            on = value if isinstance(value, bool) else str(value).lower() in ("1", "true", "yes")
            words += [action.option_strings[0 if on else -1]] if on or _can_undo(action) else []
        elif isinstance(value, list):
            words += [action.option_strings[0], *map(str, value)]
        else:
            words += [f"{action.option_strings[0]}={value}"]
    return words


def _can_undo(action: argparse.Action) -> bool:
    return isinstance(action, argparse.BooleanOptionalAction)


def account_of(options: argparse.Namespace) -> Account:
    """The account that the shared options name. Raises ScriptError: a name cannot be used."""
    return Account(options.project, options.region, options.bucket, dry_run=options.dry_run)


def run(verb: Verb, act: Callable[[argparse.Namespace], None],
        arguments: Sequence[str] | None = None,
        expected: Sequence[type[Exception]] = ()) -> int:
    """Read the settings and act; returns the exit status.

    What fails because of the account, the machine or the user is said in a sentence; `expected`
    names more kinds of error whose message is meant for the user.
    """
    options = verb.read(arguments)
    known: list[type[Exception]] = [ScriptError, OSError, *AWS_ERRORS, *expected]
    try:
        act(options)
    except tuple(known) as error:
        why = explain(error, options.project) if isinstance(error, AWS_ERRORS) else str(error)
        print(f"{verb.name}: {why}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print(f"\n{verb.name}: stopped. What was made so far stays; run it again to go on",
              file=sys.stderr)
        return 130
    if getattr(options, "dry_run", False) and verb.name != "status":
        print("\ndry run: nothing was made, changed or removed", flush=True)
    return 0


def end(made: Sequence[str], costs: str, remove: str) -> None:
    """The last lines of a script: what it made, what that costs while it exists, how to undo it."""
    print()
    for number, line in enumerate(made):
        print(f"{'made' if number == 0 else '':8}{line}")
    print(f"{'costs':8}{costs}\n{'remove':8}{remove}", flush=True)
