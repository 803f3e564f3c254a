import type { Readable } from 'node:stream'
import type { Digest, ScanReport, ServiceName } from '../model/index.ts'

export type Descriptor = {
  mediaType: string
  digest: Digest
  size: number
  artifactType?: string
  annotations?: Record<string, string>
  /** In an index: what the image is made for. */
  platform?: ImagePlatform
}

/** As OCI names it: `linux`, `amd64`. */
export type ImagePlatform = { os: string; architecture: string; variant?: string }

/** An OCI image manifest as used for bundles, zips and images. */
export type Manifest = {
  schemaVersion: 2
  mediaType: 'application/vnd.oci.image.manifest.v1+json'
  artifactType?: string
  config: Descriptor
  layers: Descriptor[]
  subject?: Descriptor
  annotations?: Record<string, string>
}

/** An OCI image index: one image for several platforms, each with a manifest of its own. */
export type ImageIndex = {
  schemaVersion: 2
  mediaType: 'application/vnd.oci.image.index.v1+json'
  manifests: Descriptor[]
  annotations?: Record<string, string>
}

export type PackedBlob = Descriptor & {
  content:
    | { kind: 'file'; path: string }
    | { kind: 'bytes'; bytes: Uint8Array }
    /** From elsewhere (a base image's layer), verified on the way; opened only where the blob is missing. */
    | {
        kind: 'stream'
        open(signal: AbortSignal): Promise<Readable>
        /** The repository it comes from: a registry copies within itself. */
        origin?: { host: string; repository: string }
      }
}

/** An artifact before it is stored: its digest is known, nothing in it varies by time or machine. */
export type PackedArtifact = {
  /** Digest of `manifest`. */
  digest: Digest
  manifest: Uint8Array
  /** Where `manifest` is an index: the manifests it names, stored before it. */
  manifests?: { digest: Digest; bytes: Uint8Array }[]
  blobs: PackedBlob[]
  sizeBytes: number
}

export type Referrer = {
  artifactType: string
  mediaType: string
  bytes: Uint8Array
  annotations?: Record<string, string>
}

/** Holds artifacts by digest. Every read is checked against the digest that was asked for. */
export type ArtifactStore = {
  /** For people: `oci-layout at ~/.trunkline/artifacts/shop`. */
  readonly location: string
  /**
   * What a container platform pulls: `registry.example/shop@sha256:…`; null where nothing can be pulled from here (a
   * layout on disk). `service` is who runs it: in some stores each service has a repository of its own. Asks nobody.
   */
  imageReference(digest: Digest, service: ServiceName): string | null
  /**
   * The part that keeps one service's artifacts: what is built for it goes there, and what it runs is there. The store
   * itself, where all artifacts are in one place.
   */
  forService(service: ServiceName): ArtifactStore
  /**
   * The object of S3 that holds a blob, so that services of AWS take it from there by themselves; null, or no such
   * function, where blobs are kept in another way. Asks nobody.
   */
  objectOf?(blob: Descriptor): { bucket: string; key: string; region: string } | null
  has(digest: Digest, signal: AbortSignal): Promise<boolean>
  /** What a scan for vulnerabilities found in it, where the store has scans made. */
  scanOf?(digest: Digest, signal: AbortSignal): Promise<ScanReport>
  /** Idempotent; uploads only what is missing. */
  put(artifact: PackedArtifact, signal: AbortSignal): Promise<void>
  /** The manifest or index, verified. Missing: errored `ARTIFACT_MISSING`; wrong bytes: errored `ARTIFACT_CORRUPT`. */
  document(digest: Digest, signal: AbortSignal): Promise<Manifest | ImageIndex>
  /** The same where only a manifest will do. An index: errored `ARTIFACT_IS_INDEX`. */
  manifest(digest: Digest, signal: AbortSignal): Promise<Manifest>
  /** A blob as a stream that fails at its end if the bytes are not the digest's. */
  blob(descriptor: Descriptor, signal: AbortSignal): Promise<Readable>
  /** Human names for an artifact (short sha, git tag): adds manifests, moves no layers. Idempotent. */
  tag(digest: Digest, tags: readonly string[], signal: AbortSignal): Promise<void>
  /** What a tag names now; null where there is none. */
  resolveTag(tag: string, signal: AbortSignal): Promise<Digest | null>
  /** Attaches a document (provenance, SBOM) to an artifact; answers the referrer's digest. Idempotent. */
  attach(subject: Digest, referrer: Referrer, signal: AbortSignal): Promise<Digest>
  referrers(subject: Digest, signal: AbortSignal): Promise<Descriptor[]>
  /**
   * Takes artifacts away with what refers to them and the tags that name them; those that are not there are fine. What
   * they share with `kept` ones stays. Refused `STORE_KEEPS_ARTIFACTS` where the store lets nothing be deleted.
   */
  remove(artifacts: readonly Digest[], kept: readonly Digest[], signal: AbortSignal): Promise<Removal>
}

export type Removal = {
  /** Those that were there. */
  removed: Digest[]
  /** null where the store itself decides when space is given back. */
  freedBytes: number | null
}
