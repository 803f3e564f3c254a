"""Lambda: changes take a while, may fail, and are refused to who has not seen the function as it is, as on AWS.

   wish('lambda', {'looks': 2})               a change is done after so many looks
   wish('lambda', {'fails': 'EniLimit: …'})   changes of functions fail, with this reason
   wish('lambda', {'version_fails': '…'})     published versions become Failed
"""
import json
import uuid
from typing import Any, Callable

from moto.awslambda.exceptions import PreconditionFailedException
from moto.awslambda.models import LambdaBackend, LambdaFunction, LambdaStorage
from moto.awslambda.responses import LambdaResponse

from .wishes import wishes

_configuration = LambdaFunction.get_configuration
_create = LambdaBackend.create_function
_update_code = LambdaBackend.update_function_code
_update_settings = LambdaBackend.update_function_configuration
_publish = LambdaResponse.publish_version
_number = LambdaStorage.publish_version
_update_alias = LambdaResponse.update_alias
_look = LambdaResponse.get_function_configuration
_list_functions = LambdaResponse.list_functions
_list_versions = LambdaResponse.list_versions_by_function


def _begin(function: LambdaFunction, is_new: bool) -> None:
    function.is_new = is_new
    function.looks_left = wishes("lambda").get("looks", 0)
    function.failure = wishes("lambda").get("fails")
    function.seen_revision = str(uuid.uuid4())


def configuration(self: LambdaFunction, on_create: bool = False) -> dict[str, Any]:
    config = _configuration(self, on_create)
    config["RevisionId"] = getattr(self, "seen_revision", "first")
    failure = getattr(self, "failure", None)
    code, _, text = (failure or "").partition(": ")
    if getattr(self, "looks_left", 0) > 0:
        config["State" if self.is_new else "LastUpdateStatus"] = "Pending" if self.is_new else "InProgress"
    elif failure and self.is_new:
        config.update({"State": "Failed", "StateReasonCode": code, "StateReason": text})
    elif failure:
        config["LastUpdateStatus"] = "Failed"
        config.update({"LastUpdateStatusReasonCode": code, "LastUpdateStatusReason": text})
    return config


def _check(function: LambdaFunction, seen: str | None) -> None:
    if seen and seen != getattr(function, "seen_revision", "first"):
        raise PreconditionFailedException(
            "The Revision Id provided does not match the latest Revision Id."
        )


def create_function(self: LambdaBackend, spec: dict[str, Any]) -> LambdaFunction:
    function = _create(self, spec)
    _begin(function, True)
    return function


def update_function_code(self: LambdaBackend, function_name: str, qualifier: str, body: dict[str, Any]) -> Any:
    function = self.get_function(function_name, qualifier)
    _check(function, body.get("RevisionId"))
    _update_code(self, function_name, qualifier, body)
    function.architectures = body.get("Architectures", function.architectures)
    _begin(function, False)
    return function.get_configuration()


def update_function_configuration(
    self: LambdaBackend, function_name: str, qualifier: str, body: dict[str, Any]
) -> Any:
    function = self.get_function(function_name, qualifier)
    _check(function, body.get("RevisionId"))
    _update_settings(self, function_name, qualifier, body)
    if "EphemeralStorage" in body:
        function.ephemeral_storage = body["EphemeralStorage"]["Size"]
    _begin(function, False)
    return function.get_configuration()


def number_once(self: LambdaStorage, name_or_arn: str, description: str = "") -> LambdaFunction | None:
    """The number of a version that was deleted is never given again."""
    name = self.get_function_by_name_or_arn_forbid_qualifier(name_or_arn).function_name
    group = self._functions[name]
    before = len(group["versions"])
    version = _number(self, name_or_arn, description)
    if len(group["versions"]) > before:
        group["last_number"] = group.get("last_number", 0) + 1
        wrong = version.function_arn
        version.set_version(group["last_number"])
        others = [other for other in group["versions"] if other.function_arn == wrong]
        self._arns.update({wrong: others[0]}) if others else self._arns.pop(wrong, None)
        self._arns[version.function_arn] = version
    return version


def publish_version(self: LambdaResponse) -> Any:
    name = self.path.split("/")[-2]
    function = self.backend.get_function(name, None)
    _check(function, self._get_param("RevisionId"))
    answer = _publish(self)
    version = self.backend.get_function(name, json.loads(answer[2])["Version"])
    version.is_new = True
    version.failure = wishes("lambda").get("version_fails")
    version.looks_left = wishes("lambda").get("looks", 0)
    return answer[0], answer[1], json.dumps(version.get_configuration())


def update_alias(self: LambdaResponse) -> Any:
    name, alias_name = self.path.rsplit("/")[-3], self.path.rsplit("/", 2)[-1]
    alias = self.backend.get_alias(name=alias_name, function_name=name)
    seen = json.loads(self.body).get("RevisionId")
    if seen and seen != alias.revision_id:
        raise PreconditionFailedException("The Revision Id provided does not match the latest Revision Id.")
    alias.revision_id = str(uuid.uuid4())
    return _update_alias(self)


def get_function_configuration(self: LambdaResponse) -> str:
    name = self.path.rsplit("/", 2)[-2]
    function = self.backend.get_function(name, self._get_param("Qualifier", None))
    if getattr(function, "looks_left", 0) > 0:
        function.looks_left -= 1
        if function.looks_left == 0:
            # AWS changes it once more when a change is done.
            function.seen_revision = str(uuid.uuid4())
    return _look(self)


def _at_its_alias(answer: Callable[[LambdaResponse], Any]) -> Callable[[LambdaResponse], Any]:
    """Each alias has an address of its own; moto has one for the function."""

    def answer_for(self: LambdaResponse) -> Any:
        function = self.backend.get_function(self.path.split("/")[-2], None)
        urls = function.__dict__.setdefault("urls", {})
        alias = self._get_param("Qualifier", "")
        function.url_config = urls.get(alias)
        try:
            return answer(self)
        finally:
            urls[alias] = function.url_config

    return answer_for


def _without_states(answer: str, key: str) -> str:
    """Lists tell of no states: AWS leaves them out."""
    parsed = json.loads(answer)
    for config in parsed[key]:
        for name in ("State", "LastUpdateStatus"):
            config.pop(name, None)
    return json.dumps(parsed)


def list_functions(self: LambdaResponse) -> str:
    return _without_states(_list_functions(self), "Functions")


def list_versions_by_function(self: LambdaResponse) -> str:
    return _without_states(_list_versions(self), "Versions")


LambdaFunction.get_configuration = configuration
LambdaBackend.create_function = create_function
LambdaBackend.update_function_code = update_function_code
LambdaBackend.update_function_configuration = update_function_configuration
LambdaResponse.publish_version = publish_version
LambdaStorage.publish_version = number_once
LambdaResponse.update_alias = update_alias
LambdaResponse.get_function_configuration = get_function_configuration
LambdaResponse.list_functions = list_functions
LambdaResponse.list_versions_by_function = list_versions_by_function
for _action in ("create", "get", "update", "delete"):
    _name = f"{_action}_function_url_config"
    setattr(LambdaResponse, _name, _at_its_alias(getattr(LambdaResponse, _name)))
