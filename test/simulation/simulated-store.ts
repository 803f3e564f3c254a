/** The artifact store: one for all processes, by digest. It may be away, and it may forget. */
import { Readable } from 'node:stream'
import { type Digest, erroredError } from '../../src/model/index.ts'
import type { ArtifactStore, Manifest } from '../../src/ports/index.ts'
import type { SimulatedProcess } from './simulated-process.ts'

export type SimulatedStore = {
  readonly artifacts: Set<Digest>
  readonly tags: Map<string, Digest>
  isAway: boolean
  store(process: SimulatedProcess): ArtifactStore
}

const away = () => erroredError('STORE_UNREACHABLE', 'the artifact store does not answer')
const latencyMs = [3, 60] as const

export function createStore(): SimulatedStore {
  const artifacts = new Set<Digest>()
  const tags = new Map<string, Digest>()
  const attached = new Map<Digest, Digest[]>()

  const manifestOf = (digest: Digest): Manifest => {
    if (!artifacts.has(digest)) throw erroredError('ARTIFACT_MISSING', `there is no ${digest}`)
    const mediaType = 'application/vnd.oci.image.manifest.v1+json'
    return { schemaVersion: 2, mediaType, config: { mediaType: 'text/plain', digest, size: 0 }, layers: [] }
  }

  const simulated: SimulatedStore = {
    artifacts,
    tags,
    isAway: false,
    store(process) {
      const ask = <Result>(signal: AbortSignal, effect: () => Result): Promise<Result> =>
        process.call({
          latencyMs,
          signal,
          lost: away,
          mayRepeat: true,
          effect: () => {
            if (simulated.isAway) throw away()
            return effect()
          },
        })
      const whole: ArtifactStore = {
        location: 'oci://registry.example/shop',
        forService: () => whole,
        imageReference: (digest) => `registry.example/shop@${digest}`,
        has: (digest, signal) => ask(signal, () => artifacts.has(digest)),
        put: (artifact, signal) => ask(signal, () => void artifacts.add(artifact.digest)),
        document: (digest, signal) => ask(signal, () => manifestOf(digest)),
        manifest: (digest, signal) => ask(signal, () => manifestOf(digest)),
        blob: (_descriptor, signal) => ask(signal, () => Readable.from([])),
        tag: (digest, names, signal) =>
          ask(signal, () => {
            if (!artifacts.has(digest)) throw erroredError('ARTIFACT_MISSING', `there is no ${digest}`)
            for (const name of names) tags.set(name, digest)
          }),
        resolveTag: (tag, signal) => ask(signal, () => tags.get(tag) ?? null),
        remove: (digests, _kept, signal) =>
          ask(signal, () => ({ removed: digests.filter((digest) => artifacts.delete(digest)), freedBytes: null })),
        attach: (subject, referrer, signal) =>
          ask(signal, () => {
            const digest = `sha256:${referrer.bytes.length.toString(16).padStart(64, '0')}` as Digest // shaped like one
            attached.set(subject, [...(attached.get(subject) ?? []), digest])
            return digest
          }),
        referrers: (subject, signal) =>
          ask(signal, () =>
            (attached.get(subject) ?? []).map((digest) => ({ mediaType: 'text/plain', digest, size: 0 })),
          ),
      }
      return whole
    },
  }
  return simulated
}
