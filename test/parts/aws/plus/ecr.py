"""ECR: an image's digest is that of its manifest's bytes, and tokens live for twelve hours."""
import hashlib
from datetime import datetime, timedelta, timezone
from typing import Any

from moto.ecr.models import Image
from moto.ecr.responses import ECRResponse

_get_authorization_token = ECRResponse.get_authorization_token


def _create_digest(self: Image) -> None:
    self._image_digest = "sha256:" + hashlib.sha256(self.image_manifest.encode()).hexdigest()


def get_authorization_token(self: ECRResponse) -> Any:
    answer = _get_authorization_token(self)
    for given in answer.result["authorizationData"]:
        given["expiresAt"] = datetime.now(timezone.utc) + timedelta(hours=12)
    return answer


Image._create_digest = _create_digest
ECRResponse.get_authorization_token = get_authorization_token
