/** Pure: who signed a state commit, for this project and this ref and at a time when their key counted. */
import type { Reason, RefName } from '../../model/index.ts'
import { reason } from '../../model/index.ts'
import type { StateCommitEntry } from '../../ports/index.ts'
import { isSignedBy, isSignedByAsync, parseSignature, type SshSignature } from '../../signing/index.ts'
import type { ListedKey, Signers } from './signers.ts'

/** The last trailer of a signed commit: copied to another ref or project, its signature counts for nothing. */
export const signedForTrailer = 'Signed-For'
export const signedFor = (project: string, ref: RefName): string => `${project} ${ref}`

/** In whose hands the key is; several where it is listed twice. */
export type SignedBy = {
  builder: string | null
  /** Lower case. */
  emails: readonly string[]
  fingerprint: string
  /** The earliest time from which one of its listings as a builder's key no longer counts; null: never. */
  builderUntilMs: number | null
}

export type Identified = { kind: 'signed'; by: SignedBy } | { kind: 'void'; why: Reason }

export type IdentifyOptions = {
  signers: Signers
  ref: RefName
  /** The latest time that anything it stands on was signed at: a key cannot sign into the past. */
  floorMs: number
}

type Claim =
  | { kind: 'void'; why: Reason }
  | { kind: 'claimed'; signature: SshSignature; payload: Buffer; listed: readonly ListedKey[]; atMs: number }

export function identify(entry: StateCommitEntry, options: IdentifyOptions): Identified {
  const claim = claimOf(entry, options)
  if (claim.kind === 'void') return claim
  const [first] = claim.listed
  const isGood = first !== undefined && isSignedBy(claim.signature, first.key, claim.payload)
  return isGood ? signedBy(claim.listed) : wrong
}

/** The same in the background: a long history is checked on every core. */
export async function identifyAsync(entry: StateCommitEntry, options: IdentifyOptions): Promise<Identified> {
  const claim = claimOf(entry, options)
  if (claim.kind === 'void') return claim
  const [first] = claim.listed
  const isGood = first !== undefined && (await isSignedByAsync(claim.signature, first.key, claim.payload))
  return isGood ? signedBy(claim.listed) : wrong
}

const voided = (code: string, message: string, hint?: string): { kind: 'void'; why: Reason } => ({
  kind: 'void',
  why: reason(code, message, hint === undefined ? {} : { hint }),
})

const wrong = voided('signature-wrong', 'its signature is over something else')

/** All that is cheap to see, before the signature itself is checked. */
function claimOf(entry: StateCommitEntry, { signers, ref, floorMs }: IdentifyOptions): Claim {
  if (!entry.signature) return voided('signature-missing', 'it is not signed')
  let signature: SshSignature
  try {
    signature = parseSignature(entry.signature.armored)
  } catch (error) {
    return voided('signature-broken', `its signature cannot be read: ${error instanceof Error ? error.message : error}`)
  }
  const listed = signers.keys.get(signature.publicKey)
  if (listed === undefined) return voided('signer-unknown', 'trunk does not list the key that signed it')
  if (placeOf(entry) !== signedFor(signers.project, ref))
    return voided('signed-for-another', 'it was signed for another project or ref, and copied here')
  const atMs = Math.max(Date.parse(entry.committer.at), floorMs)
  const current = listed.filter((key) => key.fromMs <= atMs && (key.untilMs === null || atMs < key.untilMs))
  if (current.length === 0)
    return voided('key-expired', `its key did not count at ${new Date(atMs).toISOString().slice(0, 16)}`)
  return { kind: 'claimed', signature, payload: entry.signature.payload, listed: current, atMs }
}

/** The last line of the message: nothing that a reason or a name says can stand below it. */
function placeOf(entry: StateCommitEntry): string | null {
  const last = entry.body.slice(entry.body.lastIndexOf('\n') + 1)
  const start = `${signedForTrailer}: `
  return last.startsWith(start) ? last.slice(start.length) : null
}

function signedBy(listed: readonly ListedKey[]): Identified {
  const builders = listed.flatMap((key) => (key.role === 'builder' ? [key] : []))
  const ends = builders.map(({ untilMs }) => untilMs)
  return {
    kind: 'signed',
    by: {
      builder: builders[0]?.name ?? null,
      emails: listed.flatMap((key) => (key.role === 'person' ? [key.email] : [])),
      fingerprint: listed[0]?.key.fingerprint ?? '',
      builderUntilMs: ends.length === 0 || ends.includes(null) ? null : Math.max(...ends.map((end) => end ?? 0)),
    },
  }
}
