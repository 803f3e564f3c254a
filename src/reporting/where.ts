/** Where a commit has got to, environment by environment. */
import type { Engine } from '../delivery/engine.ts'
import { policyOf, type Scene } from '../delivery/scene.ts'
import { readCommitRecord, readRelease } from '../ledger/index.ts'
import type { ActiveDeployment, CommitId, EnvironmentState, Reason, Release } from '../model/index.ts'
import { viewOf, yankGate } from '../planning/index.ts'
import type { WhereDocument } from './documents.ts'

type Place = Omit<WhereDocument['environments'][number], 'name'>

export async function whereIs(
  engine: Engine,
  scene: Scene,
  commit: CommitId,
  signal: AbortSignal,
): Promise<WhereDocument> {
  const snapshot = await engine.ledger.refresh(signal)
  const record = await readCommitRecord(engine.ledger, snapshot, commit)
  const release = record?.outcome === 'released' ? await readRelease(engine.ledger, snapshot, record.release) : null
  const yanks = await engine.ledger.yanks(snapshot)
  const environments: WhereDocument['environments'] = []
  let isYanked = false
  for (const name of Object.keys(scene.project.environments)) {
    const { state } = await engine.ledger.environment(snapshot, name)
    const policy = policyOf(scene.project, name)
    const banned = release !== null && policy !== null ? yankGate(release, name, yanks) : null
    if (banned?.action === 'refuse') isYanked = true
    const place = await placeOf(engine, state, commit, release)
    const why = [...(record?.outcome === 'failed' ? record.reasons : []), ...(banned?.reasons ?? [])]
    const cannotGoThere = place.state === 'not-there' && (record?.outcome === 'failed' || banned?.action === 'refuse')
    environments.push({
      name,
      ...place,
      state: cannotGoThere ? 'refused' : place.state,
      reasons: [...place.reasons, ...(cannotGoThere || banned?.action === 'refuse' ? why : [])],
    })
  }
  const { subject } = await engine.world.source.commit(commit)
  return { commit, subject, release: release?.id ?? null, yanked: isYanked, environments }
}

async function placeOf(
  engine: Engine,
  state: EnvironmentState,
  commit: CommitId,
  release: Release | null,
): Promise<Place> {
  const { running, deployment, waiting } = state
  const isThis = (known: { commit: string; release: string | null } | null | undefined): boolean =>
    known !== null &&
    known !== undefined &&
    (known.commit === commit || (release !== null && known.release === release.id))
  const place = (
    name: Place['state'],
    from: { version: string } | null,
    since: string | null,
    reasons: Reason[] = [],
  ): Place => ({
    state: name,
    version: from?.version ?? null,
    at: since,
    reasons,
  })
  if (deployment !== null && isThis(deployment.candidate)) {
    return place(phaseStates[deployment.phase], deployment.candidate, deployment.startedAt, state.last?.reasons)
  }
  if (running !== null && isThis(running)) return place('running', running, running.since)
  if (waiting !== null && isThis(waiting.candidate))
    return place('waiting', waiting.candidate, waiting.since, waiting.reasons)
  const failure =
    release === null ? undefined : state.failures.find((known) => known.view === viewOf(release, state.environment))
  if (failure !== undefined) return place('failed', null, failure.at)
  const { last } = state
  // Also what never came to a deployment: its release could not be made, its variables were not there.
  if (
    last !== null &&
    (last.kind === 'failed' || last.kind === 'errored' || last.kind === 'refused') &&
    isThis(last.candidate)
  )
    return place(last.kind, last.candidate, last.at, last.reasons)
  const before = state.history.find(isThis)
  if (before !== undefined) return place('passed', before, before.since)
  if (running !== null && (await contains(engine, commit, running.commit)))
    return place('contained', running, running.since)
  return place('not-there', null, null)
}

const phaseStates: Record<ActiveDeployment['phase'], Place['state']> = {
  running: 'deploying',
  reacting: 'deploying',
  errored: 'errored',
  aborted: 'cancelled',
}

/** A commit that is not in this clone (any more) contains nothing as far as we can tell. */
async function contains(engine: Engine, commit: CommitId, running: CommitId): Promise<boolean> {
  const { source } = engine.world
  if (!(await source.has(running))) return false
  return await source.isAncestor(commit, running)
}
