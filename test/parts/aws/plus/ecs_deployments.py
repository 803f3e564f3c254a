"""ECS: deployments of services, which move a step at each look of `DescribeServices`, as AWS documents them: rolling with
   the circuit breaker; blue-green, canary and linear with the stages of their lifecycle, hooks, pauses and alarms
   (developer guide: "Amazon ECS blue/green deployments", "canary", "linear", "Lifecycle hooks", "Pause hooks",
   "Stopping Amazon ECS service deployments"). Minutes of baking are one look each time.

   wishes: `fails`: a container's reason: tasks of the next deployments stop with exit code 1. `never_ends`: nothing
   moves, but what goes back. `alarm`: goes off while requests go over. `hook_fails`: the ARN of a Lambda function whose
   hook fails. `strides`: so many steps at a look. `unlisted`: so many looks pass until a deployment is listed.
   `rollback_fails`: a reason.
   `back_takes`: so many looks pass until what ran before runs again.
"""
from typing import Any, Iterator

from moto.core.responses import ActionResult
from moto.core.utils import utcnow
from moto.ecs.exceptions import EcsClientException, InvalidParameterException
from moto.ecs.models import EC2ContainerServiceBackend as Backend
from moto.ecs.models import Service, Task
from moto.ecs.responses import EC2ContainerServiceResponse as Responses
from moto.moto_api._internal import mock_random

from .wishes import tell, wishes

STEPS = 3
ENDS = ("SUCCESSFUL", "STOPPED", "ROLLBACK_SUCCESSFUL", "ROLLBACK_FAILED")
_create = Backend.create_service
_update = Backend.update_service
_describe = Backend.describe_services
_create_response = Responses.create_service


class ConflictException(EcsClientException):
    def __init__(self, message: str):
        super().__init__(message)
        self.error_type = "ConflictException"


def begin(service: Service, definition: str) -> dict[str, Any]:
    """What `DescribeServices` calls a deployment; it has the number of the service revision that it brings."""
    now = utcnow()
    number = mock_random.randint(10**18, 10**19 - 1)
    return {
        "id": f"ecs-svc/{number}", "status": "PRIMARY", "taskDefinition": definition,
        "desiredCount": service.desired_count, "runningCount": 0, "pendingCount": service.desired_count,
        "failedTasks": 0, "createdAt": now, "updatedAt": now, "rolloutState": "IN_PROGRESS",
        "rolloutStateReason": f"ECS deployment ecs-svc/{number} in progress.",
    }


def _arn(service: Service, kind: str, name: Any) -> str:
    return service.arn.replace(":service/", f":{kind}/") + f"/{name}"


def _revision(service: Service, deployment: dict[str, Any]) -> dict[str, Any]:
    arn = _arn(service, "service-revision", deployment["id"].split("/")[-1])
    service.plus_revisions[arn] = deployment["taskDefinition"]
    return {
        "arn": arn, "requestedTaskCount": service.desired_count, "runningTaskCount": deployment["runningCount"],
        "pendingTaskCount": deployment["pendingCount"], "requestedProductionTrafficWeight": 0.0,
        "requestedTestTrafficWeight": 0.0,
    }


def _record(service: Service, deployment: dict[str, Any], source: dict[str, Any] | None) -> dict[str, Any]:
    configuration = dict(getattr(service, "deployment_configuration", None) or {})
    shifts = configuration.get("strategy", "ROLLING") != "ROLLING"
    made: dict[str, Any] = {
        "serviceDeploymentArn": _arn(service, "service-deployment", f"{mock_random.randint(10**11, 10**12 - 1):x}"),
        "serviceArn": service.arn, "clusterArn": service.cluster_arn, "createdAt": utcnow(), "updatedAt": utcnow(),
        "status": "PENDING", "deploymentConfiguration": configuration, "lifecycleHookDetails": [],
        "targetServiceRevision": _revision(service, deployment),
        "sourceServiceRevisions": [] if source is None else [_revision(service, source)],
        "deploymentCircuitBreaker": {"status": "DISABLED" if shifts else "MONITORING", "failureCount": 0},
        "deployment": deployment, "source": source,
        "unlisted": wishes("ecs").get("unlisted", 0),
    }
    made["way"] = _shifting(service, made) if shifts else _rolling(service, made)
    for before in made["sourceServiceRevisions"]:
        before["requestedProductionTrafficWeight"] = 100.0
    return made


