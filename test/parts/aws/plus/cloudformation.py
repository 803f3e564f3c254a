"""CloudFormation: templates are refused for errors alone, change sets are found in their own stack, and have outputs."""
import json

import moto.cloudformation.models as models
import yaml

_lint = models.validate_template_cfn_lint
_execute = models.CloudFormationBackend.execute_change_set


def validate_template(template: str) -> list:
    """As AWS does; moto counts cfn-lint's warnings, too."""
    return [finding for finding in _lint(template) if finding.rule.id.startswith("E")]


def execute_change_set(self, change_set_name: str, stack_name: str | None = None) -> None:
    change_set_id = _id_of(self, change_set_name, stack_name)
    _execute(self, change_set_id, stack_name)
    change_set = self.change_sets[change_set_id]
    stack = self.stacks[change_set.stack_id]
    stack.output_map = models.OutputMap(stack.resource_map, _parsed(change_set.template), stack.stack_id)


def _id_of(self, name: str, stack_name: str | None) -> str:
    """Moto takes the last change set of a name, of whatever stack."""
    if name.startswith("arn:"):
        return name
    for change_set_id, change_set in self.change_sets.items():
        if change_set.change_set_name == name and stack_name in (change_set.stack_name, change_set.stack_id):
            return change_set_id
    return name


def _parsed(template: str) -> dict:
    if template.lstrip().startswith("{"):
        return json.loads(template)
    # The loader to which moto has taught the short forms (`!Ref`).
    return yaml.load(template, Loader=yaml.Loader)


models.validate_template_cfn_lint = validate_template
models.CloudFormationBackend.execute_change_set = execute_change_set
