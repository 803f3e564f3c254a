"""CodePipeline: executions go a step at each look, stage by stage; moto's have succeeded when they begin.

As AWS documents it: a stage holds one execution (none in mode PARALLEL), and those that come wait before it; in mode
SUPERSEDED a newer one overtakes an older one that waits at the same place. Source actions take the revisions that the
execution was started with: objects of S3 must be there. Approvals wait, each with a token of its own. A stage whose
`onFailure` says so is tried again once, or rolled back by an execution that goes through that stage alone. What was stopped lets its actions
end, an approval too; abandoning does not. The same `clientRequestToken` is the same execution.

Wishes: `fails` (an action by name, or `{action, code, message, url}`) and `never_ends` (an action by name); revisions that
went well in the pipeline once are well. `user`: the ARN of who calls, for triggers, approvals and transitions.
`approves`: an approval by name that a person gives at once. `at_once`: a look sees the end, or what it waits for.
"""
import functools
import json
import threading
import time
import uuid
from typing import Any, Callable

from moto.codepipeline.exceptions import (
    InvalidStructureException,
    PipelineExecutionNotFoundException,
    PipelineNotFoundException,
)
from moto.codepipeline.models import CodePipeline
from moto.codepipeline.responses import CodePipelineResponse
from moto.core.exceptions import JsonRESTError
from moto.s3.models import s3_backends

from .wishes import tell, wishes

_open = ("InProgress", "Stopping")
_me = "arn:aws:sts::123456789012:assumed-role/deployer/trunkline-shop-prod"
_moment = 0.0
# Moto answers side by side; each of these calls happens as a whole.
_one_at_a_time = threading.RLock()


def _error(name: str, message: str) -> JsonRESTError:
    error = JsonRESTError(name, message)
    error.code = 400
    return error


def _now() -> float:
    """Later than any before, so that nothing stands in two orders."""
    global _moment
    _moment = max(time.time(), _moment + 0.001)
    return round(_moment, 3)


def _user() -> str:
    return str(wishes("codepipeline").get("user", _me))


class Execution:
    def __init__(self, pipeline: CodePipeline, trigger: tuple[str, str]):
        self.pipeline = pipeline
        self.id = str(uuid.uuid4())
        self.status = "InProgress"
        self.begun = self.moved = _now()
        self.trigger = {"triggerType": trigger[0], "triggerDetail": trigger[1]}
        self.variables: dict[str, str] = {}
        self.overrides: list[dict[str, str]] = []
        self.revisions: list[dict[str, str]] = []
        self.actions: list[dict[str, Any]] = []
        self.rolls_back_to: str | None = None
        # Of stages that try again: whether one will, which have, and what their first tries did.
        self.retries = False
        self.retried: list[str] = []
        self.actions_before: list[dict[str, Any]] = []
        self.stop_reason: str | None = None
        # The stage it is in, or waits before.
        self.stage = 0
        self.last_stage = len(pipeline.pipeline["stages"]) - 1
        self.is_inside = False

    def declared(self) -> dict[str, Any]:
        return self.pipeline.pipeline["stages"][self.stage]

    def in_stage(self) -> list[dict[str, Any]]:
        mine = [action for action in self.actions if action["stageName"] == self.declared()["name"]]
        return [action for action in mine if action not in self.actions_before]

    def end(self, status: str) -> None:
        self.status = status
        self.moved = _now()
        self.is_inside = False

    def key(self) -> str:
        return json.dumps(self.overrides, sort_keys=True)


def _executions(pipeline: CodePipeline) -> list[Execution]:
    if not hasattr(pipeline, "plus"):
        pipeline.plus, pipeline.plus_tokens, pipeline.plus_disabled = [], {}, {}
    return pipeline.plus


def _mode(pipeline: CodePipeline) -> str:
    return str(pipeline.pipeline.get("executionMode", "SUPERSEDED"))


