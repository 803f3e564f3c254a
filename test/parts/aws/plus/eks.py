"""EKS: a cluster says where it is, as a test wants it: `{ endpoint, certificate_authority }` (base 64)."""
from moto.eks.models import EKSBackend

from .wishes import wishes

_describe_cluster = EKSBackend.describe_cluster


def describe_cluster(self: EKSBackend, name: str):
    cluster = _describe_cluster(self, name)
    wanted = wishes("eks")
    cluster.endpoint = wanted.get("endpoint", cluster.endpoint)
    cluster.certificate_authority = {"data": wanted.get("certificate_authority", cluster.certificate_authority["data"])}
    return cluster


EKSBackend.describe_cluster = describe_cluster
