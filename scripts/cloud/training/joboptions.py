"""Options that training and tuning share."""

from __future__ import annotations

import argparse

from cloud import journey
from cloud.account import Account
from cloud.training.algorithm import pairs
from cloud.training.trainer import Job
from cloud.verb import Verb


def add_job_options(verb: Verb, *, single: bool) -> None:
    """All that describes a `Job`; some of it makes sense only where there is a `single` one."""
    add = verb.add_argument
    add("--train", metavar="S3_URI", help="reviews to train on (data/raw/train in the bucket)")
    add("--validation", metavar="S3_URI",
        help="reviews to choose by (a part of the training reviews)")
    add("--hyperparameters", nargs="*", default=[], metavar="NAME=VALUE",
        help="see docs/hyperparameters.md")
    add("--environment", nargs="*", default=[], metavar="NAME=VALUE",
        help="variables for the container")
    add("--image", metavar="URI", help="an image (that of push_image.py)")
    add("--role", metavar="ARN", help="execution role (that of create_roles.py)")
    add("--instance", default=Job.instance, metavar="TYPE", help="(%(default)s)")
    add("--count", type=int, default=Job.count, help="instances (%(default)s)")
    add("--volume-gb", type=int, default=Job.volume_gb, help="(%(default)s)")
    add("--input-mode", choices=["File", "FastFile", "Pipe"], default=Job.input_mode,
        help="(%(default)s)")
    add("--max-minutes", type=int, default=Job.max_minutes,
        help="stop a job after this; it saves what it has (%(default)s)")
    add("--spot", action=argparse.BooleanOptionalAction, default=Job.spot,
        help="spare capacity at up to 90%% off, which may be taken away and given back")
    add("--max-wait-minutes", type=int, default=Job.max_wait_minutes,
        help="on spot, with all waiting (%(default)s)")
    add("--isolated", action=argparse.BooleanOptionalAction, default=Job.isolated,
        help="no network for the container (on)")
    add("--encrypted-traffic", action=argparse.BooleanOptionalAction, default=Job.encrypted_traffic,
        help="between several instances")
    add("--subnets", nargs="*", default=[], metavar="ID", help="run in a VPC")
    add("--security-groups", nargs="*", default=[], metavar="ID")
    add("--kms-key", metavar="ARN", help="for the volume and the results")
    if single:
        add("--checkpoints", metavar="NAME",
            help="folder of checkpoints to go on from and to write to (on spot, a new one)")
        add("--keep-alive-minutes", type=int, default=Job.keep_alive_minutes,
            help="keep the instances for the next job; they cost the same meanwhile (%(default)s)")
    else:
        verb.set_defaults(checkpoints=Job.checkpoints, keep_alive_minutes=Job.keep_alive_minutes)


def job_of(options: argparse.Namespace, account: Account) -> Job:
    """The job that the options describe. Raises ScriptError: see `Job`."""
    return Job(
        train=options.train or account.s3_uri(f"{journey.PREFIXES['data']}/raw/train"),
        validation=options.validation, hyperparameters=pairs(options.hyperparameters),
        environment=pairs(options.environment), image=options.image, role=options.role,
        instance=options.instance, count=options.count, volume_gb=options.volume_gb,
        input_mode=options.input_mode, max_minutes=options.max_minutes, spot=options.spot,
        max_wait_minutes=options.max_wait_minutes, checkpoints=options.checkpoints,
        keep_alive_minutes=options.keep_alive_minutes, isolated=options.isolated,
        encrypted_traffic=options.encrypted_traffic, subnets=tuple(options.subnets),
        security_groups=tuple(options.security_groups), kms_key=options.kms_key)
