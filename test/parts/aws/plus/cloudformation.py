"""CloudFormation as AWS documents it, where moto falls short: change sets that tell what they would do and that go stale,
operations that take time, fail and go back, events of each resource, drift.

Wishes beside those of `cloudformation_operations`:
   drift: [StackResourceDrift]     what drift detection finds
   events_move: true               looking at its events moves a stack, too
   existing: [name]                resources that exist already, to be imported
   no_policy_action: true          change sets do not say what becomes of what they replace or remove
"""
from typing import Any

import moto.cloudformation.models as models
from moto.cloudformation.exceptions import ValidationError
from moto.cloudformation.responses import CloudFormationResponse
from moto.core.exceptions import ServiceException
from moto.core.responses import ActionResult, EmptyResult

from .cloudformation_changes import parsed
from .cloudformation_operations import begin, delete, execute, plan_of, roll_back, say, step
from .wishes import wishes

_lint = models.validate_template_cfn_lint
nothing = "The submitted information didn't contain changes. Submit different information to create a change set."


def validate_template(template: str) -> list:
    """As AWS does; moto counts cfn-lint's warnings, too."""
    return [finding for finding in _lint(template) if finding.rule.id.startswith("E")]


models.validate_template_cfn_lint = validate_template


class Refused(ServiceException):
    def __init__(self, code: str, message: str):
        self.code = code
        super().__init__(message)


def _stack(self: Any, name: str, deleted: bool = True) -> Any:
    backend = self.cloudformation_backend
    for stack in backend.stacks.values():
        if name in (stack.name, stack.stack_id):
            return stack
    for stack in backend.deleted_stacks.values():
        if deleted and name == stack.stack_id:
            return stack
    raise ValidationError(message=f"Stack with id {name} does not exist")


def _change_set(self: Any) -> Any:
    name, stack = self._get_param("ChangeSetName"), self._get_param("StackName")
    for change_set in self.cloudformation_backend.change_sets.values():
        if change_set.change_set_id == name:
            return change_set
        if change_set.change_set_name == name and stack in (change_set.stack_name, change_set.stack_id):
            return change_set
    if not name.startswith("arn:") and stack:
        _stack(self, stack)
    raise Refused("ChangeSetNotFound", f"ChangeSet [{name}] does not exist")


def create_change_set(self: Any) -> ActionResult:
    backend = self.cloudformation_backend
    name, stack_name = self._get_param("ChangeSetName"), self._get_param("StackName")
    kind = self._get_param("ChangeSetType", "UPDATE")
    url = self._get_param("TemplateURL")
    template = self._get_stack_from_s3_url(url) if url else self._get_param("TemplateBody")
    parameters = self._get_params_from_list(self._get_param("Parameters", []))
    tags = {tag["Key"]: tag["Value"] for tag in self._get_param("Tags", [])}
    known = next((s for s in backend.stacks.values() if stack_name in (s.name, s.stack_id)), None)
    _assert_possible(known, kind, stack_name, name, template, parameters, self._get_param("Capabilities", []))
    if known is not None:
        for other in backend.change_sets.values():
            if other.stack_id == known.stack_id and other.change_set_name == name:
                raise Refused("AlreadyExistsException", f"ChangeSet {name} already exists")
    if kind == "CREATE" and known is None:
        stack = models.Stack(
            stack_id=models.generate_stack_id(stack_name, self.region, self.current_account),
            name=stack_name,
            template={},
            parameters=parameters,
            account_id=self.current_account,
            region_name=self.region,
            cross_stack_resources=backend.exports,
        )
        backend.stacks[stack.stack_id] = stack
        say(stack, "REVIEW_IN_PROGRESS", "User Initiated")
    else:
        stack = known
    made = models.ChangeSet(
        change_set_type=kind,
        change_set_id=models.generate_changeset_id(name, self.region, self.current_account),
        change_set_name=name,
        stack=stack,
        template=template,
        parameters=parameters,
        description=self._get_param("Description"),
        tags=tags,
        role_arn=self._get_param("RoleARN"),
    )
    made.plan = plan_of(stack, template, parameters)
    if self._get_param("DeploymentMode") == "REVERT_DRIFT":
        made.plan += [_reverted(drift) for drift in wishes("cloudformation").get("drift", [])]
    if self._get_bool_param("ImportExistingResources", False):
        for change in made.plan:
            if change["LogicalResourceId"] in wishes("cloudformation").get("existing", []):
                change["Action"] = "Import"
    made.looks = 0
    made.status, made.execution_status = "CREATE_IN_PROGRESS", "UNAVAILABLE"
    made.failure = _failure(backend, stack, made, tags)
    backend.change_sets[made.change_set_id] = made
    return ActionResult({"Id": made.change_set_id, "StackId": stack.stack_id})