def _pipeline(self: CodePipelineResponse, name: str) -> CodePipeline:
    found = self.codepipeline_backend.pipelines.get(name)
    if found is None:
        raise PipelineNotFoundException(f"Account '123456789012' does not have a pipeline with name '{name}'")
    _executions(found)
    return found


def _execution(pipeline: CodePipeline, id: str) -> Execution:
    for execution in _executions(pipeline):
        if execution.id == id:
            return execution
    raise PipelineExecutionNotFoundException(f"There is no execution '{id}'")


# What moves


def _move(pipeline: CodePipeline) -> None:
    for _ in range(20 if wishes("codepipeline").get("at_once") else 1):
        for execution in list(_executions(pipeline)):
            if execution.status in _open:
                _step(execution)
            elif execution.retries:
                _try_again(execution)


def _try_again(execution: Execution) -> None:
    """The stage from its start, once: a retry of all actions."""
    execution.retries = False
    execution.retried.append(execution.declared()["name"])
    execution.actions_before = [*execution.actions_before, *execution.in_stage()]
    execution.status = "InProgress"
    _enter(execution)


def _step(execution: Execution) -> None:
    if execution.is_inside:
        _work(execution)
    elif execution.status == "Stopping":
        execution.end("Stopped")
    elif _may_enter(execution):
        _enter(execution)


def _may_enter(execution: Execution) -> bool:
    pipeline = execution.pipeline
    if execution.declared()["name"] in pipeline.plus_disabled:
        return False
    others = [other for other in pipeline.plus if other is not execution and other.status in _open]
    if _mode(pipeline) == "PARALLEL":
        return True
    return not any(other.is_inside and other.stage == execution.stage for other in others)


def _enter(execution: Execution) -> None:
    execution.is_inside = True
    _begin(execution, min(action["runOrder"] for action in execution.declared()["actions"]))


def _begin(execution: Execution, order: int) -> None:
    stage = execution.declared()
    for action in stage["actions"]:
        if action["runOrder"] != order:
            continue
        token = str(uuid.uuid4())
        is_approval = action["actionTypeId"]["category"] == "Approval"
        execution.actions.append(
            {
                "stageName": stage["name"],
                "actionName": action["name"],
                "actionExecutionId": str(uuid.uuid4()),
                "pipelineExecutionId": execution.id,
                "status": "InProgress",
                "startTime": _now(),
                "lastUpdateTime": _now(),
                "order": order,
                "declared": action,
                "token": token if is_approval else None,
                "result": {"externalExecutionId": token if is_approval else str(uuid.uuid4())},
                "updatedBy": None,
            }
        )


def _finish(action: dict[str, Any], status: str, by: str | None = None, **result: Any) -> None:
    action["status"] = status
    action["updatedBy"] = by
    action["lastUpdateTime"] = _now()
    action["result"] = {**action["result"], **result}


def _is_proven(execution: Execution) -> bool:
    others = execution.pipeline.plus
    return any(other.status == "Succeeded" and other.key() == execution.key() for other in others)


def _run(execution: Execution, action: dict[str, Any]) -> None:
    declared = action["declared"]
    category = declared["actionTypeId"]["category"]
    if category == "Approval":
        if wishes("codepipeline").get("approves") == declared["name"]:
            _finish(action, "Succeeded", by="arn:aws:iam::123456789012:user/bob", externalExecutionSummary="fine")
        return
    if category == "Source":
        _fetch(execution, action)
        return
    wanted = wishes("codepipeline")
    fails = wanted.get("fails") or {}
    fails = fails if isinstance(fails, dict) else {"action": fails}
    if not _is_proven(execution):
        if wanted.get("never_ends") == declared["name"]:
            return
        if fails.get("action") == declared["name"]:
            details = {"code": fails.get("code", "JobFailed"), "message": fails.get("message", "the build ended with exit code 7")}
            url = fails.get("url", "https://console.aws.example/codebuild/shop:1")
            _finish(action, "Failed", errorDetails=details, externalExecutionUrl=url, externalExecutionSummary="failed")
            return
    _finish(action, "Succeeded", externalExecutionSummary=f"{declared['name']} is through")


