"""CloudFormation where moto's falls short: change sets with a transform, events, failures.

It stands before moto, over HTTP. A stack that a change set makes or changes is one of moto's, so
that its resources are there; a transform is done by the translator that AWS publishes, and what
moto cannot make as part of a stack is left out or made beside it. All other requests go through.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit
from xml.sax.saxutils import escape

import boto3

from accounts import ACCOUNT, REGION
from answering import answering
from query_api import QueryHandler, RefusedError, members, xml
from stack_templates import capabilities, declared, is_transformed, plain

MOST_BYTES = 51_200
UNCHANGED = ("The submitted information didn't contain changes. Submit different information to "
             "create a change set.")
UNCHANGED_TRANSFORM = "No updates are to be performed."
API = "api0123456"
# A policy that lets only TLS in would let nobody in, for moto looks at no conditions.
BESIDE = ("AWS::ApiGatewayV2::", "AWS::CloudFront::", "AWS::CloudWatch::", "AWS::S3::BucketPolicy")


@dataclass(frozen=True)
class Event:
    """A step of one resource."""

    resource: str
    status: str
    reason: str = ""
    kind: str = "AWS::S3::Bucket"


@dataclass
class Stack:
    """What is known of a stack beside what moto knows."""

    name: str
    id: str
    tags: list[dict[str, str]]
    states: list[str]
    """What it is, at each look; the last one stays."""
    events: list[Event] = field(default_factory=list)
    content: tuple[str, dict[str, str]] = ("", {})
    """Template and parameters."""

    def look(self) -> str:
        return self.states.pop(0) if len(self.states) > 1 else self.states[0]


@dataclass
class ChangeSet:
    """One that has been asked for."""

    stack: Stack
    form: dict[str, str]
    template: str
    parameters: dict[str, str]
    looked_at: bool = False


class Stacks(ThreadingHTTPServer):
    """The server, before moto at the address `moto`."""

    daemon_threads = True

    def __init__(self, moto: str) -> None:
        self.moto = moto
        self.stacks: dict[str, Stack] = {}
        self.change_sets: dict[str, ChangeSet] = {}
        self.asked: list[dict[str, str]] = []
        """Each CreateChangeSet as it arrived."""
        self.failures: list[Event] = []
        """If there are any, the next execution or deletion fails because of them."""
        self.refusal: RefusedError | None = None
        """Answer to each CreateChangeSet."""
        self.change_set_failure = ""
        """Why a change set fails that was taken at first."""
        self.distribution: dict[str, str] = {}
        self._clients: dict[str, Any] = {}
        super().__init__(("127.0.0.1", 0), type("Handler", (_Handler,), {"behind": moto}))

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def client(self, service: str) -> Any:
        """One for moto itself."""
        if service not in self._clients:
            self._clients[service] = boto3.Session("none", "none", region_name=REGION).client(
                service, endpoint_url=self.moto)
        return self._clients[service]

    def plain(self, change_set: ChangeSet) -> str:
        """The template as moto can take it."""
        if not is_transformed(change_set.template):
            return change_set.template
        if not self.distribution:
            made = self.client("cloudfront").create_distribution(DistributionConfig={
                "CallerReference": "stack", "Comment": "", "Enabled": True,
                "Origins": {"Quantity": 1, "Items": [{"Id": "page", "DomainName": "page"}]},
                "DefaultCacheBehavior": {"TargetOriginId": "page",
                                         "ViewerProtocolPolicy": "https-only"}})["Distribution"]
            self.distribution = {"Distribution": made["Id"],
                                 "Distribution.DomainName": made["DomainName"]}
        return plain(change_set.template, change_set.parameters, BESIDE,
                     {"Api": API, **self.distribution})


class _Handler(QueryHandler):
    server: Stacks

    def _stack(self, form: Mapping[str, str]) -> Stack | None:
        """By its name, or by its id, which goes on when the stack has gone."""
        asked = form["StackName"]
        stack = self.server.stacks.get(asked.split("/")[1] if "/" in asked else asked)
        gone = stack and stack.states == ["DELETE_COMPLETE"] and asked == stack.name
        return None if gone else stack

    def CreateChangeSet(self, form: dict[str, str]) -> str:  # noqa: N802 (AWS's name)
        self.server.asked.append(form)
        if self.server.refusal:
            raise self.server.refusal
        template = self._template(form)
        given = {value for name, value in form.items() if name.startswith("Capabilities.")}
        if capabilities(template) - given:
            raise RefusedError("InsufficientCapabilitiesException",
                               f"Requires capabilities : {sorted(capabilities(template))}")
        stack = self._stack(form)
        new = stack is None or stack.states == ["REVIEW_IN_PROGRESS"]
        if new != (form["ChangeSetType"] == "CREATE"):
            raise RefusedError("ValidationError", f"Stack [{form['StackName']}] does "
                                                  f"{'not ' if new else 'already '}exist")
        if stack is None:
            name = form["StackName"]
            stack = self.server.stacks[name] = Stack(
                name, f"arn:aws:cloudformation:{REGION}:{ACCOUNT}:stack/{name}/{uuid.uuid4()}",
                members(form, "Tags"), ["REVIEW_IN_PROGRESS"],
                [Event(name, "REVIEW_IN_PROGRESS", kind="AWS::CloudFormation::Stack")])
        parameters = declared(template)
        for each in members(form, "Parameters"):
            name = each["ParameterKey"]
            parameters[name] = each.get("ParameterValue", stack.content[1].get(name))
        if None in parameters.values():
            raise RefusedError("ValidationError", f"Parameters: {parameters} must have values")
        change_set = ChangeSet(stack, form, template, {
            name: str(value) for name, value in parameters.items()})
        identity = stack.id.replace(":stack/", ":changeSet/")
        self.server.change_sets[identity] = change_set
        return f"<Id>{identity}</Id><StackId>{stack.id}</StackId>"

    def _template(self, form: Mapping[str, str]) -> str:
        if "TemplateBody" in form:
            if len(form["TemplateBody"].encode()) > MOST_BYTES:
                raise RefusedError("ValidationError", "1 validation error detected: Value at "
                                   "'templateBody' failed to satisfy constraint: Member must have "
                                   f"length less than or equal to {MOST_BYTES}")
            return form["TemplateBody"]
        address = urlsplit(form["TemplateURL"])
        bucket, _, host = str(address.hostname).partition(".")
        assert (address.scheme, host) == ("https", f"s3.{REGION}.amazonaws.com")
        answer = self.server.client("s3").get_object(Bucket=bucket, Key=address.path[1:])
        return str(answer["Body"].read().decode())

    def DescribeChangeSet(self, form: dict[str, str]) -> str:  # noqa: N802
        change_set = self.server.change_sets[form["ChangeSetName"]]
        status, reason = "CREATE_COMPLETE", ""
        if not change_set.looked_at:
            change_set.looked_at, status = True, "CREATE_IN_PROGRESS"
        elif self.server.change_set_failure:
            status, reason = "FAILED", self.server.change_set_failure
        elif change_set.stack.content == (change_set.template, change_set.parameters):
            status = "FAILED"
            reason = UNCHANGED_TRANSFORM if is_transformed(change_set.template) else UNCHANGED
        return f"<Status>{status}</Status><StatusReason>{escape(reason)}</StatusReason>"

    def DeleteChangeSet(self, form: dict[str, str]) -> str:  # noqa: N802
        del self.server.change_sets[form["ChangeSetName"]]
        return ""

    def ExecuteChangeSet(self, form: dict[str, str]) -> str:  # noqa: N802
        change_set = self.server.change_sets.pop(form["ChangeSetName"])
        kind, stack = change_set.form["ChangeSetType"], change_set.stack
        if self.server.failures:
            stack.events += self.server.failures
            end = ["UPDATE_ROLLBACK_IN_PROGRESS", "UPDATE_ROLLBACK_COMPLETE"]
            if kind == "CREATE":
                deleted = change_set.form.get("OnStackFailure") == "DELETE"
                end = ["ROLLBACK_IN_PROGRESS", "DELETE_COMPLETE" if deleted else
                       "ROLLBACK_COMPLETE"]
            stack.states = [f"{kind}_IN_PROGRESS", *end]
            self.server.failures = []
            return ""
        stacks = self.server.client("cloudformation")
        (stacks.create_stack if kind == "CREATE" else stacks.update_stack)(
            StackName=stack.name, Tags=stack.tags,
            TemplateBody=self.server.plain(change_set),
            Parameters=[{"ParameterKey": name, "ParameterValue": value}
                        for name, value in change_set.parameters.items()])
        stack.content = change_set.template, change_set.parameters
        stack.states = [f"{kind}_IN_PROGRESS", f"{kind}_COMPLETE"]
        stack.events += [Event("Part", status) for status in (
            f"{kind}_IN_PROGRESS", f"{kind}_IN_PROGRESS", f"{kind}_COMPLETE")]
        return ""

    def DescribeStacks(self, form: dict[str, str]) -> str | None:  # noqa: N802
        stack = self._stack(form)
        if stack is None:
            return None
        state, outputs = stack.look(), []
        if stack.content[0] and state != "DELETE_COMPLETE":
            outputs = self.server.client("cloudformation").describe_stacks(
                StackName=stack.name)["Stacks"][0].get("Outputs", [])
        parameters = [{"ParameterKey": name, "ParameterValue": value}
                      for name, value in stack.content[1].items()]
        return ("<Stacks><member><CreationTime>2026-11-20T10:00:00Z</CreationTime>"
                f"<StackName>{stack.name}</StackName><StackId>{stack.id}</StackId>"
                f"<StackStatus>{state}</StackStatus>"
                f"{xml('Tags', stack.tags)}{xml('Parameters', parameters)}"
                f"{xml('Outputs', outputs)}</member></Stacks>")

    def DescribeStackEvents(self, form: dict[str, str]) -> str:  # noqa: N802
        stack = self._stack(form)
        assert stack
        begin = int(form.get("NextToken", 0))
        newest_first = [{
            "StackId": stack.id, "StackName": stack.name, "EventId": f"event-{number}",
            "Timestamp": "2026-11-20T10:00:00Z", "LogicalResourceId": event.resource,
            "PhysicalResourceId": stack.id if event.resource == stack.name else "",
            "ResourceType": event.kind, "ResourceStatus": event.status,
            "ResourceStatusReason": event.reason} for number, event in enumerate(stack.events)]
        page = newest_first[::-1][begin:begin + 2]
        more = f"<NextToken>{begin + 2}</NextToken>" if begin + 2 < len(stack.events) else ""
        return f"{xml('StackEvents', page)}{more}"

    def DeleteStack(self, form: dict[str, str]) -> str | None:  # noqa: N802
        stack = self._stack(form)
        if stack and self.server.failures:
            stack.events += self.server.failures
            stack.states, self.server.failures = ["DELETE_IN_PROGRESS", "DELETE_FAILED"], []
            return ""
        if stack:
            stack.states = ["DELETE_COMPLETE"]
        return None if stack is None or stack.content[0] else ""


@contextmanager
def running(moto: str) -> Iterator[Stacks]:
    """A stand-in that answers in a thread of its own until the end of the block."""
    with answering(Stacks(moto)) as server:
        yield server
