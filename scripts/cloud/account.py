"""The AWS account and Region that a script works in, and the names that it uses there."""

from __future__ import annotations

import re
from functools import cached_property
from typing import Any

from cloud.dryrun import DryRun
from cloud.errors import ScriptError, found

import boto3
import botocore.session
from botocore.config import Config
from botocore.exceptions import NoCredentialsError, NoRegionError

TAG = "project"
"""Key of the tag on everything that the scripts make; its value is the project's name."""

PROJECT = "sentiment-sagemaker"
"""The project's name where nobody has set another."""

_NAME = re.compile(r"(?=.{2,28}$)[a-z](?:-?[a-z0-9])+")


class Account:
    """Clients and names of one project. Nothing is asked of AWS before it is needed.

    Raises:
        ScriptError: the project's name cannot begin the names of buckets, roles and endpoints.
        NoRegionError: no Region is set anywhere.
    """

    def __init__(self, project: str, region: str | None = None, bucket: str | None = None, *,
                 dry_run: bool = False) -> None:
        if not _NAME.fullmatch(project):
            raise ScriptError(f"project {project!r}: 2 to 28 of a-z, 0-9 and single hyphens, "
                          "beginning with a letter")
        self.project = project
        core = botocore.session.Session()
        self._bucket = bucket
        self._clients: dict[str, Any] = {}
        self.dry_run: DryRun | None = None
        if dry_run:
            self.dry_run = DryRun(offline=core.get_credentials() is None)
            self.dry_run.attach(core.get_component("event_emitter"))
            if self.dry_run.offline:
                core.set_credentials("none", "none")
                region = region or core.get_config_variable("region") or "us-east-1"
        self.session = boto3.Session(botocore_session=core, region_name=region)
        if self.session.region_name is None:
            raise NoRegionError()

    @property
    def region(self) -> str:
        return str(self.session.region_name)

    @property
    def place(self) -> str:
        """The options that lead another script, with other settings, to this Region and project."""
        words = ["--region", self.region]
        if self.project != PROJECT:
            words += ["--project", self.project]
        if self._bucket:
            words += ["--bucket", self._bucket]
        return " ".join(words)

    def did(self, line: str) -> None:
        """Say what was done, at once. A dry run has done nothing, and says what it would send."""
        if self.dry_run is None:
            print(line, flush=True)

    def client(self, service: str) -> Any:
        """The service's client, in our Region, patient with throttling."""
        if service not in self._clients:
            self._clients[service] = self.session.client(service, config=Config(
                retries={"mode": "standard", "total_max_attempts": 6}))
        return self._clients[service]

    @cached_property
    def id(self) -> str:
        """The account's number. Raises NoCredentialsError: nobody has signed in."""
        if self.session.get_credentials() is None:
            raise NoCredentialsError()
        return str(self.client("sts").get_caller_identity()["Account"])

    @property
    def partition(self) -> str:
        """`aws`, `aws-cn` or `aws-us-gov`."""
        return str(self.session.get_partition_for_region(self.region))

    @property
    def bucket(self) -> str:
        """The bucket for data, models and results; named after project, account and Region."""
        return self._bucket or f"{self.project}-{self.id}-{self.region}"

    def s3_uri(self, key: str) -> str:
        """`s3://BUCKET/KEY`"""
        return f"s3://{self.bucket}/{key}"

    @property
    def tags(self) -> list[dict[str, str]]:
        """The tags of what is made here, as most services take them."""
        return [{"Key": TAG, "Value": self.project}]

    def owns(self, tags: list[dict[str, str]]) -> bool:
        """Whether a service's list of tags has ours."""
        return self.tags[0] in [{"Key": tag.get("Key"), "Value": tag.get("Value")} for tag in tags]

    def arn(self, service: str, resource: str) -> str:
        """For example `arn:aws:sagemaker:REGION:ACCOUNT:endpoint/NAME`."""
        return f"arn:{self.partition}:{service}:{self.region}:{self.id}:{resource}"

    @property
    def domain(self) -> str:
        """The Region's part of the services' addresses."""
        suffix = "amazonaws.com.cn" if self.partition == "aws-cn" else "amazonaws.com"
        return f"{self.region}.{suffix}"

    @property
    def registry(self) -> str:
        """Host of the account's image registry."""
        return f"{self.id}.dkr.ecr.{self.domain}"

    def stack_outputs(self, stack: str) -> dict[str, str]:
        """Outputs of a CloudFormation stack; none where there is no such stack."""
        described = found(lambda: self.client("cloudformation").describe_stacks(StackName=stack))
        return {output["OutputKey"]: output["OutputValue"]
                for output in described["Stacks"][0].get("Outputs", [])} if described else {}
