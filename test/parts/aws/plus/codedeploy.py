"""CodeDeploy: deployments go a step at each look, and can be stopped. Moto's stay `Created` for ever."""
from typing import Any

from moto.codedeploy.models import CodeDeployBackend, DeploymentInfo
from moto.codedeploy.responses import CodeDeployResponse
from moto.core.responses import ActionResult
from moto.core.utils import utcnow

from .wishes import wishes

_next = {"Created": "Queued", "Queued": "InProgress", "InProgress": "Succeeded"}
_get_deployment = CodeDeployBackend.get_deployment


def _step(deployment: DeploymentInfo) -> None:
    wanted = wishes("codedeploy")
    if deployment.status == "InProgress" and wanted.get("never_ends"):
        return
    status = _next.get(deployment.status, deployment.status)
    if status == "Succeeded" and wanted.get("fails"):
        status = "Failed"
    if status == "InProgress" and deployment.start_time is None:
        deployment.start_time = utcnow()
    if status in ("Succeeded", "Failed") and deployment.complete_time is None:
        deployment.complete_time = utcnow()
    deployment.status = status


def get_deployment(self: CodeDeployBackend, deployment_id: str) -> DeploymentInfo:
    deployment = _get_deployment(self, deployment_id)
    _step(deployment)
    return deployment


def stop_deployment(self: CodeDeployResponse) -> Any:
    deployment = _get_deployment(self.codedeploy_backend, self._get_param("deploymentId"))
    if deployment.status not in ("Succeeded", "Failed"):
        deployment.status = "Stopped"
        deployment.complete_time = utcnow()
    return ActionResult({"status": "Succeeded", "statusMessage": "the deployment is stopped"})


CodeDeployBackend.get_deployment = get_deployment
CodeDeployResponse.stop_deployment = stop_deployment
