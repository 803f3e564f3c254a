"""CodeBuild: builds that last until someone ends them, with the variables they were started with.

A test's driver reads what was started (`told`) and ends it by a wish, `{"<build id>": {"status": "FAILED"}}`. Starting
again with the same idempotency token answers the same build; with other parameters it is refused, as AWS does.
"""
from typing import Any

from moto.codebuild.exceptions import InvalidInputException
from moto.codebuild.models import CodeBuildBackend
from moto.codebuild.responses import CodeBuildResponse
from moto.core.responses import ActionResult
from moto.core.utils import iso_8601_datetime_with_milliseconds

from .wishes import on_reset, tell, wishes

_tokens: dict[str, tuple[dict[str, Any], str]] = {}
on_reset(_tokens.clear)

_start = CodeBuildBackend.start_build


def _find(backend: CodeBuildBackend, build_id: str) -> dict[str, Any] | None:
    for builds in backend.build_metadata_history.values():
        for build in builds:
            if build["id"] == build_id:
                return build
    return None


def start_build(self: CodeBuildResponse) -> ActionResult:
    backend = self.codebuild_backend
    project = self._get_param("projectName")
    asked = {
        key: self._get_param(key)
        for key in ("environmentVariablesOverride", "buildspecOverride", "imageOverride", "timeoutInMinutesOverride")
    }
    token = self._get_param("idempotencyToken")
    if token in _tokens:
        before, build_id = _tokens[token]
        if before != asked:
            raise InvalidInputException("Idempotency token was already used with other parameters")
        return ActionResult({"build": _find(backend, build_id)})
    batch_get_projects = backend.batch_get_projects([project])
    if not batch_get_projects:
        raise InvalidInputException(f"Project cannot be found: {project}")
    build = _start(backend, project, None, self._get_param("artifactsOverride"))
    name = build["id"].split(":")[1]
    build["environment"]["environmentVariables"] = [
        *(batch_get_projects[0]["environment"].get("environmentVariables") or []),
        *(asked["environmentVariablesOverride"] or []),
    ]
    build["source"] = {"type": self._get_param("sourceTypeOverride"), "buildspec": asked["buildspecOverride"]}
    build["logs"] = {
        "groupName": f"/aws/codebuild/{project}",
        "streamName": name,
        "cloudWatchLogs": {"status": "ENABLED"},
    }
    if token:
        _tokens[token] = (asked, build["id"])
    tell("codebuild", {"id": build["id"], **asked})
    return ActionResult({"build": build})


def batch_get_builds(self: CodeBuildBackend, ids: list[str]) -> list[dict[str, Any]]:
    found = [build for build in (_find(self, build_id) for build_id in ids) if build is not None]
    for build in found:
        end = wishes("codebuild").get(build["id"])
        if end is None or build["buildStatus"] != "IN_PROGRESS":
            continue
        build["buildStatus"] = end["status"]
        build["buildComplete"] = True
        build["currentPhase"] = "COMPLETED"
        build["endTime"] = iso_8601_datetime_with_milliseconds()
        if "phase" in end:
            build["phases"].append(end["phase"])
    return found


def stop_build(self: CodeBuildBackend, build_id: str) -> dict[str, Any] | None:
    build = _find(self, build_id)
    if build is not None and build["buildStatus"] == "IN_PROGRESS":
        build["buildStatus"] = "STOPPED"
        build["buildComplete"] = True
        build["currentPhase"] = "COMPLETED"
        build["endTime"] = iso_8601_datetime_with_milliseconds()
        tell("codebuild", {"stopped": build_id})
    return build


CodeBuildResponse.start_build = start_build
CodeBuildBackend.batch_get_builds = batch_get_builds
CodeBuildBackend.stop_build = stop_build