def _fetch(execution: Execution, action: dict[str, Any]) -> None:
    declared = action["declared"]
    own = {each["revisionType"]: each["revisionValue"] for each in execution.overrides if each["actionName"] == declared["name"]}
    configuration = declared["configuration"]
    if declared["actionTypeId"]["provider"] == "S3":
        key = own.get("S3_OBJECT_KEY", configuration["S3ObjectKey"])
        version = own.get("S3_OBJECT_VERSION_ID")
        backend = s3_backends["123456789012"]["aws"]
        found = backend.get_object(configuration["S3Bucket"], key, version_id=version)
        if found is None:
            details = {"code": "RevisionUnavailable", "message": f"The object with key '{key}' does not exist."}
            _finish(action, "Failed", errorDetails=details)
            return
        revision = str(found.version_id)
    else:
        revision = own.get("COMMIT_ID") or own.get("IMAGE_DIGEST") or "newest"
    execution.revisions.append({"actionName": declared["name"], "revisionId": revision, "revisionSummary": "a revision"})
    _finish(action, "Succeeded", externalExecutionId=revision)


def _work(execution: Execution) -> None:
    stage = execution.declared()
    mine = execution.in_stage()
    for action in mine:
        if action["status"] == "InProgress":
            _run(execution, action)
    if any(action["status"] == "InProgress" for action in mine):
        return
    if any(action["status"] == "Failed" for action in mine):
        execution.end("Failed")
        on_failure = stage.get("onFailure", {}).get("result")
        if on_failure == "RETRY" and stage["name"] not in execution.retried:
            execution.retries = True
        if on_failure == "ROLLBACK":
            _roll_back(execution, stage["name"])
        return
    if execution.status == "Stopping":
        execution.end("Stopped")
        return
    later = sorted({action["runOrder"] for action in stage["actions"]} - {action["order"] for action in mine})
    if later:
        _begin(execution, later[0])
    elif execution.stage == execution.last_stage:
        execution.end("Succeeded")
    else:
        execution.is_inside = False
        execution.stage += 1
        _overtake(execution)


def _overtake(execution: Execution) -> None:
    pipeline = execution.pipeline
    if _mode(pipeline) != "SUPERSEDED":
        return
    for other in pipeline.plus:
        waits = other.status == "InProgress" and not other.is_inside and other.stage == execution.stage
        if other is not execution and waits and other.begun < execution.begun:
            other.end("Superseded")


def _roll_back(failed: Execution, stage: str) -> None:
    names = [each["name"] for each in failed.pipeline.pipeline["stages"]]
    good = [other for other in failed.pipeline.plus if other.status == "Succeeded" and other.rolls_back_to is None]
    if good:
        detail = json.dumps({"FailedPipelineExecutionId": failed.id})
        _start_rollback(failed.pipeline, names.index(stage), good[-1], ("AutomatedRollback", detail))


def _start_rollback(pipeline: CodePipeline, stage: int, target: Execution, trigger: tuple[str, str]) -> Execution:
    execution = Execution(pipeline, trigger)
    execution.rolls_back_to = target.id
    execution.variables, execution.overrides = target.variables, target.overrides
    execution.revisions = target.revisions
    execution.stage = execution.last_stage = stage
    pipeline.plus.append(execution)
    return execution


# What is asked