def event(service: Service, message: str) -> None:
    service.events.insert(0, {"id": str(mock_random.uuid4()), "createdAt": utcnow(), "message": message})


def create_service(self: Backend, *args: Any, **kwargs: Any) -> Service:
    service = _create(self, *args, **kwargs)
    service.plus_revisions, service.plus_deployments = {}, []
    if service.deployments:
        made = _record(service, service.deployments[0], None)
        service.plus_deployments.append(made)
        _through(service, made)
    return service


def create_response(self: Responses) -> ActionResult:
    result = _create_response(self)
    service = result.result["service"]
    service.deployment_configuration = self._get_param("deploymentConfiguration") or {}
    return result


def _complete(service: Service, deployment: dict[str, Any]) -> None:
    deployment.update(runningCount=service.desired_count, pendingCount=0, status="PRIMARY", rolloutState="COMPLETED")
    deployment["rolloutStateReason"] = f"ECS deployment {deployment['id']} completed."
    service.running_count, service.pending_count = service.desired_count, 0
    service.deployments = [deployment]
    service.task_definition = deployment["taskDefinition"]
    event(service, f"(service {service.name}) has reached a steady state.")


def _through(service: Service, made: dict[str, Any]) -> None:
    _complete(service, made["deployment"])
    made["targetServiceRevision"].update(runningTaskCount=service.desired_count, pendingTaskCount=0)
    for before in made["sourceServiceRevisions"]:
        before.update(runningTaskCount=0)
    _end(made, "SUCCESSFUL")


def _end(made: dict[str, Any], status: str, reason: str | None = None) -> None:
    made.update(status=status, finishedAt=utcnow(), updatedAt=utcnow(), lifecycleHookDetails=[])
    if reason is not None:
        made["statusReason"] = reason


def update_service(self: Backend, service_properties: dict[str, Any]) -> Service:
    given = dict(service_properties)
    definition = given.pop("task_definition", None)
    forced = given.pop("force_new_deployment", False)
    given.pop("deployment_configuration", None)
    service = _update(self, given)
    configuration = service_properties.get("deployment_configuration")
    if configuration is not None:
        _check(configuration)
        service.deployment_configuration = configuration
    tell("ecs", {"update": (definition or "").split("/")[-1], "breaker": breaker(service), "configuration": configuration})
    if definition is None or (definition == service.task_definition and not forced):
        return service
    for made in service.plus_deployments:
        if made["status"] not in ENDS:
            _end(made, "STOPPED", "Stopped by a newer service deployment.")
    source = next((known for known in service.deployments if known["rolloutState"] == "COMPLETED"), None)
    service.task_definition = definition
    for known in service.deployments:
        known["status"] = "ACTIVE"
    service.deployments.insert(0, begin(service, definition))
    service.plus_deployments.append(_record(service, service.deployments[0], source))
    event(service, f"(service {service.name}) has started {service.desired_count} tasks.")
    return service


def _check(configuration: dict[str, Any]) -> None:
    strategy = configuration.get("strategy", "ROLLING")
    for name, owner in (("canaryConfiguration", "CANARY"), ("linearConfiguration", "LINEAR")):
        if configuration.get(name) is not None and strategy != owner:
            raise InvalidParameterException(f"{name} is only valid when the deployment strategy is {owner}.")
    for hook in configuration.get("lifecycleHooks") or []:
        stages = set(hook.get("lifecycleStages") or [])
        if hook.get("targetType") == "PAUSE" and stages & {"TEST_TRAFFIC_SHIFT", "PRODUCTION_TRAFFIC_SHIFT"}:
            raise InvalidParameterException("PAUSE hooks cannot be configured at a traffic shift.")


def breaker(service: Service) -> bool:
    configuration = getattr(service, "deployment_configuration", None) or {}
    return bool((configuration.get("deploymentCircuitBreaker") or {}).get("rollback"))


