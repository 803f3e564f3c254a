import { createHash } from 'node:crypto'
import { Transform, type TransformCallback } from 'node:stream'
import type { TrunklineError } from '../model/index.ts'
import type { Descriptor } from '../ports/index.ts'
import { digestFromHex } from './digest.ts'

/**
 * Passes bytes through and fails, at the latest in place of its end, where they are not the descriptor's.
 * `corrupt` makes the error from what was found instead.
 */
export function verifier(descriptor: Descriptor, corrupt: (found: string) => TrunklineError): Transform {
  const hash = createHash('sha256')
  let size = 0
  return new Transform({
    transform(chunk: Uint8Array, _encoding: BufferEncoding, done: TransformCallback) {
      size += chunk.length
      if (size > descriptor.size) return done(corrupt(`more than its ${descriptor.size} bytes`))
      hash.update(chunk)
      done(null, chunk)
    },
    flush(done: TransformCallback) {
      if (size !== descriptor.size) return done(corrupt(`${size} of its ${descriptor.size} bytes`))
      const found = digestFromHex(hash.digest('hex'))
      done(found === descriptor.digest ? null : corrupt(`bytes with digest ${found}`))
    },
  })
}