def _checked(pipeline: CodePipeline, variables: list[dict[str, str]], overrides: list[dict[str, str]]) -> dict[str, str]:
    declared = pipeline.pipeline
    if declared.get("pipelineType") != "V2" and (variables or overrides):
        raise _error("ValidationException", "Source revisions and variables are only supported for pipelines of type V2")
    known = {each["name"]: each.get("defaultValue") for each in declared.get("variables", [])}
    values = {**known, **{each["name"]: each["value"] for each in variables}}
    for name, value in values.items():
        if name not in known:
            raise _error("ValidationException", f"The variable {name} is not declared at the pipeline level")
        if not value or len(value) > 1000:
            raise _error("ValidationException", f"The variable {name} has no value, or one that is too long")
    sources = {action["name"]: action for action in declared["stages"][0]["actions"]}
    for each in overrides:
        action = sources.get(each["actionName"])
        if action is None:
            raise _error("ValidationException", f"The source action {each['actionName']} does not exist")
        allowed = action["configuration"].get("AllowOverrideForS3ObjectKey") == "true"
        if each["revisionType"] == "S3_OBJECT_KEY" and not allowed:
            raise _error("ValidationException", f"{each['actionName']} does not allow the S3 object key to be overridden")
    return {name: str(value) for name, value in values.items()}


def start_pipeline_execution(self: CodePipelineResponse) -> str:
    pipeline = _pipeline(self, self._get_param("name"))
    token = self._get_param("clientRequestToken")
    if token in pipeline.plus_tokens:
        return json.dumps({"pipelineExecutionId": pipeline.plus_tokens[token]})
    overrides = self._get_param("sourceRevisions") or []
    variables = _checked(pipeline, self._get_param("variables") or [], overrides)
    execution = Execution(pipeline, ("StartPipelineExecution", _user()))
    execution.variables, execution.overrides = variables, overrides
    pipeline.plus.append(execution)
    if token:
        pipeline.plus_tokens[token] = execution.id
    tell("codepipeline", {"started": execution.id, "variables": variables, "revisions": overrides, "user": _user()})
    return json.dumps({"pipelineExecutionId": execution.id})


def get_pipeline_execution(self: CodePipelineResponse) -> str:
    pipeline = _pipeline(self, self._get_param("pipelineName"))
    execution = _execution(pipeline, self._get_param("pipelineExecutionId"))
    _move(pipeline)
    found = {
        **_summary(execution),
        "pipelineName": pipeline.pipeline["name"],
        "pipelineVersion": pipeline.pipeline["version"],
        "variables": [{"name": name, "resolvedValue": value} for name, value in execution.variables.items()],
    }
    return json.dumps({"pipelineExecution": found})


def _summary(execution: Execution) -> dict[str, Any]:
    is_rollback = execution.rolls_back_to is not None
    return {
        "pipelineExecutionId": execution.id,
        "status": execution.status,
        "startTime": execution.begun,
        "lastUpdateTime": execution.moved,
        "sourceRevisions": execution.revisions,
        "trigger": execution.trigger,
        "executionMode": _mode(execution.pipeline),
        "executionType": "ROLLBACK" if is_rollback else "STANDARD",
        **({"statusSummary": execution.stop_reason} if execution.stop_reason else {}),
        **({"stopTrigger": {"reason": execution.stop_reason}} if execution.stop_reason else {}),
        **({"rollbackMetadata": {"rollbackTargetPipelineExecutionId": execution.rolls_back_to}} if is_rollback else {}),
    }


def list_pipeline_executions(self: CodePipelineResponse) -> str:
    pipeline = _pipeline(self, self._get_param("pipelineName"))
    _move(pipeline)
    found = [_summary(execution) for execution in reversed(pipeline.plus)]
    return json.dumps({"pipelineExecutionSummaries": found[: self._get_param("maxResults") or 100]})


def list_action_executions(self: CodePipelineResponse) -> str:
    """Newest first, in pages."""
    pipeline = _pipeline(self, self._get_param("pipelineName"))
    id = (self._get_param("filter") or {}).get("pipelineExecutionId")
    found = [_detail(execution, action) for execution in pipeline.plus if id in (None, execution.id) for action in execution.actions]
    found.reverse()
    begin, size = int(self._get_param("nextToken") or 0), 3
    token = {"nextToken": str(begin + size)} if len(found) > begin + size else {}
    return json.dumps({"actionExecutionDetails": found[begin : begin + size], **token})


