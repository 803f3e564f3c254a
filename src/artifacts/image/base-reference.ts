/** Names of base images: `registry.example/node:24@sha256:…`, by digest, so that the same commit always builds on the same bytes. */
import { type Digest, isDigest } from '../../model/index.ts'

export type BaseReference = {
  /** `registry.example/node` */
  repository: string
  digest: Digest
}

/** What Docker reads without a host is on Docker Hub. null: it is no reference, or names no digest. */
export function parseBaseReference(text: string): BaseReference | null {
  const at = text.indexOf('@')
  const digest = text.slice(at + 1)
  if (at <= 0 || !isDigest(digest)) return null
  const name = text.slice(0, at).replace(/:[A-Za-z0-9_][A-Za-z0-9._-]{0,127}$/, '')
  const [first = ''] = name.split('/')
  const hasHost = name.includes('/') && (/[.:[]/.test(first) || first === 'localhost')
  return { repository: hasHost ? name : `docker.io/${name}`, digest }
}
