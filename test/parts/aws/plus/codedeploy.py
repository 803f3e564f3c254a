"""CodeDeploy: deployments go a step at each look, instance after instance, and can be stopped. Moto's stay `Created`.

Instances are those of the group's Auto Scaling groups, or what a wish says.

Wishes: `instances` (ids), `agent` (scripts really run: codedeploy_agent.py), `fails` and `never_ends` (true, or which instance and event; a revision that went well in the
group once is well), `no_instances`, `at_once` (a look sees the end),
`keeps_old` (blue-green: old instances are not yet taken away), `configurations` (deployment configurations that somebody
made: name to `minimumHealthyHosts`). A test that deploys past Trunkline uses the same API.
"""
from typing import Any

from moto.autoscaling.models import autoscaling_backends
from moto.codedeploy import responses
from moto.codedeploy.exceptions import CodeDeployException
from moto.codedeploy.models import CodeDeployBackend, DeploymentGroup, DeploymentInfo
from moto.codedeploy.responses import CodeDeployResponse
from moto.core.responses import ActionResult, EmptyResult
from moto.core.utils import utcnow

from . import codedeploy_agent
from .wishes import tell, wishes

_events = ["ApplicationStop", "DownloadBundle", "BeforeInstall", "Install", "AfterInstall", "ApplicationStart", "ValidateService"]
_blue_events = ["BeforeBlockTraffic", "BlockTraffic", "AfterBlockTraffic"]
_ends = ("Succeeded", "Failed", "Stopped")
_get_deployment = CodeDeployBackend.get_deployment
_create_deployment = CodeDeployBackend.create_deployment
_deployment_info = responses._deployment_info
_group_info = responses._deployment_group_info


class DeploymentLimitExceededException(CodeDeployException):
    code = 400

    def __init__(self, message: str):
        super().__init__("DeploymentLimitExceededException", message)


class DeploymentAlreadyCompletedException(CodeDeployException):
    code = 400

    def __init__(self) -> None:
        super().__init__("DeploymentAlreadyCompletedException", "The deployment is already completed.")


class DeploymentNotStartedException(CodeDeployException):
    code = 400

    def __init__(self) -> None:
        super().__init__("DeploymentNotStartedException", "The specified deployment has not started.")


class DeploymentConfigDoesNotExistException(CodeDeployException):
    code = 400

    def __init__(self, name: str):
        super().__init__("DeploymentConfigDoesNotExistException", f"No deployment configuration found for name: {name}")


_own_configurations = {
    "CodeDeployDefault.OneAtATime": {"type": "HOST_COUNT", "value": 1},
    "CodeDeployDefault.HalfAtATime": {"type": "FLEET_PERCENT", "value": 50},
    "CodeDeployDefault.AllAtOnce": {"type": "HOST_COUNT", "value": 0},
}


def _configuration(name: str) -> dict[str, Any]:
    known = {**_own_configurations, **wishes("codedeploy").get("configurations", {})}
    if name not in known:
        raise DeploymentConfigDoesNotExistException(name)
    return {"deploymentConfigName": name, "computePlatform": "Server", "minimumHealthyHosts": known[name]}


def get_deployment_config(self: CodeDeployResponse) -> Any:
    return ActionResult({"deploymentConfigInfo": _configuration(self._get_param("deploymentConfigName"))})


def _instances(deployment: DeploymentInfo) -> list[dict[str, Any]]:
    """Made when first asked for, so that they stay with their deployment."""
    if not hasattr(deployment, "plus_instances"):
        wanted = wishes("codedeploy").get("instances") or _scaled(deployment) or ["i-0a1", "i-0b2"]
        ids = [] if wishes("codedeploy").get("no_instances") else wanted
        deployment.plus_instances = [
            {"id": id, "status": "Pending", "events": [{"lifecycleEventName": name, "status": "Pending"} for name in _events]}
            for id in ids
        ]
        if _is_blue_green(deployment):
            for instance in deployment.plus_instances:
                instance["label"] = "Green"
            deployment.plus_instances += [
                {
                    "id": f"{id}-before", "status": "Pending", "label": "Blue",
                    "events": [{"lifecycleEventName": name, "status": "Pending"} for name in _blue_events],
                }
                for id in ids
            ]
    return deployment.plus_instances


