"""ECS: deployments of services move a step at each look, fail, and are rolled back, as AWS documents it; tasks end.

   wishes: `fails`: a container's reason: tasks of the next deployments stop with exit code 1, and the circuit breaker
   brings back what ran before. `never_ends`: nothing moves. `exit_code`: of tasks that are run. `task_runs_on`: tasks
   that are run do not end.
"""
from typing import Any

from moto.core.responses import ActionResult
from moto.core.utils import utcnow
from moto.ecs.models import EC2ContainerServiceBackend as Backend
from moto.ecs.models import Service, Task
from moto.ecs.responses import EC2ContainerServiceResponse as Responses
from moto.moto_api._internal import mock_random

from .wishes import tell, wishes

_create = Backend.create_service
_update = Backend.update_service
_describe = Backend.describe_services
_run = Backend.run_task
STEPS = 3


def _deployment(service: Service, definition: str) -> dict[str, Any]:
    now = utcnow()
    made = f"ecs-svc/{mock_random.randint(10**18, 10**19 - 1)}"
    return {
        "id": made, "status": "PRIMARY", "taskDefinition": definition, "desiredCount": service.desired_count,
        "runningCount": 0, "pendingCount": service.desired_count, "failedTasks": 0, "createdAt": now, "updatedAt": now,
        "rolloutState": "IN_PROGRESS", "rolloutStateReason": f"ECS deployment {made} in progress.",
    }


def _event(service: Service, message: str) -> None:
    service.events.insert(0, {"id": str(mock_random.uuid4()), "createdAt": utcnow(), "message": message})


def create_service(self: Backend, *args: Any, **kwargs: Any) -> Service:
    service = _create(self, *args, **kwargs)
    if service.deployments:
        _complete(service, service.deployments[0])
    return service


def _complete(service: Service, deployment: dict[str, Any]) -> None:
    deployment.update(runningCount=service.desired_count, pendingCount=0, rolloutState="COMPLETED")
    deployment["rolloutStateReason"] = f"ECS deployment {deployment['id']} completed."
    service.running_count, service.pending_count = service.desired_count, 0
    service.deployments = [deployment]
    _event(service, f"(service {service.name}) has reached a steady state.")


def update_service(self: Backend, service_properties: dict[str, Any]) -> Service:
    given = dict(service_properties)
    definition = given.pop("task_definition", None)
    forced = given.pop("force_new_deployment", False)
    service = _update(self, given)
    tell("ecs", {"update": (definition or "").split("/")[-1], "breaker": _breaker(service)})
    if definition is None or (definition == service.task_definition and not forced):
        return service
    service.task_definition = definition
    for known in service.deployments:
        known["status"] = "ACTIVE"
    service.deployments.insert(0, _deployment(service, definition))
    _event(service, f"(service {service.name}) has started {service.desired_count} tasks.")
    return service


def _breaker(service: Service) -> bool:
    configuration = getattr(service, "deployment_configuration", None) or {}
    return bool((configuration.get("deploymentCircuitBreaker") or {}).get("rollback"))


def _step(self: Backend, service: Service) -> None:
    if not service.deployments or wishes("ecs").get("never_ends"):
        return
    primary = service.deployments[0]
    if primary["rolloutState"] != "IN_PROGRESS":
        return
    why = wishes("ecs").get("fails")
    if why and not primary.get("way_back"):
        primary["failedTasks"] += 1
        _stopped_task(self, service, primary, why)
        if primary["failedTasks"] >= STEPS:
            _fail(service, primary)
        return
    primary["steps"] = primary.get("steps", 0) + 1
    primary["runningCount"] = min(service.desired_count, primary["runningCount"] + 1)
    if primary["steps"] >= STEPS:
        _complete(service, primary)


