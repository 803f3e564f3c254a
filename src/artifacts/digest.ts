import { createHash } from 'node:crypto'
import type { Digest } from '../model/index.ts'

/** The brand is sound: sixty-four hex digits of SHA-256 after the algorithm's name are what `Digest` means. */
export const digestFromHex = (hex: string): Digest => `sha256:${hex}` as Digest

export const digestOfBytes = (bytes: Uint8Array): Digest =>
  digestFromHex(createHash('sha256').update(bytes).digest('hex'))

/** The 64 hex digits of a digest, without the algorithm. */
export const hexOf = (digest: Digest): string => digest.slice('sha256:'.length)
