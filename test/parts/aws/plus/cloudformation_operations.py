"""CloudFormation: operations that take their time, one step each time somebody looks; failures, and the way back.

Wishes (all by the name that a resource has in the template):
   fail: {name: reason}            it fails when it is created or updated
   stuck: {name: reason}           so does the way back of an update
   undeletable: {name: reason}     it cannot be deleted
   retained: [name]                a failed creation leaves it behind
   physical: {name: id}            what AWS calls it
   at_once: true                   nothing takes any time (not of a resource: of all)
"""
from typing import Any, Iterator

import moto.cloudformation.models as models
from moto.core.utils import utcnow

from .cloudformation_changes import changes, parsed
from .wishes import wishes


def begin(stack: Any, steps: Iterator[None]) -> None:
    stack.steps = steps
    step(stack)
    while stack.steps is not None and wishes("cloudformation").get("at_once", False):
        step(stack)


def step(stack: Any) -> None:
    steps = getattr(stack, "steps", None)
    if steps is not None and next(steps, "end") == "end":
        stack.steps = None


def say(stack: Any, status: str, reason: str | None = None) -> None:
    stack.status = status
    stack.status_reason = reason
    stack._add_stack_event(status, resource_status_reason=reason)
    stack.events[-1].client_request_token = getattr(stack, "token", None)


def resource(stack: Any, change: dict, status: str, reason: str | None = None) -> None:
    name = change["LogicalResourceId"]
    event = models.Event(
        stack_id=stack.stack_id,
        stack_name=stack.name,
        logical_resource_id=name,
        physical_resource_id=wishes("cloudformation").get("physical", {}).get(name, f"{stack.name}-{name}"),
        resource_type=change["ResourceType"],
        resource_status=status,
        resource_status_reason=reason,
        resource_properties="{}",
    )
    event.client_request_token = getattr(stack, "token", None)
    stack.events.append(event)
    stack.standing = getattr(stack, "standing", {})
    stack.standing[name] = {**change, "ResourceStatus": status}


def execute(backend: Any, stack: Any, change_set: Any) -> Iterator[None]:
    creates = change_set.change_set_type == "CREATE"
    verb = "CREATE" if creates else "UPDATE"
    stack.last_update = None if creates else utcnow()
    stack.cancelled = False
    say(stack, f"{verb}_IN_PROGRESS", "User Initiated")
    yield
    done, failed = [], []
    planned = [c for c in change_set.plan if c["Action"] != "Remove"]
    for index, change in enumerate(planned):
        own = "CREATE" if change["Action"] == "Add" else "UPDATE"
        resource(stack, change, f"{own}_IN_PROGRESS")
        reason = wishes("cloudformation").get("fail", {}).get(change["LogicalResourceId"])
        if reason is not None:
            # What went on beside it is stopped, and AWS may say so before it says why.
            for other in planned[index + 1 :]:
                resource(stack, other, f"{own}_IN_PROGRESS")
                resource(stack, other, f"{own}_FAILED", f"Resource {'creation' if creates else 'update'} cancelled")
                failed.append(other)
            stack.events.insert(len(stack.events) - len(failed), _event(stack, change, f"{own}_FAILED", reason))
            stack.standing[change["LogicalResourceId"]] = {**change, "ResourceStatus": f"{own}_FAILED"}
            failed.insert(0, change)
            break
        resource(stack, change, f"{own}_COMPLETE")
        done.append(change)
        yield
        if stack.cancelled:
            break
    if failed or stack.cancelled:
        yield from _back(stack, change_set, creates, done, failed)
        return
    _apply(backend, stack, change_set, creates)
    removed = [c for c in change_set.plan if c["Action"] == "Remove"]
    if removed:
        say(stack, "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS")
        yield
        for change in removed:
            resource(stack, change, "DELETE_SKIPPED" if change.get("PolicyAction") == "Retain" else "DELETE_COMPLETE")
    change_set.execution_status = "EXECUTE_COMPLETE"
    say(stack, f"{verb}_COMPLETE")


def _event(stack: Any, change: dict, status: str, reason: str) -> Any:
    resource(stack, change, status, reason)
    return stack.events.pop()