def _fail(service: Service, failed: dict[str, Any]) -> None:
    failed["rolloutState"] = "FAILED"
    failed["rolloutStateReason"] = "ECS deployment circuit breaker: tasks failed to start."
    before = next((known for known in service.deployments if known["rolloutState"] == "COMPLETED"), None)
    if before is None or not _breaker(service):
        return
    failed["status"] = "ACTIVE"
    back = {**_deployment(service, before["taskDefinition"]), "way_back": True}
    back["rolloutStateReason"] = f"ECS deployment circuit breaker: rolling back to deploymentId {before['id']}."
    service.deployments.insert(0, back)
    service.task_definition = before["taskDefinition"]
    _event(service, f"(service {service.name}) rolling back to deployment {before['id']}.")


def _stopped_task(self: Backend, service: Service, deployment: dict[str, Any], why: str) -> None:
    cluster = self._get_cluster(service.cluster_name)
    definition = self.describe_task_definition(deployment["taskDefinition"])
    place = {"awsvpcConfiguration": {"subnets": [], "securityGroups": []}}
    mode, definition.network_mode = definition.network_mode, "bridge"
    task = Task(cluster, definition, None, None, self, f"service:{service.name}", "FARGATE", networking_configuration=place)
    definition.network_mode = mode
    task.started_by = deployment["id"]
    _end(task, 1, why, "Essential container in task exited")
    self.tasks.setdefault(cluster.name, {})[task.task_arn] = task


def _end(task: Task, code: int, why: Any, reason: str) -> None:
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


def describe_services(self: Backend, cluster_str: str, service_names_or_arns: list[str]) -> Any:
    services, failures = _describe(self, cluster_str, service_names_or_arns)
    for service in services:
        _step(self, service)
    return services, failures


def run_task(self: Backend, *args: Any, **kwargs: Any) -> list[Task]:
    tasks = _run(self, *args, **kwargs)
    tell("ecs", {"run": [task.task_definition_arn.split("/")[-1] for task in tasks]})
    return tasks


def describe_tasks(self: Backend, cluster_str: str, tasks: list[str]) -> list[Task]:
    found = [
        task for known in self.tasks.values() for arn, task in known.items()
        if arn in tasks or task.task_arn in tasks or any(task.id in asked for asked in tasks)
    ]
    for task in found:
        task.plus_looks = getattr(task, "plus_looks", 0) + 1
        if getattr(task, "plus_ended", False) or wishes("ecs").get("task_runs_on") or task.plus_looks < STEPS:
            continue
        _end(task, wishes("ecs").get("exit_code", 0), None, "Essential container in task exited")
    return found


def list_task_definitions(self: Responses) -> ActionResult:
    found = self.ecs_backend.list_task_definitions(self._get_param("familyPrefix"), self._get_param("status", "ACTIVE"))
    found.sort(key=lambda arn: int(arn.rsplit(":", 1)[-1]), reverse=self._get_param("sort") == "DESC")
    return ActionResult({"taskDefinitionArns": found[: self._get_int_param("maxResults", 100)]})


_register = Backend.register_task_definition


def register_task_definition(self: Backend, *args: Any, **kwargs: Any) -> Any:
    made = _register(self, *args, **kwargs)
    made.registered_at = utcnow()
    return made


Backend.register_task_definition = register_task_definition
Responses.list_task_definitions = list_task_definitions
_requirements = Backend._calculate_task_resource_requirements


def requirements(definition: Any) -> dict[str, Any]:
    """A task of Fargate says what it needs as a whole: moto asks each container."""
    if "FARGATE" in (definition.requires_compatibilities or []):
        return {"CPU": int(definition.cpu), "MEMORY": int(definition.memory), "PORTS": [], "PORTS_UDP": []}
    return _requirements(definition)


Backend._calculate_task_resource_requirements = staticmethod(requirements)
Backend.create_service = create_service
Backend.update_service = update_service
Backend.describe_services = describe_services
Backend.run_task = run_task
Backend.describe_tasks = describe_tasks
