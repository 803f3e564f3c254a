"""CloudFormation: types of resources that moto does not make from templates though it knows their services, and attributes
that it does not tell. Each is made by the service's own backend, so that the service's own API shows it.

Policies of buckets stay unmade on purpose: moto knows no conditions, and would deny what is meant for HTTP alone to all."""
import inspect
import json
from typing import Any, Callable

import moto.cloudformation.parsing as parsing
from moto.acm.models import acm_backends
from moto.autoscaling.models import autoscaling_backends
from moto.cloudwatch.models import cloudwatch_backends
from moto.codedeploy.models import AlarmConfiguration, codedeploy_backends
from moto.core.common_models import CloudFormationModel
from moto.core.utils import camelcase_to_underscores
from moto.elasticache.models import elasticache_backends
from moto.elbv2.models import FakeLoadBalancer, FakeTargetGroup
from moto.guardduty.models import guardduty_backends
from moto.iam.models import iam_backends
from moto.rds.models import DBInstance
from moto.secretsmanager.models import secretsmanager_backends
from moto.sns.models import sns_backends
from moto.utilities.utils import get_partition
from moto.wafv2.models import wafv2_backends


def _ask(method: Callable[..., Any], properties: dict[str, Any], **named: Any) -> Any:
    """Calls it with properties by their names in Python; what nobody gives is None, or as the method has it."""
    given = {camelcase_to_underscores(key): value for key, value in properties.items()}
    known = inspect.signature(method).parameters.values()
    values = {p.name: named.get(p.name, given.get(p.name)) for p in known}
    asked = {p.name for p in known if p.default is inspect.Parameter.empty}
    return method(**{name: value for name, value in values.items() if value is not None or name in asked})


def _lower(value: Any) -> Any:
    """Names as the API of CodeDeploy has them, which begin in lower case where templates do not."""
    if isinstance(value, dict):
        return {key[:1].lower() + key[1:]: _lower(inner) for key, inner in value.items()}
    return [_lower(inner) for inner in value] if isinstance(value, list) else value


def _type(type_name: str, backends: Any, changes: bool = False) -> Callable[..., Any]:
    """What is decorated makes one: (backend, name, properties) to what `Ref` says, attributes, and how it is deleted."""

    def register(make: Callable[..., tuple[str, dict[str, Any], Callable[[], Any]]]) -> Any:
        def made(cls: Any, name: str, properties: dict[str, Any], account_id: str, region_name: str) -> Any:
            one = cls()
            place = get_partition(region_name) if backends is iam_backends else region_name
            one.physical_resource_id, one.attributes, one.undo = make(backends[account_id][place], name, properties)
            return one

        def create(cls: Any, name: str, template: dict[str, Any], account: str, region: str, **_: Any) -> Any:
            return made(cls, name, template["Properties"], account, region)

        def update(
            cls: Any, original_resource: Any, new_resource_name: str, cloudformation_json: Any, account_id: str, region_name: str
        ) -> Any:
            return made(cls, original_resource.physical_resource_id, cloudformation_json["Properties"], account_id, region_name)

        members = {
            "cloudformation_type": staticmethod(lambda: type_name),
            "cloudformation_name_type": staticmethod(lambda: ""),
            "create_from_cloudformation_json": classmethod(create),
            "has_cfn_attr": classmethod(lambda cls, attribute: True),
            "get_cfn_attribute": lambda self, attribute: self.attributes[attribute],
            "is_created": lambda self: True,
            "delete": lambda self, account_id, region_name: self.undo(),
            **({"update_from_cloudformation_json": classmethod(update)} if changes else {}),
        }
        return type(type_name.replace("::", ""), (CloudFormationModel,), members)

    return register


@_type("AWS::GuardDuty::Detector", guardduty_backends)
def _detector(backend: Any, _name: str, given: dict[str, Any]) -> Any:
    id = _ask(backend.create_detector, given, data_sources={}, tags={}, features=[])
    return id, {"Id": id}, lambda: backend.delete_detector(id)


@_type("AWS::IAM::OIDCProvider", iam_backends)
def _identity_provider(backend: Any, _name: str, given: dict[str, Any]) -> Any:
    lists = {"client_id_list": given.get("ClientIdList", []), "thumbprint_list": given.get("ThumbprintList", []), "tags": given.get("Tags", [])}
    made = _ask(backend.create_open_id_connect_provider, given, **lists)
    return made.arn, {"Arn": made.arn}, lambda: backend.delete_open_id_connect_provider(made.arn)


