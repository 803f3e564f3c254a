/** Builds the manifests Trunkline writes: canonical JSON, no dates, so that equal content has one digest everywhere. */
import { canonicalJson } from '../hashing/index.ts'
import type { Digest } from '../model/index.ts'
import type { Descriptor, ImageIndex, Manifest, PackedBlob, Referrer } from '../ports/index.ts'
import { digestOfBytes } from './digest.ts'
import { mediaTypes } from './media-types.ts'

const emptyConfigBytes: Uint8Array = Buffer.from('{}')

/** The two-byte config that OCI prescribes for artifacts that have none; the same blob in every manifest. */
export const emptyConfig: PackedBlob = {
  mediaType: mediaTypes.emptyConfig,
  digest: digestOfBytes(emptyConfigBytes),
  size: emptyConfigBytes.length,
  content: { kind: 'bytes', bytes: emptyConfigBytes },
}

export type EncodedManifest = { bytes: Uint8Array; digest: Digest; descriptor: Descriptor }

/** The manifest of an artifact with one layer. */
export function artifactManifest(artifactType: string, layer: Descriptor): EncodedManifest {
  return encodeManifest({
    schemaVersion: 2,
    mediaType: mediaTypes.manifest,
    artifactType,
    config: descriptorOf(emptyConfig),
    layers: [descriptorOf(layer)],
  })
}

/** The manifest and the layer that attach a document to the artifact `subject`. */
export function referrerManifest(
  subject: Descriptor,
  referrer: Referrer,
): { manifest: EncodedManifest; layer: PackedBlob } {
  const layer: PackedBlob = {
    mediaType: referrer.mediaType,
    digest: digestOfBytes(referrer.bytes),
    size: referrer.bytes.length,
    content: { kind: 'bytes', bytes: referrer.bytes },
  }
  const manifest = encodeManifest({
    schemaVersion: 2,
    mediaType: mediaTypes.manifest,
    artifactType: referrer.artifactType,
    config: descriptorOf(emptyConfig),
    layers: [descriptorOf(layer)],
    subject: { mediaType: subject.mediaType, digest: subject.digest, size: subject.size },
    ...(referrer.annotations && { annotations: referrer.annotations }),
  })
  return { manifest, layer }
}

export function encodeManifest(manifest: Manifest): EncodedManifest {
  const { artifactType, annotations } = manifest
  return encoded(manifest, {
    ...(artifactType !== undefined && { artifactType }),
    ...(annotations !== undefined && { annotations }),
  })
}

export const isIndex = (document: Manifest | ImageIndex): document is ImageIndex =>
  document.mediaType === mediaTypes.index

export const encodeImageIndex = (index: ImageIndex): EncodedManifest => encoded(index, {})

function encoded(document: Manifest | ImageIndex, more: Partial<Descriptor>): EncodedManifest {
  const bytes = Buffer.from(canonicalJson(document))
  const digest = digestOfBytes(bytes)
  return { bytes, digest, descriptor: { mediaType: document.mediaType, digest, size: bytes.length, ...more } }
}

/** Only what belongs into a manifest: a packed blob also carries its content. */
const descriptorOf = ({ mediaType, digest, size }: Descriptor): Descriptor => ({ mediaType, digest, size })
