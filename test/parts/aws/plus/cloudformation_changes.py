"""CloudFormation: what a change set says would be done, per resource and property, as AWS describes it."""
import json
from typing import Any

import yaml
from moto.cloudformation.utils import yaml_tag_constructor

# The short forms (`!Ref`).
yaml.add_multi_constructor("", yaml_tag_constructor)

# Properties that cannot be changed in place; all others can.
_replacing = {
    "AWS::DynamoDB::Table": {"TableName", "KeySchema"},
    "AWS::RDS::DBInstance": {"DBInstanceIdentifier", "Engine"},
    "AWS::S3::Bucket": {"BucketName"},
    "AWS::SNS::Topic": {"TopicName"},
    "AWS::SQS::Queue": {"QueueName", "FifoQueue"},
    "AWS::SSM::Parameter": {"Name"},
}


def parsed(template: str) -> dict[str, Any]:
    if template.lstrip().startswith("{"):
        return json.loads(template)
    return yaml.load(template, Loader=yaml.Loader)


def changes(old: dict, new: dict, before: dict[str, str], after: dict[str, str]) -> list[dict[str, Any]]:
    """`old` and `new` are templates, `before` and `after` the values of their parameters."""
    were, will = old.get("Resources", {}), new.get("Resources", {})
    found = []
    for name, resource in will.items():
        if name not in were:
            found.append({"Action": "Add", **_who(name, resource), "Details": [], "Scope": []})
            continue
        details = _details(were[name], resource, before, after)
        if not details:
            continue
        replaced = any(d["Target"]["RequiresRecreation"] == "Always" for d in details)
        change = {
            "Action": "Modify",
            **_who(name, resource),
            "PhysicalResourceId": name,
            "Replacement": "True" if replaced else "False",
            "Scope": sorted({d["Target"]["Attribute"] for d in details}),
            "Details": details,
        }
        if replaced:
            change["PolicyAction"] = f"ReplaceAnd{resource.get('UpdateReplacePolicy', 'Delete')}"
        found.append(change)
    for name, resource in were.items():
        if name not in will:
            policy = resource.get("DeletionPolicy", "Delete")
            who = {**_who(name, resource), "PhysicalResourceId": name}
            found.append({"Action": "Remove", **who, "PolicyAction": policy, "Details": [], "Scope": []})
    return found


def _who(name: str, resource: dict) -> dict[str, str]:
    return {"LogicalResourceId": name, "ResourceType": resource["Type"]}


def _details(old: dict, new: dict, before: dict[str, str], after: dict[str, str]) -> list[dict[str, Any]]:
    details = []
    was, will = old.get("Properties", {}), new.get("Properties", {})
    for key in sorted({*was, *will}):
        direct = was.get(key) != will.get(key)
        moved = [p for p in _references(will.get(key)) if before.get(p) != after.get(p)]
        if not direct and not moved:
            continue
        recreation = "Always" if key in _replacing.get(new["Type"], set()) else "Never"
        target = {"Attribute": "Properties", "Name": key, "RequiresRecreation": recreation}
        target["BeforeValue"] = _shown(was.get(key), before)
        target["AfterValue"] = _shown(will.get(key), after)
        source = {"ChangeSource": "DirectModification"} if direct else {"ChangeSource": "ParameterReference", "CausingEntity": moved[0]}
        details.append({"Target": target, "Evaluation": "Static", **source})
    for key in ("Metadata", "DeletionPolicy", "UpdateReplacePolicy"):
        if old.get(key) != new.get(key):
            target = {"Attribute": key, "RequiresRecreation": "Never"}
            details.append({"Target": target, "Evaluation": "Static", "ChangeSource": "DirectModification"})
    return details


def _references(value: Any) -> list[str]:
    if isinstance(value, dict):
        own = [value["Ref"]] if isinstance(value.get("Ref"), str) else []
        return own + [name for inner in value.values() for name in _references(inner)]
    if isinstance(value, list):
        return [name for inner in value for name in _references(inner)]
    return []


def _shown(value: Any, parameters: dict[str, str]) -> str:
    if isinstance(value, dict) and list(value) == ["Ref"]:
        value = parameters.get(value["Ref"], value["Ref"])
    return value if isinstance(value, str) else json.dumps(value)
