"""CodePipeline: the state of its stages, and approvals that wait until someone gives them."""
import json
from typing import Any

from moto.codepipeline.responses import CodePipelineResponse


def _status(pipeline: Any, action: dict[str, Any]) -> str:
    given = getattr(pipeline, "approvals", {}).get(action["name"])
    if given is not None:
        return given
    return "InProgress" if action["actionTypeId"]["category"] == "Approval" else "Succeeded"


def _state(pipeline: Any, stage: dict[str, Any]) -> dict[str, Any]:
    actions = [
        {
            "actionName": action["name"],
            "latestExecution": {"status": _status(pipeline, action), "token": f"token-{action['name']}"},
        }
        for action in stage["actions"]
    ]
    return {"stageName": stage["name"], "actionStates": actions}


def get_pipeline_state(self: CodePipelineResponse) -> str:
    pipeline = self.codepipeline_backend.pipelines[json.loads(self.body)["name"]]
    stages = [_state(pipeline, stage) for stage in pipeline.pipeline["stages"]]
    return json.dumps(
        {
            "pipelineName": pipeline.pipeline["name"],
            "pipelineVersion": pipeline.pipeline["version"],
            "stageStates": stages,
        }
    )


def put_approval_result(self: CodePipelineResponse) -> str:
    request = json.loads(self.body)
    pipeline = self.codepipeline_backend.pipelines[request["pipelineName"]]
    status = "Succeeded" if request["result"]["status"] == "Approved" else "Failed"
    pipeline.approvals = {**getattr(pipeline, "approvals", {}), request["actionName"]: status}
    return json.dumps({})


CodePipelineResponse.get_pipeline_state = get_pipeline_state
CodePipelineResponse.put_approval_result = put_approval_result