def describe_services(self: Backend, cluster_str: str, service_names_or_arns: list[str]) -> Any:
    services, failures = _describe(self, cluster_str, service_names_or_arns)
    for service in services:
        for _ in range(wishes("ecs").get("strides", 1)):
            _step(self, service)
    return services, failures


def _step(self: Backend, service: Service) -> None:
    made = next(iter(reversed(getattr(service, "plus_deployments", []))), None)
    if made is None or made["status"] in ENDS:
        return
    if made["status"] in ("ROLLBACK_REQUESTED", "ROLLBACK_IN_PROGRESS"):
        _go_back(service, made)
        return
    if wishes("ecs").get("never_ends"):
        return
    if made["status"] == "PENDING":
        made.update(status="IN_PROGRESS", startedAt=utcnow())
        return
    if wishes("ecs").get("fails") and service.deployments[0]["runningCount"] == 0:
        _fail_a_task(self, service, made)
        return
    next(made["way"], None)


def _fail_a_task(self: Backend, service: Service, made: dict[str, Any]) -> None:
    made["deployment"]["failedTasks"] += 1
    stopped_task(self, service, made["deployment"], wishes("ecs")["fails"])
    if made["deploymentCircuitBreaker"]["status"] == "DISABLED" or made["deployment"]["failedTasks"] < STEPS:
        return
    made["deployment"]["rolloutState"] = "FAILED"
    made["deployment"]["rolloutStateReason"] = "ECS deployment circuit breaker: tasks failed to start."
    made["deploymentCircuitBreaker"]["status"] = "TRIGGERED"
    if made["source"] is not None and breaker(service):
        rolls_back(service, made, "Service deployment rolled back because the circuit breaker threshold was exceeded.")
    else:
        _end(made, "STOPPED", "Service deployment stopped because the circuit breaker threshold was exceeded.")


def rolls_back(service: Service, made: dict[str, Any], reason: str) -> None:
    made.update(status="ROLLBACK_IN_PROGRESS", statusReason=reason, updatedAt=utcnow())
    made["rollback"] = {
        "reason": reason, "startedAt": utcnow(),
        "serviceRevisionArn": (made["sourceServiceRevisions"] or [made["targetServiceRevision"]])[0]["arn"],
    }
    event(service, f"(service {service.name}) rolling back to deployment {(made['source'] or made['deployment'])['id']}.")


def _go_back(service: Service, made: dict[str, Any]) -> None:
    if made["status"] == "ROLLBACK_REQUESTED":
        rolls_back(service, made, "Service deployment rolled back because of a user request.")
        return
    made["looks_back"] = made.get("looks_back", 0) + 1
    if made["looks_back"] < wishes("ecs").get("back_takes", 1):
        return
    why = wishes("ecs").get("rollback_fails")
    if why:
        _end(made, "ROLLBACK_FAILED", why)
        return
    for before in made["sourceServiceRevisions"]:
        before.update(requestedProductionTrafficWeight=100.0, runningTaskCount=service.desired_count)
    made["targetServiceRevision"].update(requestedProductionTrafficWeight=0.0, runningTaskCount=0)
    _complete(service, made["source"] or made["deployment"])
    _end(made, "ROLLBACK_SUCCESSFUL")


def _rolling(service: Service, made: dict[str, Any]) -> Iterator[None]:
    for _ in range(STEPS - 1):
        _start_one(service, made)
        yield
    _through(service, made)
    yield


def _start_one(service: Service, made: dict[str, Any]) -> None:
    deployment, target = made["deployment"], made["targetServiceRevision"]
    deployment["runningCount"] = min(service.desired_count, deployment["runningCount"] + 1)
    deployment["pendingCount"] = service.desired_count - deployment["runningCount"]
    target.update(runningTaskCount=deployment["runningCount"], pendingTaskCount=deployment["pendingCount"])


