"""ECS: tasks that are run end, and task definitions are listed as AWS does. Deployments are in `ecs_deployments.py`.

   wishes: `exit_code`: of tasks that are run. `task_runs_on`: tasks that are run do not end.
"""
from typing import Any

from moto.core.responses import ActionResult
from moto.core.utils import utcnow
from moto.ecs.models import EC2ContainerServiceBackend as Backend
from moto.ecs.models import Task
from moto.ecs.responses import EC2ContainerServiceResponse as Responses

from .ecs_deployments import STEPS, end_task
from .wishes import tell, wishes

_run = Backend.run_task


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
        end_task(task, wishes("ecs").get("exit_code", 0), None, "Essential container in task exited")
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
Backend.run_task = run_task
Backend.describe_tasks = describe_tasks