@_type("AWS::SecretsManager::Secret", secretsmanager_backends)
def _secret(backend: Any, name: str, given: dict[str, Any]) -> Any:
    text = given.get("SecretString")
    if text is None:
        wanted = given.get("GenerateSecretString", {})
        defaults = {
            **{"password_length": 32, "exclude_characters": "", "include_space": False},
            **{f"exclude_{kind}": False for kind in ("numbers", "punctuation", "uppercase", "lowercase")},
            "require_each_included_type": True,
        }
        text = json.loads(_ask(backend.get_random_password, {**wanted}, **{k: v for k, v in defaults.items() if _property(k) not in wanted}))["RandomPassword"]
    tags, regions = given.get("Tags", []), given.get("ReplicaRegions", [])
    made = _ask(backend.create_secret, given, name=given.get("Name", name), secret_string=text, tags=tags, replica_regions=regions, force_overwrite=False)
    arn = json.loads(made)["ARN"]
    return arn, {"Id": arn}, lambda: backend.delete_secret(arn, None, True)


def _property(name: str) -> str:
    return "".join(part.capitalize() for part in name.split("_"))


@_type("AWS::ElastiCache::SubnetGroup", elasticache_backends)
def _cache_subnets(backend: Any, name: str, given: dict[str, Any]) -> Any:
    own = given.get("CacheSubnetGroupName", name).lower()
    about = given.get("Description", "")
    made = _ask(backend.create_cache_subnet_group, given, cache_subnet_group_name=own, cache_subnet_group_description=about)
    return own, {}, lambda: backend.cache_subnet_groups.pop(made.cache_subnet_group_name)


@_type("AWS::ElastiCache::ReplicationGroup", elasticache_backends)
def _replication_group(backend: Any, name: str, given: dict[str, Any]) -> Any:
    # AWS takes forty characters at most.
    own = given.get("ReplicationGroupId", f"{name[:27]}-{name[-12:]}".lower())
    flags = {p: str(v).lower() == "true" for p, v in given.items() if p.endswith("Enabled")}
    lists = {"security_group_ids": given.get("SecurityGroupIds", []), "cache_security_group_names": [], "tags": []}
    lists |= {"node_group_configuration": [], "preferred_cache_cluster_azs": [], "user_group_ids": [], "log_delivery_configurations": []}
    lists |= {"multi_az_enabled": flags.get("MultiAZEnabled", False), "num_cache_clusters": int(given.get("NumCacheClusters", 1))}
    made = _ask(backend.create_replication_group, {**given, **flags}, replication_group_id=own, **lists)
    endpoint = made.node_groups[0]["primary_endpoint"]
    told = {"PrimaryEndPoint.Address": endpoint["address"], "PrimaryEndPoint.Port": endpoint["port"]}
    return own, told, lambda: backend.delete_replication_group(own, False)


@_type("AWS::CertificateManager::Certificate", acm_backends)
def _certificate(backend: Any, _name: str, given: dict[str, Any]) -> Any:
    arn = _ask(backend.request_certificate, given, subject_alt_names=given.get("SubjectAlternativeNames", []), tags=given.get("Tags", []))
    return arn, {}, lambda: backend.delete_certificate(arn)


@_type("AWS::WAFv2::WebACL", wafv2_backends)
def _firewall(backend: Any, name: str, given: dict[str, Any]) -> Any:
    made = _ask(backend.create_web_acl, given, name=given.get("Name", name), tags=given.get("Tags", []), rules=given.get("Rules", []))
    # AWS says name, id and scope in one word.
    return f"{made.name}|{made.id}|{given['Scope']}", {"Arn": made.arn, "Id": made.id}, lambda: backend.wacls.pop(made.arn)


@_type("AWS::WAFv2::WebACLAssociation", wafv2_backends)
def _firewall_association(backend: Any, name: str, given: dict[str, Any]) -> Any:
    backend.associate_web_acl(given["WebACLArn"], given["ResourceArn"])
    return f"{given['WebACLArn']}|{given['ResourceArn']}", {}, lambda: backend.disassociate_web_acl(given["ResourceArn"])


@_type("AWS::AutoScaling::ScalingPolicy", autoscaling_backends, changes=True)
def _scaling_policy(backend: Any, name: str, given: dict[str, Any]) -> Any:
    own = name.rsplit("/", 1)[-1]
    target = given.get("TargetTrackingConfiguration")
    made = _ask(backend.put_scaling_policy, given, name=own, as_name=given["AutoScalingGroupName"], target_tracking_config=target)
    return made.arn, {"Arn": made.arn, "PolicyName": own}, lambda: backend.delete_policy(own)


@_type("AWS::CloudWatch::Alarm", cloudwatch_backends, changes=True)
def _alarm(backend: Any, name: str, given: dict[str, Any]) -> Any:
    own = given.get("AlarmName", name)
    lists = {"dimensions": given.get("Dimensions", []), "alarm_actions": given.get("AlarmActions", []), "ok_actions": given.get("OKActions", [])}
    made = _ask(backend.put_metric_alarm, given, name=own, description=given.get("AlarmDescription", ""), **lists)
    return own, {"Arn": made.alarm_arn}, lambda: backend.delete_alarms([own])


