/** A document that the artifact store holds as the one layer of a manifest. */
import type { Digest } from '../model/index.ts'
import type { ArtifactStore } from '../ports/index.ts'

/** Orders name every file of a service, outcomes end with some lines. */
const maxBytes = 256 * 1024 * 1024

/** Its JSON; null where it is none. */
export async function readDocument(artifacts: ArtifactStore, digest: Digest, signal: AbortSignal): Promise<unknown> {
  const { layers } = await artifacts.manifest(digest, signal)
  const [layer] = layers
  if (layer === undefined || layer.size > maxBytes) return null
  const chunks: Buffer[] = []
  for await (const chunk of await artifacts.blob(layer, signal)) chunks.push(chunk)
  try {
    return JSON.parse(Buffer.concat(chunks).toString('utf8'))
  } catch {
    return null
  }
}