def _scaled(deployment: DeploymentInfo) -> list[str]:
    """Those that Auto Scaling has launched for the group."""
    place = getattr(deployment, "plus_backend", None)
    if place is None:
        return []
    groups = autoscaling_backends[place.account_id][place.region_name].autoscaling_groups
    named = [groups[name] for name in deployment.deployment_group.auto_scaling_groups if name in groups]
    return [state.instance.id for group in named for state in group.instance_states]


def _is_blue_green(deployment: DeploymentInfo) -> bool:
    return (deployment.deployment_group.deployment_style or {}).get("deploymentType") == "BLUE_GREEN"


def _of_group(backend: CodeDeployBackend, group: DeploymentGroup) -> list[DeploymentInfo]:
    return [deployment for deployment in backend.deployments.values() if deployment.deployment_group is group]


def _key(deployment: DeploymentInfo) -> str:
    return str((deployment.revision or {}).get("s3Location", {}).get("key"))


def _is_proven(backend: CodeDeployBackend, deployment: DeploymentInfo) -> bool:
    others = _of_group(backend, deployment.deployment_group)
    return any(other.status == "Succeeded" and _key(other) == _key(deployment) for other in others)


def _applies(wish: Any, instance: str, event: str) -> bool:
    if not wish:
        return False
    wish = wish if isinstance(wish, dict) else {}
    return instance == wish.get("instance", instance) and event == wish.get("event", "AfterInstall")


def _end(backend: CodeDeployBackend, deployment: DeploymentInfo, status: str, goes_back: bool) -> None:
    deployment.status = status
    deployment.complete_time = utcnow()
    if not goes_back:
        return
    good = [other for other in _of_group(backend, deployment.deployment_group) if other.status == "Succeeded"]
    if not good:
        deployment.plus_rollback = {"rollbackMessage": "There is no revision to roll back to."}
        return
    id = _create_deployment(
        backend,
        deployment.application_name,
        deployment.deployment_group_name,
        good[-1].revision,
        deployment.deployment_config_name,
        f"Deployment {deployment.deployment_id} rolled back",
    )
    backend.deployments[id].creator = "codeDeployRollback"
    backend.deployments[id].plus_rollback = {"rollbackTriggeringDeploymentId": deployment.deployment_id}
    deployment.plus_rollback = {"rollbackDeploymentId": id}


def _rolls_back(deployment: DeploymentInfo, event: str) -> bool:
    configuration = deployment.deployment_group.auto_rollback_configuration or {}
    return bool(configuration.get("enabled")) and event in configuration.get("events", [])


def _run_instance(backend: CodeDeployBackend, deployment: DeploymentInfo, instance: dict[str, Any]) -> None:
    """To its end, or to where a wish keeps it."""
    proven = _is_proven(backend, deployment)
    wanted = wishes("codedeploy")
    instance["status"] = "InProgress"
    for event in instance["events"]:
        if event["status"] == "Succeeded":
            continue
        event.setdefault("startTime", utcnow())
        name = event["lifecycleEventName"]
        if not proven and _applies(wanted.get("never_ends"), instance["id"], name):
            event["status"] = "InProgress"
            return
        ran = codedeploy_agent.run(backend.account_id, deployment, instance["id"], name) if codedeploy_agent.plays() else None
        event["endTime"] = utcnow()
        if ran is not None:
            event.update({"status": "Failed", "diagnostics": ran})
            instance["status"] = "Failed"
            return
        if not proven and _applies(wanted.get("fails"), instance["id"], name):
            event["status"] = "Failed"
            event["diagnostics"] = {
                "errorCode": "ScriptFailed",
                "scriptName": "scripts/migrate.sh",
                "message": "Script at specified location: scripts/migrate.sh failed with exit code 7",
                "logTail": "LifecycleEvent - AfterInstall\nScript - scripts/migrate.sh\n[stderr]no such table: carts\n",
            }
            instance["status"] = "Failed"
            return
        event["status"] = "Succeeded"
        event["diagnostics"] = {"errorCode": "Success", "scriptName": "", "message": "Succeeded", "logTail": ""}
    instance["status"] = "Succeeded"


