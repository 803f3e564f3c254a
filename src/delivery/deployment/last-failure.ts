/** What went wrong last in an environment, also where an automatic rollback has come after it. */
import type { Snapshot } from '../../ledger/index.ts'
import type { Attempt, EnvironmentState, Reason } from '../../model/index.ts'
import type { Engine } from '../engine.ts'

export type LastFailure = {
  kind: 'failed' | 'errored' | 'refused' | 'aborted'
  candidate: Attempt | null
  at: string
  reasons: Reason[]
  /** What the environment went back to by itself; null where it did not. */
  rolledBackTo: { version: string; at: string } | null
}

/** How far back in history the failure before an automatic rollback is looked for. */
const maxEvents = 200

/** What failed, erred, was refused or cancelled last and was not made good since; null where nothing was. */
export async function lastFailure(
  { ledger }: Engine,
  snapshot: Snapshot,
  { environment, last }: EnvironmentState,
): Promise<LastFailure | null> {
  if (last === null || last.kind === 'succeeded') return null
  const { kind, candidate, at, reasons } = last
  if (kind !== 'rolled-back') return { kind, candidate, at, reasons, rolledBackTo: null }
  const rolledBackTo = candidate === null ? null : { version: candidate.version, at }
  // After an automatic rollback the last attempt is the way back; what failed is what people want to know of.
  for (const { event } of await ledger.history(snapshot, environment, maxEvents)) {
    if (event.kind === 'failed' || event.kind === 'refused')
      return { kind: event.kind, candidate: event.candidate, at: event.at, reasons: event.reasons, rolledBackTo }
    if (event.kind === 'succeeded' || (event.kind === 'rolled-back' && event.trigger === 'rollback')) return null
  }
  return null
}