def _back(stack: Any, change_set: Any, creates: bool, done: list, failed: list) -> Iterator[None]:
    names = ", ".join(c["LogicalResourceId"] for c in failed)
    reason = f"The following resource(s) failed to {'create' if creates else 'update'}: [{names}]. " if failed else ""
    change_set.execution_status = "EXECUTE_FAILED"
    if creates:
        say(stack, "ROLLBACK_IN_PROGRESS", f"{reason}Rollback requested by user.")
        yield
        for change in reversed(done + failed):
            kept = change["LogicalResourceId"] in wishes("cloudformation").get("retained", [])
            resource(stack, change, "DELETE_SKIPPED" if kept else "DELETE_COMPLETE")
        say(stack, "ROLLBACK_COMPLETE")
        return
    say(stack, "UPDATE_ROLLBACK_IN_PROGRESS", reason or "User Initiated")
    yield
    yield from roll_back(stack, done + failed)


def roll_back(stack: Any, touched: list) -> Iterator[None]:
    stuck = wishes("cloudformation").get("stuck", {})
    for change in reversed(touched):
        if change["LogicalResourceId"] in stuck:
            resource(stack, change, "UPDATE_FAILED", stuck[change["LogicalResourceId"]])
            stack.touched = touched
            say(stack, "UPDATE_ROLLBACK_FAILED", f"The following resource(s) failed to update: [{change['LogicalResourceId']}]. ")
            return
        resource(stack, change, "DELETE_COMPLETE" if change["Action"] == "Add" else "UPDATE_COMPLETE")
    yield
    say(stack, "UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS")
    yield
    say(stack, "UPDATE_ROLLBACK_COMPLETE")


def _apply(backend: Any, stack: Any, change_set: Any, creates: bool) -> None:
    """Moto makes the real resources, all at once."""
    stack.cross_stack_resources = stack.resource_map.cross_stack_resources = backend.exports
    made = stack.resource_map._parsed_resources
    for change in change_set.plan:
        # Moto knows of no replacing: the old goes, the new is made.
        if change.get("Replacement") == "True":
            name = change["LogicalResourceId"]
            stack.resource_map._delete_resource(made.pop(name), stack.resource_map._resource_json_map.pop(name))
    before = dict(made)
    change_set.apply()
    for name, resource in before.items():
        # What moto cannot change stays as it was.
        if made.get(name, resource) is None:
            made[name] = resource
    stack.template = change_set.template
    stack.template_dict = change_set.template_dict
    stack.parameters = change_set.parameters
    stack.tags = dict(change_set.tags or {})
    stack.output_map = models.OutputMap(stack.resource_map, parsed(change_set.template), stack.stack_id)
    for export in stack.exports:
        backend.exports[export.name] = export


def delete(backend: Any, stack: Any) -> Iterator[None]:
    say(stack, "DELETE_IN_PROGRESS", "User Initiated")
    yield
    undeletable = wishes("cloudformation").get("undeletable", {})
    for name, change in reversed(list(getattr(stack, "standing", {}).items())):
        if change["ResourceStatus"] == "DELETE_COMPLETE":
            continue
        if name in undeletable:
            resource(stack, change, "DELETE_FAILED", undeletable[name])
            say(stack, "DELETE_FAILED", f"The following resource(s) failed to delete: [{name}]. ")
            return
        resource(stack, change, "DELETE_COMPLETE")
    if stack.template:
        stack.resource_map.delete()
    say(stack, "DELETE_COMPLETE")
    backend.deleted_stacks[stack.stack_id] = stack
    backend.stacks.pop(stack.stack_id, None)
    for name in [n for n, e in backend.exports.items() if e.exporting_stack_id == stack.stack_id]:
        backend.exports.pop(name)


def plan_of(stack: Any, template: str, parameters: dict[str, str]) -> list[dict[str, Any]]:
    old = stack.template_dict if stack.template else {}
    before = {**_defaults(old), **(stack.parameters or {})} if stack.template else {}
    new = parsed(template)
    return changes(old, new, before, {**_defaults(new), **parameters})


def _defaults(template: dict) -> dict[str, str]:
    return {name: str(p["Default"]) for name, p in template.get("Parameters", {}).items() if "Default" in p}