def _reverted(drift: dict[str, Any]) -> dict[str, Any]:
    who = {key: drift[key] for key in ("LogicalResourceId", "ResourceType")}
    details = [
        {"Target": {"Attribute": "Properties", "Name": d["PropertyPath"].strip("/"), "RequiresRecreation": "Never", "BeforeValue": d["ActualValue"], "AfterValue": d["ExpectedValue"]}}
        for d in drift.get("PropertyDifferences", [])
    ]
    return {"Action": "Modify", **who, "Replacement": "False", "Scope": ["Properties"], "Details": details, "drift": drift}


def _assert_possible(stack: Any, kind: str, stack_name: str, name: str, template: str, parameters: dict, allowed: list) -> None:
    status = None if stack is None else stack.status
    if kind == "CREATE" and status not in (None, "REVIEW_IN_PROGRESS"):
        raise ValidationError(message=f"Stack [{stack_name}] already exists and cannot be created again with the changeSet [{name}].")
    if kind == "UPDATE" and status in (None, "REVIEW_IN_PROGRESS"):
        raise ValidationError(message=f"Stack [{stack_name}] does not exist")
    if kind == "UPDATE" and (status == "ROLLBACK_COMPLETE" or status.endswith(("_IN_PROGRESS", "_FAILED"))):
        raise ValidationError(message=f"Stack:{stack.stack_id} is in {status} state and can not be updated.")
    data = parsed(template)
    missing = [p for p, d in data.get("Parameters", {}).items() if "Default" not in d and p not in parameters]
    if missing:
        raise ValidationError(message=f"Parameters: [{', '.join(missing)}] must have values")
    unknown = [p for p in parameters if p not in data.get("Parameters", {})]
    if unknown:
        raise ValidationError(message=f"Parameters: [{', '.join(unknown)}] do not exist in the template")
    makes_roles = any(r["Type"].startswith("AWS::IAM::") for r in data["Resources"].values())
    if makes_roles and not {"CAPABILITY_IAM", "CAPABILITY_NAMED_IAM"} & set(allowed):
        raise Refused("InsufficientCapabilitiesException", "Requires capabilities : [CAPABILITY_IAM]")
    if data.get("Transform") and "CAPABILITY_AUTO_EXPAND" not in allowed:
        raise Refused("InsufficientCapabilitiesException", "Requires capabilities : [CAPABILITY_AUTO_EXPAND]")


def _failure(backend: Any, stack: Any, made: Any, tags: dict[str, str]) -> str | None:
    for name in _imports(made.template_dict):
        if name not in backend.exports:
            return f"No export named {name} found. Rollback requested by user."
    same_outputs = (stack.template_dict or {}).get("Outputs") == made.template_dict.get("Outputs")
    if made.change_set_type == "UPDATE" and not made.plan and same_outputs and dict(stack.tags or {}) == tags:
        return nothing
    return None


def _imports(value: Any) -> list[str]:
    if isinstance(value, dict):
        own = [value["Fn::ImportValue"]] if isinstance(value.get("Fn::ImportValue"), str) else []
        return own + [name for inner in value.values() for name in _imports(inner)]
    return [name for inner in value for name in _imports(inner)] if isinstance(value, list) else []


