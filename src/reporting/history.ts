/** The history of environments, newest first, one entry an event. */
import type { Engine } from '../delivery/engine.ts'
import { candidateOf, subjectOf } from '../ledger/index.ts'
import type { EnvironmentName } from '../model/index.ts'
import type { LogEntry } from './documents.ts'

/** The newest `limit` events of the given environments together. */
export async function historyOf(
  engine: Engine,
  environments: readonly EnvironmentName[],
  limit: number,
  signal: AbortSignal,
): Promise<LogEntry[]> {
  const snapshot = await engine.ledger.refresh(signal)
  const perEnvironment = await Promise.all(environments.map((name) => engine.ledger.history(snapshot, name, limit)))
  return perEnvironment
    .flat()
    .sort((left, right) => {
      if (left.event.environment === right.event.environment) return right.event.seq - left.event.seq
      return left.event.at < right.event.at ? 1 : -1
    })
    .slice(0, limit)
}

/** What tools read: the same facts at the same place whatever the kind (design section 8). */
export function flatten({ oid, event, voided }: LogEntry) {
  const candidate = candidateOf(event)
  return {
    oid,
    subject: subjectOf(event),
    ...event,
    release: candidate?.release ?? ('release' in event ? event.release : null),
    commit: candidate?.commit ?? null,
    version: candidate?.version ?? null,
    deployment: 'deployment' in event ? (event.deployment ?? null) : null,
    ...(voided === undefined ? {} : { voided }),
  }
}