def _weights(configuration: dict[str, Any]) -> list[float]:
    strategy = configuration["strategy"]
    if strategy == "CANARY":
        return [(configuration.get("canaryConfiguration") or {}).get("canaryPercent", 5.0), 100.0]
    if strategy == "LINEAR":
        step = (configuration.get("linearConfiguration") or {}).get("stepPercent", 10.0)
        return [min(100.0, step * count) for count in range(1, int(-(-100 // step)) + 1)]
    return [100.0]


def _shifting(service: Service, made: dict[str, Any]) -> Iterator[None]:
    """A step for each stage of the lifecycle, and for each look at a pause."""
    configuration, target = made["deploymentConfiguration"], made["targetServiceRevision"]
    if len(service.deployments) > 2:
        yield from _stage(service, made, "RECONCILE_SERVICE")
    yield from _stage(service, made, "PRE_SCALE_UP")
    while made["deployment"]["runningCount"] < service.desired_count:
        _start_one(service, made)
        yield from _stage(service, made, "SCALE_UP")
    yield from _stage(service, made, "POST_SCALE_UP")
    if any((balancer.get("advancedConfiguration") or {}).get("testListenerRule") for balancer in service.load_balancers):
        target["requestedTestTrafficWeight"] = 100.0
        yield from _stage(service, made, "TEST_TRAFFIC_SHIFT")
    yield from _stage(service, made, "POST_TEST_TRAFFIC_SHIFT")
    for weight in _weights(configuration):
        yield from _stage(service, made, "PRE_PRODUCTION_TRAFFIC_SHIFT")
        target["requestedProductionTrafficWeight"] = float(weight)
        for before in made["sourceServiceRevisions"]:
            before["requestedProductionTrafficWeight"] = 100.0 - weight
        tell("ecs", {"weight": weight})
        yield from _stage(service, made, "PRODUCTION_TRAFFIC_SHIFT")
        name = wishes("ecs").get("alarm")
        if name and name in ((configuration.get("alarms") or {}).get("alarmNames") or []):
            made["alarms"] = {"status": "TRIGGERED", "alarmNames": [name], "triggeredAlarmNames": [name]}
            rolls_back(service, made, "Service deployment rolled back because a CloudWatch alarm was in ALARM state.")
            return
    yield from _stage(service, made, "POST_PRODUCTION_TRAFFIC_SHIFT")
    yield from _stage(service, made, "BAKE_TIME")
    yield from _stage(service, made, "CLEAN_UP")
    _through(service, made)
    yield


def _stage(service: Service, made: dict[str, Any], stage: str) -> Iterator[None]:
    made.update(lifecycleStage=stage, updatedAt=utcnow())
    details = []
    for hook in made["deploymentConfiguration"].get("lifecycleHooks") or []:
        if stage not in (hook.get("lifecycleStages") or []):
            continue
        kind = hook.get("targetType", "AWS_LAMBDA")
        detail = {"hookId": f"ecs-{kind.lower()}-{mock_random.uuid4()}", "targetType": kind, "status": "AWAITING_ACTION"}
        details.append(detail)
        if kind != "AWS_LAMBDA":
            continue
        detail.update(targetArn=hook["hookTargetArn"], status="SUCCEEDED")
        if wishes("ecs").get("hook_fails") == hook["hookTargetArn"]:
            detail["status"] = "FAILED"
            made["lifecycleHookDetails"] = details
            rolls_back(service, made, "Service deployment rolled back because of a hook execution failure.")
            yield
            return
    made["lifecycleHookDetails"] = details
    yield
    while any(detail["status"] == "AWAITING_ACTION" for detail in details):
        yield


def stopped_task(self: Backend, service: Service, deployment: dict[str, Any], why: str) -> None:
    cluster = self._get_cluster(service.cluster_name)
    definition = self.describe_task_definition(deployment["taskDefinition"])
    place = {"awsvpcConfiguration": {"subnets": [], "securityGroups": []}}
    mode, definition.network_mode = definition.network_mode, "bridge"
    task = Task(cluster, definition, None, None, self, f"service:{service.name}", "FARGATE", networking_configuration=place)
    definition.network_mode = mode
    task.started_by = deployment["id"]
    end_task(task, 1, why, "Essential container in task exited")
    self.tasks.setdefault(cluster.name, {})[task.task_arn] = task


def end_task(task: Task, code: int, why: Any, reason: str) -> None:
    task.plus_ended = True
    task.last_status = "STOPPED"
    task.desired_status = "STOPPED"
    task.stopped_reason = reason
    task.stopped_at = utcnow()
    for container in task.containers:
        container.last_status = "STOPPED"
        container.exit_code = code
        container.exitCode = code
        container.reason = why


def _known(self: Responses, arn: str) -> tuple[Service, dict[str, Any]] | None:
    for service in self.ecs_backend.services.values():
        for made in getattr(service, "plus_deployments", []):
            if made["serviceDeploymentArn"] == arn:
                return service, made
    return None


def _said(made: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in made.items() if key not in ("way", "deployment", "source", "unlisted", "looks_back")}


def list_service_deployments(self: Responses) -> ActionResult:
    cluster = self._get_param("cluster", "default").split("/")[-1]
    service = self.ecs_backend._get_service(cluster, self._get_param("service").split("/")[-1])
    listed = []
    for made in reversed(service.plus_deployments):
        if made["unlisted"] > 0:
            made["unlisted"] -= 1
            continue
        brief = {key: made.get(key) for key in (
            "serviceDeploymentArn", "serviceArn", "clusterArn", "createdAt", "startedAt", "finishedAt", "status",
            "statusReason",
        ) if made.get(key) is not None}
        listed.append({**brief, "targetServiceRevisionArn": made["targetServiceRevision"]["arn"]})
    return ActionResult({"serviceDeployments": listed[: self._get_int_param("maxResults", 20)]})


def describe_service_deployments(self: Responses) -> ActionResult:
    found = [_known(self, arn) for arn in self._get_param("serviceDeploymentArns", [])]
    return ActionResult({"serviceDeployments": [_said(known[1]) for known in found if known], "failures": []})


def describe_service_revisions(self: Responses) -> ActionResult:
    asked = self._get_param("serviceRevisionArns", [])
    known = {
        arn: {"serviceRevisionArn": arn, "serviceArn": service.arn, "taskDefinition": definition}
        for service in self.ecs_backend.services.values()
        for arn, definition in getattr(service, "plus_revisions", {}).items()
    }
    return ActionResult({"serviceRevisions": [known[arn] for arn in asked if arn in known], "failures": []})


def stop_service_deployment(self: Responses) -> ActionResult:
    arn = self._get_param("serviceDeploymentArn")
    known = _known(self, arn)
    if known is None:
        raise InvalidParameterException(f"The service deployment {arn} does not exist.")
    _, made = known
    if made["status"] in ENDS:
        raise ConflictException("The service deployment is not in a state that can be stopped.")
    if made["status"] in ("PENDING", "IN_PROGRESS"):
        tell("ecs", {"stop": made["deployment"]["taskDefinition"].split("/")[-1], "type": self._get_param("stopType")})
        made.update(status="ROLLBACK_REQUESTED", updatedAt=utcnow())
    return ActionResult({"serviceDeploymentArn": arn})


def continue_service_deployment(self: Responses) -> ActionResult:
    arn, hook_id = self._get_param("serviceDeploymentArn"), self._get_param("hookId")
    known = _known(self, arn)
    waiting = [] if known is None else [
        hook for hook in known[1]["lifecycleHookDetails"]
        if hook["hookId"] == hook_id and hook["status"] == "AWAITING_ACTION" and hook["targetType"] == "PAUSE"
    ]
    if known is None or known[1]["status"] != "IN_PROGRESS" or not waiting:
        raise InvalidParameterException("The lifecycle hook is not awaiting an action.")
    tell("ecs", {"continue": known[1]["lifecycleStage"]})
    for hook in waiting:
        hook["status"] = "SUCCEEDED"
    return ActionResult({"serviceDeploymentArn": arn})


Backend.create_service = create_service
Backend.update_service = update_service
Backend.describe_services = describe_services
Responses.create_service = create_response
for _each in (
    list_service_deployments, describe_service_deployments, describe_service_revisions, stop_service_deployment,
    continue_service_deployment,
):
    setattr(Responses, _each.__name__, _each)