def describe_change_set(self: Any) -> ActionResult:
    found = _change_set(self)
    found.looks = getattr(found, "looks", 0) + 1
    # Making it takes a moment.
    if found.status == "CREATE_IN_PROGRESS" and (found.looks > 1 or wishes("cloudformation").get("at_once", False)):
        found.status = "CREATE_COMPLETE" if found.failure is None else "FAILED"
        found.status_reason = found.failure
        found.execution_status = "AVAILABLE" if found.failure is None else "UNAVAILABLE"
    silent = wishes("cloudformation").get("no_policy_action", False)
    shown = [{k: v for k, v in c.items() if k != "drift" and not (silent and k == "PolicyAction")} for c in found.plan]
    secrets = {p for p, d in found.template_dict.get("Parameters", {}).items() if str(d.get("NoEcho", "")).lower() == "true"}
    result = {
        "ChangeSetName": found.change_set_name,
        "ChangeSetId": found.change_set_id,
        "StackId": found.stack_id,
        "StackName": found.stack_name,
        "Status": found.status,
        "StatusReason": found.status_reason,
        "ExecutionStatus": found.execution_status,
        "CreationTime": found.creation_time,
        "Parameters": [{"ParameterKey": k, "ParameterValue": "****" if k in secrets else v} for k, v in found.parameters.items()],
        "Changes": [{"Type": "Resource", "ResourceChange": c} for c in shown] if found.status == "CREATE_COMPLETE" else [],
    }
    return ActionResult(result)


def execute_change_set(self: Any) -> EmptyResult:
    backend, found = self.cloudformation_backend, _change_set(self)
    if found.execution_status != "AVAILABLE":
        message = f"ChangeSet [{found.change_set_id}] cannot be executed in its current execution status of [{found.execution_status}]"
        raise Refused("InvalidChangeSetStatus", message)
    stack = backend.stacks[found.stack_id]
    stack.token = self._get_param("ClientRequestToken")
    stack.change_set_id = found.change_set_id
    found.execution_status = "EXECUTE_IN_PROGRESS"
    for change in found.plan:
        if "drift" in change:
            wishes("cloudformation")["drift"].remove(change.pop("drift"))
    for other in [c for c in backend.change_sets.values() if c.stack_id == stack.stack_id and c is not found]:
        del backend.change_sets[other.change_set_id]
    begin(stack, execute(backend, stack, found))
    return EmptyResult()


def delete_change_set(self: Any) -> EmptyResult:
    found = _change_set(self)
    if found.execution_status == "EXECUTE_IN_PROGRESS":
        raise Refused("InvalidChangeSetStatus", f"ChangeSet [{found.change_set_id}] is being executed")
    del self.cloudformation_backend.change_sets[found.change_set_id]
    return EmptyResult()


def list_change_sets(self: Any) -> ActionResult:
    stack = _stack(self, self._get_param("StackName"))
    own = [c for c in self.cloudformation_backend.change_sets.values() if c.stack_id == stack.stack_id]
    summaries = [
        {"ChangeSetId": c.change_set_id, "ChangeSetName": c.change_set_name, "Status": c.status, "ExecutionStatus": c.execution_status}
        for c in own
    ]
    return ActionResult({"Summaries": summaries})


def describe_stacks(self: Any) -> ActionResult:
    name = self._get_param("StackName")
    stacks = [_stack(self, name)] if name else list(self.cloudformation_backend.stacks.values())
    for stack in stacks:
        step(stack)
    return ActionResult({"Stacks": [_described(stack) for stack in stacks]})


def _described(stack: Any) -> dict[str, Any]:
    well = stack.template and stack.status.endswith("COMPLETE") and stack.status not in ("ROLLBACK_COMPLETE", "DELETE_COMPLETE")
    return {
        "StackId": stack.stack_id,
        "StackName": stack.name,
        "StackStatus": stack.status,
        "StackStatusReason": getattr(stack, "status_reason", None),
        "ChangeSetId": getattr(stack, "change_set_id", None),
        "CreationTime": stack.creation_time,
        "LastUpdatedTime": getattr(stack, "last_update", None),
        "Outputs": (stack.outputs or []) if well else [],
        "Tags": {k: v for k, v in stack.tags.items() if not k.startswith("aws:")},
        "EnableTerminationProtection": stack.enable_termination_protection,
    }


def describe_stack_events(self: Any) -> ActionResult:
    stack = _stack(self, self._get_param("StackName"))
    if wishes("cloudformation").get("events_move"):
        step(stack)
    return ActionResult({"StackEvents": stack.events[::-1]})


def list_stack_resources(self: Any) -> ActionResult:
    stack = _stack(self, self._get_param("StackName"))
    summaries = [
        {
            "LogicalResourceId": name,
            "PhysicalResourceId": f"{stack.name}-{name}",
            "ResourceType": change["ResourceType"],
            "ResourceStatus": change["ResourceStatus"],
            "LastUpdatedTimestamp": stack.creation_time,
        }
        for name, change in getattr(stack, "standing", {}).items()
    ]
    return ActionResult({"StackResourceSummaries": summaries})