@_type("AWS::SNS::Subscription", sns_backends)
def _subscription(backend: Any, _name: str, given: dict[str, Any]) -> Any:
    made = _ask(backend.subscribe, given)
    return made.arn, {"Arn": made.arn}, lambda: backend.unsubscribe(made.arn)


@_type("AWS::CodeDeploy::Application", codedeploy_backends)
def _application(backend: Any, name: str, given: dict[str, Any]) -> Any:
    own = given.get("ApplicationName", name)
    _ask(backend.create_application, given, application_name=own, tags=given.get("Tags", []))
    return own, {}, lambda: backend.applications.pop(own)


@_type("AWS::CodeDeploy::DeploymentGroup", codedeploy_backends)
def _deployment_group(backend: Any, name: str, given: dict[str, Any]) -> Any:
    application, own = given["ApplicationName"], given.get("DeploymentGroupName", name)
    rest = {camelcase_to_underscores(key): _lower(value) for key, value in given.items()}
    alarms = given.get("AlarmConfiguration")
    rest["alarm_configuration"] = None if alarms is None else _ask(AlarmConfiguration, _lower(alarms))
    # Templates say true and false as words; in answers of the API they are none.
    if "auto_rollback_configuration" in rest:
        rollback = rest["auto_rollback_configuration"]
        rollback["enabled"] = str(rollback.get("enabled", False)).lower() == "true"
    named = {"application_name": application, "deployment_group_name": own, "tags": given.get("Tags", [])}
    _ask(backend.create_deployment_group, {}, **{**rest, **named})
    return own, {}, lambda: backend.deployment_groups[application].pop(own)


_clean = parsing.clean_json


def clean_json(resource_json: Any, resources_map: Any) -> Any:
    """Moto looks at the first part of an attribute's name alone: `Endpoint` of `Endpoint.Address`."""
    path = resource_json.get("Fn::GetAtt", []) if isinstance(resource_json, dict) else []
    if len(path) > 2:
        resource_json = {"Fn::GetAtt": [path[0], ".".join(path[1:])]}
    return _clean(resource_json, resources_map)


_validate_outputs = parsing.ResourceMap.validate_outputs


def validate_outputs(self: Any) -> None:
    for output in (self._template.get("Outputs") or {}).values():
        value = output.get("Value")
        path = value.get("Fn::GetAtt", []) if isinstance(value, dict) else []
        if len(path) > 2:
            value["Fn::GetAtt"] = [path[0], ".".join(path[1:])]
    _validate_outputs(self)


parsing.clean_json = clean_json
parsing.ResourceMap.validate_outputs = validate_outputs

_balancer_attribute = FakeLoadBalancer.get_cfn_attribute


def balancer_attribute(self: FakeLoadBalancer, attribute: str) -> Any:
    if attribute == "LoadBalancerFullName":
        return self.arn.split(":loadbalancer/", 1)[1]
    if attribute == "CanonicalHostedZoneID":
        return "Z2FDTNDATAQYW2"
    if attribute == "SecurityGroups":
        return self.security_groups
    return _balancer_attribute(self, attribute)


def target_group_attribute(self: FakeTargetGroup, attribute: str) -> Any:
    told = {"TargetGroupName": self.name, "TargetGroupArn": self.arn, "LoadBalancerArns": self.load_balancer_arns}
    return {**told, "TargetGroupFullName": self.arn.rsplit(":", 1)[1]}[attribute]


FakeLoadBalancer.get_cfn_attribute = balancer_attribute
FakeTargetGroup.get_cfn_attribute = target_group_attribute
FakeTargetGroup.has_cfn_attr = classmethod(lambda cls, attribute: True)

_make_database = DBInstance.create_from_cloudformation_json.__func__
_database_attribute = DBInstance.get_cfn_attribute
_database_has = DBInstance.has_cfn_attr.__func__


def make_database(cls: Any, resource_name: str, cloudformation_json: Any, *rest: Any, **named: Any) -> DBInstance:
    database = _make_database(cls, resource_name.lower(), cloudformation_json, *rest, **named)
    if str(cloudformation_json["Properties"].get("ManageMasterUserPassword", "")).lower() == "true":
        database.update(manage_master_user_password=True)
    return database


def database_attribute(self: DBInstance, attribute: str) -> Any:
    if attribute == "MasterUserSecret.SecretArn":
        return self.master_user_secret.secret_arn
    return _database_attribute(self, attribute)


DBInstance.create_from_cloudformation_json = classmethod(make_database)
DBInstance.get_cfn_attribute = database_attribute
DBInstance.has_cfn_attr = classmethod(lambda cls, attribute: attribute == "MasterUserSecret.SecretArn" or _database_has(cls, attribute))
