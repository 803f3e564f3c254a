/** Names of formats, as they stand in manifests. Changing one changes every artifact's digest. */
export const mediaTypes = {
  manifest: 'application/vnd.oci.image.manifest.v1+json',
  index: 'application/vnd.oci.image.index.v1+json',
  imageConfig: 'application/vnd.oci.image.config.v1+json',
  emptyConfig: 'application/vnd.oci.empty.v1+json',
  tarLayer: 'application/vnd.oci.image.layer.v1.tar',
  zipLayer: 'application/zip',
} as const

export const artifactTypes = {
  /** One uncompressed tar layer. */
  bundle: 'application/vnd.trunkline.bundle.v1',
  /** One zip layer. */
  zip: 'application/vnd.trunkline.zip.v1',
  /** A document in the in-toto format, attached to an artifact. */
  inToto: 'application/vnd.in-toto+json',
  /** A bill of materials, attached to an artifact. */
  cycloneDx: 'application/vnd.cyclonedx+json',
} as const