def get_template(self: Any) -> ActionResult:
    stack = _stack(self, self._get_param("StackName"))
    if not stack.template:
        raise ValidationError(message=f"Stack with id {stack.name} does not exist")
    return ActionResult({"TemplateBody": stack.template})


def delete_stack(self: Any) -> EmptyResult:
    try:
        stack = _stack(self, self._get_param("StackName"), deleted=False)
    except ValidationError:
        return EmptyResult()
    if stack.enable_termination_protection:
        raise ValidationError(message=f"Stack [{stack.name}] cannot be deleted while TerminationProtection is enabled")
    begin(stack, delete(self.cloudformation_backend, stack))
    return EmptyResult()


_update_stack = CloudFormationResponse.update_stack


def update_stack(self: Any) -> ActionResult:
    """Past all change sets, which count no more after it."""
    stack = _stack(self, self._get_param("StackName"))
    answer = _update_stack(self)
    stack.last_update = models.utcnow()
    stack.change_set_id = None
    stack.template_dict = parsed(stack.template)
    for change_set in self.cloudformation_backend.change_sets.values():
        if change_set.stack_id == stack.stack_id:
            change_set.execution_status = "OBSOLETE"
    return answer


def cancel_update_stack(self: Any) -> EmptyResult:
    stack = _stack(self, self._get_param("StackName"))
    if stack.status != "UPDATE_IN_PROGRESS":
        raise ValidationError(message=f"CancelUpdateStack cannot be called from current stack status {stack.status}")
    stack.cancelled = True
    return EmptyResult()


def continue_update_rollback(self: Any) -> EmptyResult:
    stack = _stack(self, self._get_param("StackName"))
    say(stack, "UPDATE_ROLLBACK_IN_PROGRESS", "User Initiated")
    begin(stack, roll_back(stack, stack.touched))
    return EmptyResult()


def update_termination_protection(self: Any) -> ActionResult:
    stack = _stack(self, self._get_param("StackName"))
    stack.enable_termination_protection = self._get_bool_param("EnableTerminationProtection", False)
    return ActionResult({"StackId": stack.stack_id})


def detect_stack_drift(self: Any) -> ActionResult:
    stack = _stack(self, self._get_param("StackName"))
    stack.drift_looks = 0
    return ActionResult({"StackDriftDetectionId": stack.stack_id})


def describe_stack_drift_detection_status(self: Any) -> ActionResult:
    stack = _stack(self, self._get_param("StackDriftDetectionId"))
    stack.drift_looks += 1
    found = wishes("cloudformation").get("drift", [])
    return ActionResult(
        {
            "StackId": stack.stack_id,
            "StackDriftDetectionId": stack.stack_id,
            "DetectionStatus": "DETECTION_IN_PROGRESS" if stack.drift_looks < 2 else "DETECTION_COMPLETE",
            "StackDriftStatus": "DRIFTED" if found else "IN_SYNC",
            "Timestamp": models.utcnow(),
        }
    )


def describe_stack_resource_drifts(self: Any) -> ActionResult:
    stack = _stack(self, self._get_param("StackName"))
    found = [{"StackId": stack.stack_id, "Timestamp": models.utcnow(), **d} for d in wishes("cloudformation").get("drift", [])]
    return ActionResult({"StackResourceDrifts": found})


for _action in (
    create_change_set,
    describe_change_set,
    execute_change_set,
    delete_change_set,
    list_change_sets,
    describe_stacks,
    describe_stack_events,
    list_stack_resources,
    get_template,
    delete_stack,
    update_stack,
    cancel_update_stack,
    continue_update_rollback,
    update_termination_protection,
    detect_stack_drift,
    describe_stack_drift_detection_status,
    describe_stack_resource_drifts,
):
    setattr(CloudFormationResponse, _action.__name__, _action)
for _path in ("DescribeChangeSetOutput.Changes", "DescribeChangeSetOutput.Parameters"):
    CloudFormationResponse.RESPONSE_KEY_PATH_TO_TRANSFORMER.pop(_path, None)
