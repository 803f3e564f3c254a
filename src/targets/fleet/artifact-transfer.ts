/** Brings an artifact to a host: its manifest from the store (verified there), and the blobs the host lacks. */
import type { Digest } from '../../model/index.ts'
import type { ArtifactStore } from '../../ports/index.ts'
import type { AgentClient } from './agent/client.ts'

/** Idempotent: what is there is not sent again. */
export async function bringArtifact(
  digest: Digest,
  store: ArtifactStore,
  agent: AgentClient,
  signal: AbortSignal,
): Promise<void> {
  const known = await agent.call('missingBlobs', { artifact: digest, blobs: [] }, signal)
  if (known.installed) return
  const manifest = await store.manifest(digest, signal)
  const blobs = [manifest.config, ...manifest.layers]
  const { missing } = await agent.call(
    'missingBlobs',
    { artifact: digest, blobs: blobs.map((blob) => blob.digest) },
    signal,
  )
  for (const wanted of missing) {
    const descriptor = blobs.find((blob) => blob.digest === wanted)
    if (descriptor === undefined) continue
    await agent.putBlob(descriptor.digest, descriptor.size, await store.blob(descriptor, signal), signal)
  }
  await agent.call('installArtifact', { digest, manifest }, signal)
}
