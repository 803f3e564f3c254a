/** After a failure: roll back, yank, tell people, in the declared order; each once, also when a controller dies in between. */
import { readRelease } from '../../ledger/index.ts'
import type {
  ActiveDeployment,
  Candidate,
  EnvironmentPolicy,
  Project,
  Reaction,
  Reason,
  Running,
} from '../../model/index.ts'
import { reason, short } from '../../model/index.ts'
import { irreversibleSince, rollbackCandidates, viewOf, yankGate } from '../../planning/index.ts'
import type { Engine } from '../engine.ts'
import { notify } from '../notify.ts'
import type { Session } from '../session.ts'
import { goBack, planWayBack } from './rollback-steps.ts'
import { yankRelease } from './yank.ts'

/** Carries out what is left of the reactions; answers sentences about what it did. */
export async function react(
  engine: Engine,
  session: Session,
  project: Project,
  policy: EnvironmentPolicy,
  told: { step: string | null; logTail: string[]; durationMs: number | null } = {
    step: null,
    logTail: [],
    durationMs: null,
  },
): Promise<Reason[]> {
  const failed = session.state().deployment
  // Without recorded reactions the deployment is over, and people are told all the same.
  const failure = failed?.failure ?? null
  const last = session.state().last
  const candidate = failed?.candidate ?? last?.candidate
  const kind = last?.kind === 'refused' ? 'refused' : 'failed'
  if (!candidate) return []
  const about = { project, policy, candidate }
  const done: Reason[] = []
  const tell = () => {
    if (!policy.onFailure.includes('notify')) return
    notify(engine, about, kind, {
      reasons: [...(failure?.reasons ?? last?.reasons ?? []), ...done],
      step: told.step ?? failure?.step ?? null,
      logTail: failure?.logTail ?? told.logTail,
      durationMs: told.durationMs,
    })
  }
  const order = failed === null ? policy.onFailure.filter((reaction) => reaction === 'notify') : orderOf(policy, failed)
  for (const reaction of order) {
    await engine.world.boundary(`react ${reaction} ${policy.name}`)
    if (reaction === 'notify') tell()
    else if (failed !== null && reaction === 'rollback')
      done.push(...(await rollBack(engine, session, project, policy, failed)))
    else if (failed !== null && reaction === 'yank')
      done.push(...(await yankFailed(engine, session, project, policy, failed)))
  }
  return done
}

/** What the ledger still wants done, with the telling at its declared place. */
function orderOf(policy: EnvironmentPolicy, failed: ActiveDeployment): Reaction[] {
  const left = new Set<Reaction>(failed.reactions)
  const declared = policy.onFailure.filter((reaction) => reaction === 'notify' || left.has(reaction))
  const undeclared = failed.reactions.filter((reaction) => !policy.onFailure.includes(reaction))
  return [...declared, ...undeclared]
}

async function rollBack(
  engine: Engine,
  session: Session,
  project: Project,
  policy: EnvironmentPolicy,
  failed: ActiveDeployment,
): Promise<Reason[]> {
  const { ledger, world } = engine
  const snapshot = await ledger.refresh(session.signal)
  const yanks = await ledger.yanks(snapshot)
  for (const running of rollbackCandidates(session.state(), failed.candidate.release)) {
    const release = await readRelease(ledger, snapshot, running.release)
    if (release === null || yankGate(release, policy.name, yanks).action === 'refuse') continue
    const irreversible = irreversibleSince(session.state(), running)
    if (irreversible.length > 0) return await stayAndHold(engine, session, { project, policy, failed, irreversible })
    const candidate = candidateOf(running, viewOf(release, policy.name))
    const leaving = await readRelease(ledger, snapshot, failed.candidate.release)
    const way = { project, policy, id: failed.id, candidate, release, leaving, trigger: 'reaction' as const }
    const planned = await planWayBack(engine, session, way)
    const outcome = planned.kind === 'planned' ? await goBack(engine, session, way, planned) : planned
    if (outcome.kind === 'back') {
      const why = reason('rolled-back', `${policy.name} is back on ${candidate.version}`, { digest: candidate.release })
      notify(engine, { project, policy, candidate }, 'rolled-back', { reasons: [why] })
      return [why]
    }
    const why = reason('rollback-failed', `the way back to ${candidate.version} failed too: ${policy.name} is held`)
    const reasons = [why, ...outcome.reasons]
    await session.append({ kind: 'held', deployment: failed.id, reasons })
    notify(engine, { project, policy, candidate: failed.candidate }, 'held', { reasons })
    return reasons
  }
  const why = reason(
    'nothing-to-roll-back-to',
    `no earlier release was healthy in ${policy.name}: there is nothing to go back to`,
  )
  await session.append({
    kind: 'rolled-back',
    deployment: failed.id,
    trigger: 'reaction',
    from: failed.candidate.release,
    candidate: null,
    services: {},
    hooks: session.state().hooks,
    reasons: [why],
  })
  world.progress({ kind: 'note', message: why.message })
  return [why]
}

type Irreversible = { project: Project; policy: EnvironmentPolicy; failed: ActiveDeployment; irreversible: string[] }

/** There is no way back past what cannot be undone: the failed release stays, the environment is held, people are told. */
async function stayAndHold(
  engine: Engine,
  session: Session,
  { project, policy, failed, irreversible }: Irreversible,
): Promise<Reason[]> {
  const { version } = failed.candidate
  const why = reason(
    'rollback-refused',
    `not rolled back: ${irreversible.join(', ')} cannot be undone; ${version} stays and ${policy.name} is held`,
    {
      hint: `fix forward and resume, or: trunkline rollback ${policy.name} ${irreversible.map((hook) => `--force ${hook}`).join(' ')}`,
    },
  )
  await session.append({ kind: 'held', deployment: failed.id, reasons: [why] })
  notify(engine, { project, policy, candidate: failed.candidate }, 'held', { reasons: [why] })
  return [why]
}

export const candidateOf = (running: Running, view: Candidate['view']): Candidate => ({
  release: running.release,
  view,
  commit: running.commit,
  ref: running.ref,
  version: running.version,
  author: running.author,
})

async function yankFailed(
  engine: Engine,
  session: Session,
  project: Project,
  policy: EnvironmentPolicy,
  failed: ActiveDeployment,
): Promise<Reason[]> {
  const { candidate } = failed
  const why = `failed in ${policy.name}${failed.failure?.step ? ` at ${failed.failure.step}` : ''}`
  await yankRelease(engine, {
    release: candidate.release,
    views: [{ environment: policy.name, view: candidate.view }],
    label: candidate.version,
    why,
    signal: session.signal,
  })
  await session.append({
    kind: 'yanked',
    release: candidate.release,
    artifact: null,
    deployment: failed.id,
    reasons: [reason('yanked', why)],
  })
  notify(engine, { project, policy, candidate }, 'yanked', { reasons: [reason('yanked', why)] })
  return [
    reason('yanked', `release ${short(candidate.release)} is yanked: it can go nowhere`, { digest: candidate.release }),
  ]
}
