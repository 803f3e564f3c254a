"""CodeDeploy's agent on instances that are folders of this machine: it fetches the revision from S3 and runs its scripts, as
`appspec.yml` says. For who wants to see an application really run; `files` of an appspec are not copied.

   wish('codedeploy', {'agent': {'folder': '/tmp/…', 'variables': {'WEB_HOME': '{home}', 'WEB_PORT': '{port}'}}})

`variables` are given to the scripts; `{home}` is a folder of the instance's own, `{port}` a free port that it keeps.
"""
import io
import os
import socket
import subprocess
import tarfile
from typing import Any

import yaml
from moto.codedeploy.models import DeploymentInfo
from moto.s3.models import s3_backends

from .wishes import on_reset, tell, wishes

# What AWS's agent does itself, without a script.
_own = ("DownloadBundle", "Install")
_tail = 2048
_ports: dict[str, int] = {}
_standing: dict[str, str] = {}


def _forget() -> None:
    _ports.clear()
    _standing.clear()


on_reset(_forget)


def plays() -> bool:
    return "agent" in wishes("codedeploy")


def run(account: str, deployment: DeploymentInfo, instance: str, event: str) -> dict[str, Any] | None:
    """What an event's scripts come to: null where all is well, else AWS's diagnostics."""
    wish = wishes("codedeploy")["agent"]
    home = os.path.join(wish["folder"], instance)
    revision = os.path.join(home, "deployments", deployment.deployment_id)
    if event == "DownloadBundle":
        _download(account, deployment, revision)
    # The scripts that stop the application are those of the revision that runs.
    root = _standing.get(instance) if event == "ApplicationStop" else revision
    if root is None or event in _own:
        return None
    with open(os.path.join(root, "appspec.yml")) as file:
        hooks = (yaml.safe_load(file).get("hooks") or {}).get(event) or []
    environment = _environment(wish, deployment, instance, event, home)
    for hook in hooks:
        failed = _script(root, hook, environment, event)
        if failed is not None:
            return failed
    if event == "ValidateService":
        _standing[instance] = revision
        tell("codedeploy", {"serves": instance, "group": deployment.deployment_group_name, "port": _ports[instance], "home": home})
    return None


def _download(account: str, deployment: DeploymentInfo, folder: str) -> None:
    place = deployment.revision["s3Location"]
    found = s3_backends[account]["aws"].get_object(place["bucket"], place["key"], version_id=place.get("version"))
    with tarfile.open(fileobj=io.BytesIO(found.value)) as bundle:
        bundle.extractall(folder, filter="fully_trusted")


def _environment(wish: dict[str, Any], deployment: DeploymentInfo, instance: str, event: str, home: str) -> dict[str, str]:
    if instance not in _ports:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            _ports[instance] = probe.getsockname()[1]
    words = {"home": os.path.join(home, "web"), "port": str(_ports[instance])}
    return {
        "PATH": os.environ["PATH"],
        "HOME": home,
        "LIFECYCLE_EVENT": event,
        "APPLICATION_NAME": deployment.application_name,
        "DEPLOYMENT_ID": deployment.deployment_id,
        "DEPLOYMENT_GROUP_ID": deployment.deployment_group.deployment_group_id,
        "DEPLOYMENT_GROUP_NAME": deployment.deployment_group_name,
        **{name: value.format(**words) for name, value in wish.get("variables", {}).items()},
    }


def _script(root: str, hook: dict[str, Any], environment: dict[str, str], event: str) -> dict[str, Any] | None:
    path = hook["location"]
    try:
        ended = subprocess.run(
            [os.path.join(root, path)],
            cwd=root,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=int(hook.get("timeout", 3600)),
        )
        code, said = ended.returncode, ended.stdout
    except subprocess.TimeoutExpired as late:
        code, said = 124, f"{late.stdout or ''}"
    if code == 0:
        return None
    return {
        "errorCode": "ScriptFailed",
        "scriptName": path,
        "message": f"Script at specified location: {path} failed with exit code {code}",
        "logTail": f"LifecycleEvent - {event}\nScript - {path}\n" + "".join(f"[stderr]{line}\n" for line in said[-_tail:].splitlines()),
    }
