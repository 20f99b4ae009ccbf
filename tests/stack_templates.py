"""What CloudFormation reads in a template, and a transform done by AWS's own translator."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

import boto3
from samtranslator.parser.parser import Parser
from samtranslator.translator.translator import Translator
from samtranslator.yaml_helper import yaml_parse

from accounts import REGION

_REFERENCE = re.compile(r"\$\{([\w.]+)\}")


def is_transformed(template: str) -> bool:
    """Whether it has to be translated first."""
    return re.search("^Transform:", template, re.MULTILINE) is not None


def capabilities(template: str) -> set[str]:
    """What must be acknowledged."""
    needed = {"CAPABILITY_AUTO_EXPAND"} if is_transformed(template) else set[str]()
    if "AWS::IAM::" in template:
        named = "RoleName:" in template or "ManagedPolicyName:" in template
        needed.add("CAPABILITY_NAMED_IAM" if named else "CAPABILITY_IAM")
    return needed


def declared(template: str) -> dict[str, str | None]:
    """Parameters with their defaults."""
    found = yaml_parse(template).get("Parameters", {})
    return {name: str(about["Default"]) if "Default" in about else None
            for name, about in found.items()}


def plain(template: str, parameters: Mapping[str, str], beside: tuple[str, ...],
          known: Mapping[str, str]) -> str:
    """A transformed template in JSON, without resources of types that begin like one of `beside`.

    `known` has values in place of references to these: by name, or by name and attribute.
    """
    made = Translator(managed_policy_map={}, sam_parser=Parser(), boto_session=boto3.Session(
        region_name=REGION)).translate(yaml_parse(template), parameter_values=dict(parameters))
    made["Resources"] = {name: resource for name, resource in made["Resources"].items()
                         if not resource["Type"].startswith(beside)}
    return json.dumps(_resolved(made, known))


def _resolved(node: Any, known: Mapping[str, str]) -> Any:
    if isinstance(node, list):
        return [_resolved(each, known) for each in node]
    if not isinstance(node, dict):
        return node
    if node.get("Ref") in known:
        return known[node["Ref"]]
    attribute = node.get("Fn::GetAtt")
    if isinstance(attribute, list) and ".".join(attribute) in known:
        return known[".".join(attribute)]
    if isinstance(node.get("Fn::Sub"), str):
        return {"Fn::Sub": _REFERENCE.sub(lambda found: known.get(found[1], found[0]),
                                          node["Fn::Sub"])}
    return {key: _resolved(value, known) for key, value in node.items()}