def _waits(deployment: DeploymentInfo) -> bool:
    configuration = deployment.deployment_group.blue_green_deployment_configuration or {}
    return configuration.get("deploymentReadyOption", {}).get("actionOnTimeout") == "STOP_DEPLOYMENT"


def _step(backend: CodeDeployBackend, deployment: DeploymentInfo) -> None:
    deployment.plus_backend = backend
    if deployment.status == "Created":
        deployment.status = "Queued"
        return
    if deployment.status == "Queued":
        deployment.status = "InProgress"
        deployment.start_time = utcnow()
        if not _instances(deployment):
            deployment.plus_error = {"code": "NO_INSTANCES", "message": "No instances found for your deployment group."}
            _end(backend, deployment, "Failed", _rolls_back(deployment, "DEPLOYMENT_FAILURE"))
        return
    if deployment.status != "InProgress":
        return
    waiting = [instance for instance in _instances(deployment) if instance["status"] in ("Pending", "InProgress")]
    green = [instance for instance in waiting if instance.get("label") != "Blue"]
    # Requests leave the old instances when they go to the new ones.
    continued = not _waits(deployment) or getattr(deployment, "plus_continued", False)
    waiting = green or (waiting if continued else [])
    at_once = "AllAtOnce" in str(deployment.deployment_config_name)
    for instance in waiting if at_once else waiting[:1]:
        _run_instance(backend, deployment, instance)
    states = [instance["status"] for instance in _instances(deployment)]
    if "Failed" in states:
        for instance in _instances(deployment):
            if instance["status"] == "Pending":
                instance["status"] = "Skipped"
        deployment.plus_error = {"code": "HEALTH_CONSTRAINTS", "message": "Too few healthy instances are available."}
        _end(backend, deployment, "Failed", _rolls_back(deployment, "DEPLOYMENT_FAILURE"))
    elif all(state == "Succeeded" for state in states) or not (green or continued):
        if _waits(deployment) and not getattr(deployment, "plus_continued", False):
            deployment.status = "Ready"
        elif wishes("codedeploy").get("keeps_old"):
            deployment.instance_termination_wait_time_started = True
        else:
            _end(backend, deployment, "Succeeded", False)


def get_deployment(self: CodeDeployBackend, deployment_id: str) -> DeploymentInfo:
    deployment = _get_deployment(self, deployment_id)
    for _ in range(20 if wishes("codedeploy").get("at_once") else 1):
        _step(self, deployment)
    return deployment


def batch_get_deployments(self: CodeDeployBackend, deployment_ids: list[str]) -> list[DeploymentInfo]:
    return [get_deployment(self, id) for id in deployment_ids if id in self.deployments]


def create_deployment(self: CodeDeployBackend, application_name: str, deployment_group_name: str, *rest: Any, **named: Any) -> str:
    for other in self.deployments.values():
        same = other.application_name == application_name and other.deployment_group_name == deployment_group_name
        if same and other.status not in _ends:
            raise DeploymentLimitExceededException(
                f"The Deployment Group '{deployment_group_name}' already has an active Deployment '{other.deployment_id}'"
            )
    id = _create_deployment(self, application_name, deployment_group_name, *rest, **named)
    try:
        _configuration(str(self.deployments[id].deployment_config_name or "CodeDeployDefault.OneAtATime"))
    except DeploymentConfigDoesNotExistException:
        del self.deployments[id]
        raise
    tell("codedeploy", {"created": id, "configuration": str(self.deployments[id].deployment_config_name)})
    return id


def stop_deployment(self: CodeDeployResponse) -> Any:
    backend = self.codedeploy_backend
    deployment = _get_deployment(backend, self._get_param("deploymentId"))
    if deployment.status in _ends:
        raise DeploymentAlreadyCompletedException()
    tell("codedeploy", {"stopped": deployment.deployment_id})
    _end(backend, deployment, "Stopped", bool(self._get_bool_param("autoRollbackEnabled")))
    return ActionResult({"status": "Succeeded", "statusMessage": "the deployment is stopped"})


