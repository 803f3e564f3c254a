"""CloudFront: invalidations take a while, and the same caller reference is the same invalidation, as AWS documents it.

   wishes: `never_ends`: no invalidation is ever completed.
"""
from typing import Any

from moto.cloudfront.models import CloudFrontBackend, Invalidation

from .wishes import tell, wishes

_create = CloudFrontBackend.create_invalidation
_get = CloudFrontBackend.get_invalidation
LOOKS = 2


def create_invalidation(self: CloudFrontBackend, dist_id: str, paths: Any, caller_ref: str) -> Invalidation:
    for known in self.invalidations.get(dist_id, []):
        if known.caller_ref != caller_ref:
            continue
        if known.paths != paths:
            # AWS calls it InvalidationBatchAlreadyExists; the number is what matters to a test.
            tell("cloudfront", {"conflict": caller_ref})
        return known
    made = _create(self, dist_id, paths, caller_ref)
    made.status = "InProgress"
    made.looks = 0
    tell("cloudfront", {"paths": list(paths), "reference": caller_ref})
    return made


def get_invalidation(self: CloudFrontBackend, dist_id: str, id: str) -> Invalidation:
    found = _get(self, dist_id, id)
    found.looks += 1
    if found.looks >= LOOKS and not wishes("cloudfront").get("never_ends"):
        found.status = "Completed"
    return found


CloudFrontBackend.create_invalidation = create_invalidation
CloudFrontBackend.get_invalidation = get_invalidation
