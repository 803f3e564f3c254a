/** What lies where below the prefix. Everything is an object of its own, so that writers never wait for each other. */
import type { Digest } from '../../model/index.ts'
import { hexOf } from '../digest.ts'

export const keys = {
  /** Bytes by digest, as in an OCI layout. */
  blob: (digest: Digest) => `blobs/sha256/${hexOf(digest)}`,
  /** Says that an artifact is stored whole; holds its descriptor. */
  manifest: (digest: Digest) => `${folderOf(digest)}manifest.json`,
  /** Which tags name an artifact; empty. */
  tagOf: (digest: Digest, tag: string) => `${folderOf(digest)}tags/${tag}`,
  /** What is attached to an artifact: a descriptor. */
  referrer: (subject: Digest, digest: Digest) => `${folderOf(subject)}referrers/${hexOf(digest)}.json`,
  referrers: (subject: Digest) => `${folderOf(subject)}referrers/`,
  folder: (digest: Digest) => folderOf(digest),
  manifests: 'manifests/',
  /** Holds the digest that a tag names. */
  tag: (tag: string) => `tags/${tag}`,
} as const

const folderOf = (digest: Digest) => `manifests/${hexOf(digest)}/`
