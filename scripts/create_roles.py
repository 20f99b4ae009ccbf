"""Make the roles that SageMaker and schedules take, and the policies for you and your colleagues.

An administrator runs this once for each project, and again after the template has changed. With
--attach-to it also gives the policies to somebody, who can then run all other scripts.

What is given once stays until it is given anew: --kms-key "" takes the key out again.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from cloud import ROOT, people, stacks
from cloud.account import Account
from cloud.errors import ScriptError, is_denied
from cloud.verb import Verb, account_of, end, run

from botocore.exceptions import ClientError

TEMPLATE = ROOT / "scripts" / "templates" / "roles.yaml"
CAPABILITIES = ("CAPABILITY_NAMED_IAM",)
ROLES = ("Training", "Processing", "Serving", "Batch", "Scheduler")
POLICIES = ("Jobs", "Hosting", "Page")


def create_roles(account: Account, *, kms_key: str | None = None,
                 topics: Sequence[str] | None = None, vpc: bool | None = None,
                 sdk_role_check: bool | None = None, attach_to: Sequence[str] = ()
                 ) -> dict[str, str]:
    """Make the stack of roles and policies, or bring it up to date; returns its outputs.

    What is None stays as it is.

    Raises:
        ScriptError: CloudFormation fails, or whoever asks is no administrator.
    """
    whom = [people.person(each) for each in attach_to]
    try:
        outputs = _planned(account) | stacks.deploy(
            account, f"{account.project}-roles", TEMPLATE.read_text(encoding="utf-8"),
            {"ProjectName": account.project, "BucketName": account.bucket,
             "KmsKeyArn": kms_key, "TopicArns": None if topics is None else ",".join(topics),
             "AllowVpc": _word(vpc), "SdkRoleCheck": _word(sdk_role_check)}, CAPABILITIES)
        for kind, name in whom:
            people.attach(account, outputs, kind, name)
    except ClientError as error:
        if is_denied(error):
            raise ScriptError(f"{error}\nOnly an administrator may make roles and policies; ask "
                              "one to run this") from error
        raise
    return outputs


def _planned(account: Account) -> dict[str, str]:
    """Outputs to go on with in a dry run."""
    if not account.dry_run:
        return {}
    place = f"arn:{account.partition}:iam::{account.id}"
    return {f"{kind}RoleArn": f"{place}:role/{account.project}-{kind.lower()}" for kind in ROLES
            } | {f"{kind}PolicyArn": f"{place}:policy/{account.project}-{kind.lower()}"
                 for kind in POLICIES}


def _word(choice: bool | None) -> str | None:
    return None if choice is None else str(choice).lower()


def _act(options: argparse.Namespace) -> None:
    account = account_of(options)
    outputs = create_roles(account, kms_key=options.kms_key, topics=options.topics,
                           vpc=options.vpc, sdk_role_check=options.sdk_role_check,
                           attach_to=options.attach_to)
    print("\nthe policies for people, all of which whoever runs all scripts needs:")
    for output in people.POLICIES:
        if output in outputs:
            print(f"  {outputs[output]}")
    print("`python scripts/create_roles.py --attach-to user/NAME` gives them to somebody. In IAM\n"
          "Identity Center, name them as customer managed policies of a permission set")
    end(made=[outputs[f"{kind}RoleArn"] for kind in ROLES], costs="nothing",
        remove=f"python scripts/teardown.py {account.place}")


def command() -> Verb:
    """The command line."""
    verb = Verb("create_roles", __doc__, "--attach-to user/NAME")
    verb.add_argument("--attach-to", nargs="+", default=[], metavar="WHOM",
                      help="give the policies to user/NAME, group/NAME or role/NAME")
    verb.add_argument("--kms-key", metavar="ARN",
                      help="let roles and people use this key, for what it encrypts")
    verb.add_argument("--topics", nargs="+", metavar="ARN",
                      help="SNS topics that an asynchronous endpoint may tell of answers")
    verb.add_argument("--vpc", action=argparse.BooleanOptionalAction,
                      help="let jobs and endpoints make network interfaces (no)")
    verb.add_argument("--sdk-role-check", action=argparse.BooleanOptionalAction,
                      help="give the training role what the SDK's own check of roles asks for; "
                           "the scripts do without (no)")
    return verb


def main(arguments: Sequence[str] | None = None) -> int:
    """Make them; returns the exit status."""
    return run(command(), _act, arguments)


if __name__ == "__main__":
    sys.exit(main())
