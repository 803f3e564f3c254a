"""ECR: an image's digest is that of its manifest's bytes, tokens live for twelve hours, and scans find what a test says:
`{ scans: { "sha256:…": { status, findings: [{ name, severity, attributes }] } } }`; what is not there has no scan."""
import hashlib
from datetime import datetime, timedelta, timezone
from typing import Any

from moto.ecr.exceptions import ScanNotFoundException
from moto.ecr.models import ECRBackend, Image
from moto.ecr.responses import ECRResponse

from .wishes import wishes

_get_authorization_token = ECRResponse.get_authorization_token


def _create_digest(self: Image) -> None:
    self._image_digest = "sha256:" + hashlib.sha256(self.image_manifest.encode()).hexdigest()


def get_authorization_token(self: ECRResponse) -> Any:
    answer = _get_authorization_token(self)
    for given in answer.result["authorizationData"]:
        given["expiresAt"] = datetime.now(timezone.utc) + timedelta(hours=12)
    return answer


_describe_image_scan_findings = ECRBackend.describe_image_scan_findings


def describe_image_scan_findings(self: ECRBackend, registry_id: str, repository_name: str, image_id: dict) -> dict:
    scans = wishes("ecr").get("scans")
    if scans is None:
        return _describe_image_scan_findings(self, registry_id, repository_name, image_id)
    scan = scans.get(image_id["imageDigest"])
    if scan is None:
        raise ScanNotFoundException(image_id["imageDigest"], repository_name, registry_id)
    return {
        "registryId": registry_id,
        "repositoryName": repository_name,
        "imageId": image_id,
        "imageScanStatus": {"status": scan["status"]},
        "imageScanFindings": {"findings": scan.get("findings", []), "findingSeverityCounts": {}},
    }


ECRBackend.describe_image_scan_findings = describe_image_scan_findings
Image._create_digest = _create_digest
ECRResponse.get_authorization_token = get_authorization_token
