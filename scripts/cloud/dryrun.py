"""Say what would be sent, and send nothing that changes anything.

The hook sits in botocore, behind its validation of parameters, so that a wrong request fails in a
dry run as it would in earnest. It also sees the requests of libraries that are given our session.
Reads are asked of the account where there are credentials. Without any, they are answered as by an
empty account, so that every script can be tried without one.
"""

from __future__ import annotations

import json
import sys
from typing import Any, TextIO

from botocore.awsrequest import AWSResponse
from botocore.exceptions import ClientError
from botocore.model import OperationModel, Shape, StructureShape

ACCOUNT = "111122223333"
_READS = ("BatchGet", "Check", "Describe", "Filter", "Get", "Head", "List", "Lookup", "Query",
          "Search", "Simulate", "Validate")
_SIGN_IN = ("signin", "sso", "sso-oidc", "sts")
"""Services that botocore asks for credentials through our session; they change nothing."""

_LONG = 4000
_ANSWERS = {
    "GetCallerIdentity": {"Account": ACCOUNT, "Arn": f"arn:aws:iam::{ACCOUNT}:user/dry-run",
                          "UserId": "dry-run"},
}


class DryRun:
    """The hook; `attach` it to a botocore session before its first client is made."""

    def __init__(self, *, offline: bool, stream: TextIO | None = None) -> None:
        self.offline = offline
        self.requests: list[tuple[str, str, dict[str, Any]]] = []
        """Service, operation and parameters of what was not sent."""
        self._stream = stream

    def attach(self, events: Any) -> None:
        """Listen to all services of a botocore session's events."""
        events.register("before-parameter-build", self._remember)
        events.register("before-call", self._answer)

    def _remember(self, params: dict[str, Any], context: dict[str, Any], **_: object) -> None:
        context["dry_run_parameters"] = {name: value for name, value in params.items()
                                         if name != "Body"}

    def _answer(self, model: OperationModel, context: dict[str, Any],
                **_: object) -> tuple[AWSResponse, dict[str, Any]] | None:
        name = model.name
        reads = name.startswith(_READS) or model.service_model.service_name in _SIGN_IN
        if reads and not self.offline:
            return None
        if reads and name not in _ANSWERS and not name.startswith("List"):
            raise ClientError({"Error": {"Code": "ResourceNotFoundException",
                                         "Message": "a dry run without credentials reads nothing"}},
                              name)
        if not reads:
            self._show(model, context["dry_run_parameters"])
        answer = _ANSWERS.get(name) or ({} if reads else _invented(model.output_shape))
        return AWSResponse("", 200, {}, None), {**answer, "ResponseMetadata": {}}

    def _show(self, model: OperationModel, parameters: dict[str, Any]) -> None:
        service = model.service_model.service_name
        self.requests.append((service, model.name, parameters))
        # In one piece, as threads may send requests at the same time.
        shown = json.dumps({key: _short(value) for key, value in parameters.items()}, indent=2,
                           default=str)
        print(f"would send {service} {model.name}\n{shown}\n", end="",
              file=self._stream or sys.stdout, flush=True)


def _short(value: object) -> object:
    """A whole template, for example, would be all that is seen."""
    return f"({len(value)} characters)" if isinstance(value, str) and len(value) > _LONG else value


def _invented(shape: Shape | None) -> dict[str, Any]:
    """An answer of the right shape: every text is the name of its member in angle brackets."""
    if not isinstance(shape, StructureShape):
        return {}
    return {name: f"<{name}>" for name, member in shape.members.items()
            if member.type_name == "string"}
