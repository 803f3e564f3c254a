/** An attempt of the past, taken up again: what waited, what was left unfinished, what a person wants to retry. */
import type { NewEvent } from '../../ledger/index.ts'
import { isNamedSame, readCommitRecord, readRelease } from '../../ledger/index.ts'
import type {
  Attempt,
  Candidate,
  EnvironmentPolicy,
  InputHash,
  OutcomeKind,
  Reason,
  Release,
  ServiceName,
  Trigger,
} from '../../model/index.ts'
import { reasonOfError, TrunklineError } from '../../model/index.ts'
import { viewOf } from '../../planning/index.ts'
import type { Engine, EnvironmentResult } from '../engine.ts'
import { releaseFor } from '../release/release-for.ts'
import { openScene, type Scene } from '../scene.ts'
import { type Arrival, resultOf } from './deploy-request.ts'
import { deployTo } from './deploy-to.ts'
import type { HookDecision } from './step-context.ts'

export type AttemptOptions = {
  attempt: Attempt
  trigger: Trigger
  arrival: Arrival
  hookDecision: HookDecision
  retriesRed: boolean
  signal: AbortSignal
}

/** Deploys it: its release from the records, or made now where it still may be. Faults of the world are its answer. */
export async function deployAttempt(
  engine: Engine,
  scene: Scene,
  policy: EnvironmentPolicy,
  options: AttemptOptions,
): Promise<EnvironmentResult> {
  const { attempt, trigger, arrival, hookDecision, signal } = options
  try {
    const found = await findRelease(engine, policy, options)
    if (found.kind === 'none') {
      if (found.outcome === 'refused') await takeOut(engine, policy, attempt, found.reasons, signal)
      return resultOf(engine, { policy }, found.outcome, found.reasons, null)
    }
    const { release, inputHashes } = found
    const candidate: Candidate = { ...attempt, release: release.id, view: viewOf(release, policy.name) }
    const request = { project: scene.project, policy, candidate, release, inputHashes, trigger, arrival }
    return await deployTo(engine, { ...request, hookDecision, signal })
  } catch (error) {
    if (!(error instanceof TrunklineError) || error.kind !== 'errored' || signal.aborted) throw error
    return resultOf(engine, { policy }, 'errored', [reasonOfError(error)], null)
  }
}

type Found =
  | { kind: 'found'; release: Release; inputHashes: Record<ServiceName, InputHash> }
  | { kind: 'none'; outcome: OutcomeKind; reasons: Reason[] }

async function findRelease(engine: Engine, policy: EnvironmentPolicy, options: AttemptOptions): Promise<Found> {
  const { attempt, retriesRed, signal } = options
  const snapshot = await engine.ledger.refresh(signal)
  if (attempt.release !== null) {
    const release = await readRelease(engine.ledger, snapshot, attempt.release)
    const record = await readCommitRecord(engine.ledger, snapshot, attempt.commit)
    if (release !== null) return { kind: 'found', release, inputHashes: record?.inputHashes ?? {} }
  }
  if (attempt.ref !== null) await engine.world.source.ensureCommit(attempt.commit, attempt.ref, signal)
  const own = await openScene(engine, attempt.commit, attempt.ref, signal)
  const mayBuild = policy.after.length === 0
  const made = await releaseFor(engine, own, { mayBuild, retriesRed, signal })
  if (made.kind === 'made') return { kind: 'found', release: made.release, inputHashes: made.inputHashes }
  // A verdict that was reached before, or elsewhere, is no failure of this environment: it takes no such release.
  const outcome = made.kind === 'missing' ? 'waiting' : made.step === null || !mayBuild ? 'refused' : 'failed'
  return { kind: 'none', outcome, reasons: made.reasons }
}

/** What can never go there does not wait any longer. Bounded tries against others who write. */
async function takeOut(
  engine: Engine,
  policy: EnvironmentPolicy,
  attempt: Attempt,
  reasons: Reason[],
  signal: AbortSignal,
): Promise<void> {
  for (let tries = 0; tries < 10; tries++) {
    const snapshot = await engine.ledger.refresh(signal)
    const position = await engine.ledger.environment(snapshot, policy.name)
    const { waiting } = position.state
    if (waiting === null || !isNamedSame(waiting.candidate, attempt)) return
    const event: NewEvent = { kind: 'rejected', plan: waiting.plan, candidate: waiting.candidate, reasons }
    if ((await engine.ledger.append(position, [event], null, signal)).kind === 'appended') return
  }
}
