/** What the parts of a rollout share: what it is about, and how far it has come. */
import { createMasker } from '../../masking/masker.ts'
import { type LambdaRun, reason, type ServiceName, TrunklineError, type Verdict } from '../../model/index.ts'
import type { RolloutRequest, TargetContext } from '../../ports/index.ts'
import { type Alias, leadsTo, pointAlias, readAlias } from './functions/alias.ts'
import { invoke } from './functions/invoke.ts'
import type { Place } from './place.ts'
import type { FunctionRecord, Pending } from './record/record.ts'
import type { RecordBook } from './record/record-book.ts'
import { secretsOf } from './variables.ts'

export type Rollout = {
  place: Place
  book: RecordBook
  context: TargetContext
  service: ServiceName
  name: string
  run: LambdaRun
  request: RolloutRequest
  /** The version that shall take all requests. */
  version: string
  /** What took them before; null: nothing did. */
  old: string | null
  /** As it was last seen. */
  alias: Alias | null
  record: FunctionRecord
}

/** Written under the version that was read: who has lost the lease ends here, before anything is moved. */
export async function note(rollout: Rollout, change: (before: FunctionRecord) => FunctionRecord): Promise<void> {
  const { book, service, context, record } = rollout
  const written = await book.change(service, (before) => change(before ?? record), context)
  if (written !== null) rollout.record = written
}

export async function notePending(rollout: Rollout, reached: Partial<Pending>): Promise<Pending> {
  const { generation, artifact, fingerprint } = rollout.request.desired
  const begun: Pending = {
    ...{ generation, artifact, fingerprint, version: rollout.version },
    ...{ weight: 0, verifiedAtMs: null, ringing: {} },
  }
  const { pending } = rollout.record
  const next = { ...(pending?.version === rollout.version ? pending : begun), ...reached }
  await note(rollout, (before) => ({ ...before, pending: next }))
  return next
}

/** All requests to one version; nothing where it is so. */
export async function leadTo(rollout: Rollout, version: string, signal: AbortSignal): Promise<void> {
  if (leadsTo(rollout.alias, version)) return
  const { place, name } = rollout
  rollout.alias = await pointAlias(place, name, place.alias, rollout.alias, { version }, signal)
}

/** Back at what took the requests before, in full, whatever the alias was last seen to be. */
export async function leadBack(rollout: Rollout, signal: AbortSignal): Promise<void> {
  const { place, name, old } = rollout
  if (old === null) return
  rollout.alias = await readAlias(place, name, place.alias, signal)
  await leadTo(rollout, old, signal)
}

/** The new version is asked by its own number, before anybody else asks it. */
export async function tryOut({ place, name, version, run, request, context }: Rollout): Promise<Verdict> {
  if (run.healthEvent === undefined) return { ok: true }
  const asked = {
    qualifier: version,
    event: run.healthEvent,
    timeoutMs: run.timeoutMs + 60_000,
    signal: context.signal,
  }
  const { error, logTail } = await invoke(place, { name, ...asked })
  if (error === null) return { ok: true }
  const { mask } = createMasker(secretsOf(request.desired).flatMap((secret) => request.variables[secret] ?? []))
  const message = mask(`version ${version} of ${name} answers its health event with ${error.type}: ${error.message}`)
  return { ok: false, reasons: [reason('health-event-failed', message)], logTail: logTail.map(mask) }
}

/** Whoever has lost the lease changes nothing any more. */
export const isOusted = (error: unknown): boolean =>
  error instanceof TrunklineError && (error.code === 'LEASE_LOST' || error.code === 'STALE_CONTROLLER')