def continue_deployment(self: CodeDeployResponse) -> Any:
    deployment = _get_deployment(self.codedeploy_backend, self._get_param("deploymentId"))
    tell("codedeploy", {"continued": self._get_param("deploymentWaitType")})
    deployment.plus_continued = True
    if deployment.status == "Ready":
        deployment.status = "InProgress"
    return EmptyResult()


def list_deployment_targets(self: CodeDeployResponse) -> Any:
    deployment = _get_deployment(self.codedeploy_backend, self._get_param("deploymentId"))
    if deployment.start_time is None:
        raise DeploymentNotStartedException()
    return ActionResult({"targetIds": [instance["id"] for instance in _instances(deployment)]})


def batch_get_deployment_targets(self: CodeDeployResponse) -> Any:
    deployment = _get_deployment(self.codedeploy_backend, self._get_param("deploymentId"))
    wanted = self._get_param("targetIds")
    targets = [
        {
            "deploymentTargetType": "InstanceTarget",
            "instanceTarget": {
                "deploymentId": deployment.deployment_id,
                "targetId": instance["id"],
                "status": instance["status"],
                "lifecycleEvents": instance["events"],
                **({"instanceLabel": instance["label"]} if "label" in instance else {}),
            },
        }
        for instance in _instances(deployment)
        if instance["id"] in wanted
    ]
    return ActionResult({"deploymentTargets": targets})


def register_application_revision(self: CodeDeployResponse) -> Any:
    self.codedeploy_backend.get_application(self._get_param("applicationName"))
    tell("codedeploy", {"registered": self._get_param("revision"), "description": self._get_param("description")})
    return EmptyResult()


def deployment_info(deployment: DeploymentInfo) -> dict[str, Any]:
    states = [instance["status"] for instance in getattr(deployment, "plus_instances", [])]
    overview = {name: states.count(name) for name in ("Pending", "InProgress", "Succeeded", "Failed", "Skipped")}
    error = getattr(deployment, "plus_error", None)
    rollback = getattr(deployment, "plus_rollback", None)
    return {
        **_deployment_info(deployment),
        "deploymentOverview": {**overview, "Ready": 0},
        "errorInformation": error,
        "rollbackInfo": rollback,
    }


def _last(deployments: list[DeploymentInfo]) -> dict[str, Any] | None:
    if not deployments:
        return None
    last = deployments[-1]
    return {"deploymentId": last.deployment_id, "status": last.status, "createTime": last.create_time}


def deployment_group_info(group: DeploymentGroup) -> dict[str, Any]:
    backend = group.plus_backend
    known = _of_group(backend, group)
    return {
        **_group_info(group),
        "lastSuccessfulDeployment": _last([deployment for deployment in known if deployment.status == "Succeeded"]),
        "lastAttemptedDeployment": _last(known),
    }


_get_deployment_group = CodeDeployBackend.get_deployment_group


def get_deployment_group(self: CodeDeployBackend, application_name: str, deployment_group_name: str) -> DeploymentGroup:
    group = _get_deployment_group(self, application_name, deployment_group_name)
    group.plus_backend = self
    return group


responses._deployment_info = deployment_info
responses._deployment_group_info = deployment_group_info
CodeDeployBackend.get_deployment = get_deployment
CodeDeployBackend.batch_get_deployments = batch_get_deployments
CodeDeployBackend.get_deployment_group = get_deployment_group
CodeDeployBackend.create_deployment = create_deployment
CodeDeployResponse.get_deployment_config = get_deployment_config
CodeDeployResponse.stop_deployment = stop_deployment
CodeDeployResponse.continue_deployment = continue_deployment
CodeDeployResponse.list_deployment_targets = list_deployment_targets
CodeDeployResponse.batch_get_deployment_targets = batch_get_deployment_targets
CodeDeployResponse.register_application_revision = register_application_revision
