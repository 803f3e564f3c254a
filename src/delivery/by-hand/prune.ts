/** Takes artifacts out of the store that nothing needs any more. Records stay: what is wanted again is built again. */
import { readAllBuilds, readCommitRecord, readRelease, type Snapshot } from '../../ledger/index.ts'
import type {
  CommitId,
  EnvironmentName,
  EnvironmentState,
  Reason,
  RefName,
  ReleaseId,
  Running,
} from '../../model/index.ts'
import { reason } from '../../model/index.ts'
import { artifactsOf, branchRef } from '../../planning/index.ts'
import { type Need, type PrunableArtifact, planPruning } from '../../planning/pruning.ts'
import type { Engine } from '../engine.ts'
import type { Scene } from '../scene.ts'

export type PruneOptions = {
  /** Newest commits of trunk, and releases before the running one in each environment, that stay. */
  keep: number
  /** Says what would go, and takes nothing away. */
  dryRun: boolean
  signal: AbortSignal
}

export type PruneResult = {
  dryRun: boolean
  location: string
  removed: Array<PrunableArtifact & { wasThere: boolean | null }>
  kept: PrunableArtifact[]
  /** null where the store itself decides when space is given back, or nothing was taken away. */
  freedBytes: number | null
}

/** A delivery puts its bytes first and records them at its end. */
const graceMs = 24 * 60 * 60_000

export async function prune(engine: Engine, scene: Scene, options: PruneOptions): Promise<PruneResult> {
  const { world, ledger } = engine
  const snapshot = await ledger.refresh(options.signal)
  const [builds, ...needs] = await Promise.all([
    readAllBuilds(ledger, snapshot),
    neededByEnvironments(engine, scene, snapshot, options.keep),
    neededByRefs(engine, scene, snapshot, options),
  ])
  const { kept, removed } = planPruning({ builds, needs: needs.flat(), nowMs: world.clock.now(), graceMs })
  const result = { dryRun: options.dryRun, location: world.artifacts.location, kept }
  if (options.dryRun || removed.length === 0) {
    return { ...result, removed: removed.map((one) => ({ ...one, wasThere: null })), freedBytes: null }
  }
  const digests = removed.map(({ artifact }) => artifact)
  const keptDigests = [
    ...new Set([...kept.map(({ artifact }) => artifact), ...needs.flat().map(({ artifact }) => artifact)]),
  ]
  const removal = await world.artifacts.remove(digests, keptDigests, options.signal)
  const there = new Set(removal.removed)
  return {
    ...result,
    removed: removed.map((one) => ({ ...one, wasThere: there.has(one.artifact) })),
    freedBytes: removal.freedBytes,
  }
}

/** What runs, is on its way or waits, and what it may go back to; also where trunk no longer knows the environment. */
async function neededByEnvironments(
  engine: Engine,
  { project }: Scene,
  snapshot: Snapshot,
  keep: number,
): Promise<Need[]> {
  const { ledger } = engine
  const prefix = ledger.refs.environment('')
  const recorded = [...snapshot.keys()].flatMap((ref) => (ref.startsWith(prefix) ? [ref.slice(prefix.length)] : []))
  const names = [...new Set<EnvironmentName>([...Object.keys(project.environments), ...recorded])]
  const needs = names.map(async (name): Promise<Need[]> => {
    const { state } = await ledger.environment(snapshot, name)
    const running = Object.values(state.running?.services ?? {}).map(({ artifact }) => ({
      artifact,
      reason: reason('runs', `it runs in ${name}`),
    }))
    const releases: Array<[ReleaseId | null | undefined, Reason]> = [
      [state.running?.release, reason('runs', `it runs in ${name}`)],
      [state.deployment?.candidate.release, reason('deploying', `it is being deployed to ${name}`)],
      [state.waiting?.candidate.release, reason('waits', `it waits for ${name}`)],
      ...earlierReleases(state, keep).map(({ release, version }): [ReleaseId, Reason] => [
        release,
        reason('rollback-window', `${name} may go back to ${version}`),
      ]),
    ]
    const ofReleases = await Promise.all(releases.map(([id, why]) => neededByRelease(engine, snapshot, id, why)))
    return [...running, ...ofReleases.flat()]
  })
  return (await Promise.all(needs)).flat()
}

/** What it may go back to, newest first; each release once, and not what runs. */
function earlierReleases({ history, running }: EnvironmentState, keep: number): Running[] {
  const byRelease = new Map<ReleaseId, Running>()
  for (const one of history)
    if (one.release !== running?.release && !byRelease.has(one.release)) byRelease.set(one.release, one)
  return [...byRelease.values()].slice(0, keep)
}

/** What git tags name, and the newest commits of trunk. */
async function neededByRefs(
  engine: Engine,
  { project }: Scene,
  snapshot: Snapshot,
  { keep, signal }: PruneOptions,
): Promise<Need[]> {
  const { source } = engine.world
  const trunk = branchRef(project.trunk)
  const { tips } = await source.remoteRefs(['refs/tags/', trunk], signal)
  const commits: Array<[CommitId, Reason]> = []
  for (const [ref, commit] of tips) {
    if (ref.startsWith('refs/tags/'))
      commits.push([commit, reason('tagged', `the tag ${tagName(ref)} names it`, { ref })])
  }
  const tip = tips.get(trunk)
  if (tip !== undefined) {
    await source.ensureCommit(tip, trunk, signal)
    const newest = await source.commitsBetween(null, tip, keep)
    for (const { id } of newest)
      commits.push([id, reason('on-trunk', `${project.trunk} has it in its newest ${keep} commits`)])
  }
  const needs = await Promise.all(
    commits.map(async ([commit, why]) => {
      const record = await readCommitRecord(engine.ledger, snapshot, commit)
      return record?.outcome === 'released' ? neededByRelease(engine, snapshot, record.release, why) : []
    }),
  )
  return needs.flat()
}

const tagName = (ref: RefName): string => ref.slice('refs/tags/'.length)

async function neededByRelease(
  { ledger }: Engine,
  snapshot: Snapshot,
  id: ReleaseId | null | undefined,
  why: Reason,
): Promise<Need[]> {
  const release = id == null ? null : await readRelease(ledger, snapshot, id)
  return release === null ? [] : artifactsOf(release).map((artifact) => ({ artifact, reason: why }))
}
