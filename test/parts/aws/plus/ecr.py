"""ECR: an image's digest is that of its manifest's bytes."""
import hashlib

from moto.ecr.models import Image


def _create_digest(self: Image) -> None:
    self._image_digest = "sha256:" + hashlib.sha256(self.image_manifest.encode()).hexdigest()


Image._create_digest = _create_digest
