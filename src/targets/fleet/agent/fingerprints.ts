/**
 * Keyed digests of what services receive. Without the key nobody can try values against a fingerprint in the ledger;
 * the key is made here, stays here, and lies beside the secrets.
 */
import { createHmac, randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { canonicalJson } from '../../../hashing/index.ts'
import { erroredError, type Fingerprint } from '../../../model/index.ts'
import { writeDurably } from './durable-file.ts'
import type { Scope } from './protocol.ts'

export type Fingerprinter = (scope: Scope, service: string, variables: Record<string, string>) => Fingerprint

const keyBytes = 32

export function openFingerprinter(keyPath: string): Fingerprinter {
  const key = readKey(keyPath) ?? makeKey(keyPath)
  return (scope, service, variables) => {
    const content = canonicalJson({ project: scope.project, environment: scope.environment, service, variables })
    // The brand is given here and nowhere else: this is what a fingerprint of this target is.
    return createHmac('sha256', key).update(content).digest('hex') as Fingerprint
  }
}

function readKey(path: string): Buffer | null {
  let key: Buffer
  try {
    key = readFileSync(path)
  } catch (cause) {
    // Only an absent key is made anew: another one would make every secret look changed.
    if (cause instanceof Error && 'code' in cause && cause.code === 'ENOENT') return null
    throw erroredError('FINGERPRINT_KEY', `cannot read ${path}`, { cause })
  }
  if (key.length === keyBytes) return key
  throw erroredError('FINGERPRINT_KEY', `${path} is not a key of ${keyBytes} bytes`, {
    hint: 'Restore it, or delete it: then every service counts as changed once.',
  })
}

function makeKey(path: string): Buffer {
  const key = randomBytes(keyBytes)
  writeDurably(path, key)
  return key
}