def _detail(execution: Execution, action: dict[str, Any]) -> dict[str, Any]:
    plain = ("stageName", "actionName", "actionExecutionId", "pipelineExecutionId", "status", "startTime", "lastUpdateTime")
    return {
        **{name: action[name] for name in plain},
        "pipelineVersion": execution.pipeline.pipeline["version"],
        "input": {"actionTypeId": action["declared"]["actionTypeId"], "configuration": action["declared"]["configuration"]},
        "output": {"executionResult": action["result"]},
        **({"updatedBy": action["updatedBy"]} if action["updatedBy"] else {}),
    }


def get_pipeline_state(self: CodePipelineResponse) -> str:
    pipeline = _pipeline(self, self._get_param("name"))
    stages = [_stage_state(pipeline, index, stage) for index, stage in enumerate(pipeline.pipeline["stages"])]
    name, version = pipeline.pipeline["name"], pipeline.pipeline["version"]
    return json.dumps({"pipelineName": name, "pipelineVersion": version, "stageStates": stages})


def _stage_state(pipeline: CodePipeline, index: int, stage: dict[str, Any]) -> dict[str, Any]:
    disabled = pipeline.plus_disabled.get(stage["name"])
    state: dict[str, Any] = {
        "stageName": stage["name"],
        "inboundTransitionState": {"enabled": True} if disabled is None else {"enabled": False, **disabled},
        "actionStates": [{"actionName": action["name"]} for action in stage["actions"]],
    }
    # Of executions side by side there is no one state.
    if _mode(pipeline) == "PARALLEL":
        return state
    waiting = [each for each in pipeline.plus if each.status in _open and not each.is_inside and each.stage == index]
    if waiting:
        inbound = [{"pipelineExecutionId": each.id, "status": each.status} for each in waiting]
        state |= {"inboundExecution": inbound[-1], "inboundExecutions": inbound}
    been = [(action, each) for each in pipeline.plus for action in each.actions if action["stageName"] == stage["name"]]
    if been:
        latest = max(been, key=lambda pair: pair[0]["startTime"])[1]
        status = "InProgress" if latest.is_inside and latest.stage == index else "Succeeded"
        if latest.stage == index and not latest.is_inside and latest.status not in _open:
            status = latest.status
        state["latestExecution"] = {"pipelineExecutionId": latest.id, "status": status}
        state["actionStates"] = [_action_state(latest, stage["name"], action["name"]) for action in stage["actions"]]
    return state


def _action_state(execution: Execution, stage: str, name: str) -> dict[str, Any]:
    mine = [each for each in execution.actions if each["stageName"] == stage and each["actionName"] == name]
    if not mine:
        return {"actionName": name}
    action = mine[-1]
    token = {"token": action["token"]} if action["token"] and action["status"] == "InProgress" else {}
    latest = {"actionExecutionId": action["actionExecutionId"], "status": action["status"], **token}
    return {"actionName": name, "latestExecution": latest}


def put_approval_result(self: CodePipelineResponse) -> str:
    pipeline = _pipeline(self, self._get_param("pipelineName"))
    stage, name, token = (self._get_param(each) for each in ("stageName", "actionName", "token"))
    result = self._get_param("result")
    mine = [
        action
        for execution in pipeline.plus
        for action in execution.actions
        if action["stageName"] == stage and action["actionName"] == name and action["token"] == token
    ]
    if not mine:
        raise _error("InvalidApprovalTokenException", "The approval request already received a response or has expired.")
    if mine[0]["status"] != "InProgress":
        raise _error("ApprovalAlreadyCompletedException", "The approval action has already been approved or rejected.")
    tell("codepipeline", {"approval": f"{stage}/{name}", "execution": mine[0]["pipelineExecutionId"], **result, "user": _user()})
    status = "Succeeded" if result["status"] == "Approved" else "Failed"
    _finish(mine[0], status, by=_user(), externalExecutionSummary=result["summary"])
    return json.dumps({"approvedAt": _now()})


