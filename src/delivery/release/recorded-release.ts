/** What a commit came to: a release, a verdict against it, or nothing yet. A release on record is never computed again. */
import { readCommitRecord, readRelease } from '../../ledger/index.ts'
import type { Commit, InputHash, Reason, Release, ServiceName } from '../../model/index.ts'
import { erroredError, reason, short } from '../../model/index.ts'
import type { Engine } from '../engine.ts'
import { retryHint } from './retry-hint.ts'

export type MadeRelease =
  | { kind: 'made'; release: Release; inputHashes: Record<ServiceName, InputHash> }
  /** A verdict: a red check, a failed build. */
  | { kind: 'failed'; step: string | null; reasons: Reason[]; logTail: string[] }
  /** Nothing may be built on this way, and something does not exist. */
  | { kind: 'missing'; reasons: Reason[] }

export type ReleaseOptions = {
  /** Promotions never build (invariant 2). */
  mayBuild: boolean
  /** A person asked to try red checks again. */
  retriesRed: boolean
  /** Only checks, no builds, no release (`trunkline check`). */
  checksOnly: boolean
  signal: AbortSignal
}

/** A release on record is never computed again; a failure on record is answered as it was. */
export async function recordedRelease(
  engine: Engine,
  commit: Commit,
  retriesRed: boolean,
  signal: AbortSignal,
): Promise<MadeRelease | null> {
  const snapshot = await engine.ledger.refresh(signal)
  const record = await readCommitRecord(engine.ledger, snapshot, commit.id)
  if (record === null) return null
  if (record.outcome === 'failed') {
    if (retriesRed) return null
    const why = reason(
      'release-failed',
      `commit ${commit.id.slice(0, 7)} has no release: it failed on ${record.at.slice(0, 16)}`,
      {
        commit: commit.id,
        hint: retryHint,
      },
    )
    return { kind: 'failed', step: null, reasons: [why, ...record.reasons], logTail: [] }
  }
  const release = await readRelease(engine.ledger, snapshot, record.release)
  if (release === null) {
    throw erroredError(
      'STATE_UNREADABLE',
      `release ${short(record.release)} of commit ${short(commit.id)} is not on record`,
    )
  }
  return { kind: 'made', release, inputHashes: record.inputHashes }
}