def stop_pipeline_execution(self: CodePipelineResponse) -> str:
    pipeline = _pipeline(self, self._get_param("pipelineName"))
    execution = _execution(pipeline, self._get_param("pipelineExecutionId"))
    abandon = bool(self._get_param("abandon"))
    if execution.status not in _open:
        raise _error("PipelineExecutionNotStoppableException", f"The execution is {execution.status}")
    if execution.status == "Stopping" and not abandon:
        raise _error("DuplicatedStopRequestException", "The execution is already in a Stopping state")
    execution.stop_reason = self._get_param("reason")
    execution.status = "Stopping"
    tell("codepipeline", {"stopped": execution.id, "abandon": abandon, "reason": execution.stop_reason})
    if abandon:
        for action in execution.actions:
            if action["status"] == "InProgress":
                _finish(action, "Abandoned")
        execution.end("Stopped")
    return json.dumps({"pipelineExecutionId": execution.id})


def disable_stage_transition(self: CodePipelineResponse) -> str:
    pipeline = _pipeline(self, self._get_param("pipelineName"))
    pipeline.plus_disabled[self._get_param("stageName")] = {
        "lastChangedBy": _user(),
        "lastChangedAt": _now(),
        "disabledReason": self._get_param("reason"),
    }
    return json.dumps({})


def enable_stage_transition(self: CodePipelineResponse) -> str:
    pipeline = _pipeline(self, self._get_param("pipelineName"))
    pipeline.plus_disabled.pop(self._get_param("stageName"), None)
    return json.dumps({})


def rollback_stage(self: CodePipelineResponse) -> str:
    pipeline = _pipeline(self, self._get_param("pipelineName"))
    if _mode(pipeline) == "PARALLEL":
        raise _error("UnableToRollbackStageException", "Stages of a pipeline in mode PARALLEL cannot be rolled back")
    target = _execution(pipeline, self._get_param("targetPipelineExecutionId"))
    names = [each["name"] for each in pipeline.pipeline["stages"]]
    index = names.index(self._get_param("stageName"))
    return json.dumps({"pipelineExecutionId": _start_rollback(pipeline, index, target, ("ManualRollback", _user())).id})


def get_pipeline(self: CodePipelineResponse) -> str:
    pipeline = _pipeline(self, self._get_param("name"))
    return json.dumps({"pipeline": pipeline.pipeline, "metadata": {"pipelineArn": pipeline._arn}})


def update_pipeline(self: CodePipelineResponse) -> str:
    """What is under way goes on in a pipeline that is not the same any more: AWS cancels it."""
    wanted = self._get_param("pipeline")
    if len(wanted["stages"]) < 2:
        raise InvalidStructureException("There should be a minimum of 2 stages in a pipeline")
    pipeline = _pipeline(self, wanted["name"])
    for execution in pipeline.plus:
        if execution.status in _open:
            execution.end("Cancelled")
    return json.dumps({"pipeline": self.codepipeline_backend.update_pipeline(wanted)})


def _alone(call: Callable[[CodePipelineResponse], str]) -> Callable[[CodePipelineResponse], str]:
    @functools.wraps(call)
    def answer(self: CodePipelineResponse) -> str:
        with _one_at_a_time:
            return call(self)

    return answer


for _call in (
    start_pipeline_execution,
    get_pipeline_execution,
    list_pipeline_executions,
    list_action_executions,
    get_pipeline_state,
    put_approval_result,
    stop_pipeline_execution,
    disable_stage_transition,
    enable_stage_transition,
    rollback_stage,
    get_pipeline,
    update_pipeline,
):
    setattr(CodePipelineResponse, _call.__name__, _alone(_call))
