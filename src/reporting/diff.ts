/** What differs between what runs in one environment and another environment, or a commit's release. */
import type { Engine } from '../delivery/engine.ts'
import { readCommitRecord, readRelease } from '../ledger/index.ts'
import type { CommitId, EnvironmentName, Release, ServiceName } from '../model/index.ts'
import { reason, usageError } from '../model/index.ts'
import { generationOf } from '../planning/index.ts'
import type { DiffCommit, DiffDocument, DiffSide } from './documents.ts'

export type Side = DiffSide & { release: Release | null }

/** Most commits that a person reads. */
const maxCommits = 100

export async function environmentSide(engine: Engine, name: EnvironmentName, signal: AbortSignal): Promise<Side> {
  const snapshot = await engine.ledger.refresh(signal)
  const { state } = await engine.ledger.environment(snapshot, name)
  const release = state.running === null ? null : await readRelease(engine.ledger, snapshot, state.running.release)
  return {
    label: name,
    version: state.running?.version ?? null,
    commit: state.running?.commit ?? null,
    release,
  }
}

export async function commitSide(engine: Engine, commit: CommitId, signal: AbortSignal): Promise<Side> {
  const snapshot = await engine.ledger.refresh(signal)
  const record = await readCommitRecord(engine.ledger, snapshot, commit)
  if (record === null || record.outcome === 'failed') {
    throw usageError('NO_RELEASE', `commit ${commit.slice(0, 7)} has no release to compare with`, {
      hint: `what it would change: trunkline plan ${commit.slice(0, 7)}`,
    })
  }
  return {
    label: commit.slice(0, 7),
    version: null,
    commit,
    release: await readRelease(engine.ledger, snapshot, record.release),
  }
}

export async function differenceBetween(engine: Engine, from: Side, to: Side): Promise<DiffDocument> {
  const names = new Set([...Object.keys(from.release?.services ?? {}), ...Object.keys(to.release?.services ?? {})])
  return {
    from: describe(from),
    to: describe(to),
    services: [...names].sort().map((name) => differenceOf(name, from, to)),
    commits: await commitsBetween(engine, from.commit, to.commit),
    missing: await commitsBetween(engine, to.commit, from.commit),
  }
}

const describe = ({ label, version, commit }: Side): DiffSide => ({ label, version, commit })

function differenceOf(name: ServiceName, from: Side, to: Side): DiffDocument['services'][number] {
  const before = from.release?.services[name]
  const after = to.release?.services[name]
  const digests = { from: before?.artifact ?? null, to: after?.artifact ?? null }
  if (before === undefined)
    return { name, ...digests, change: 'added', reasons: [reason('only-there', `only in ${to.label}`)] }
  if (after === undefined)
    return { name, ...digests, change: 'removed', reasons: [reason('only-here', `only in ${from.label}`)] }
  if (before.artifact !== after.artifact) {
    return {
      name,
      ...digests,
      change: 'changed',
      reasons: [reason('other-bytes', 'built from other inputs')],
    }
  }
  if (commonGeneration(from, name) !== commonGeneration(to, name)) {
    return {
      name,
      ...digests,
      change: 'changed',
      reasons: [reason('other-settings', 'same bytes, deployed another way')],
    }
  }
  return { name, ...digests, change: 'same', reasons: [] }
}

/** What is meant for one environment alone differs everywhere. */
const commonGeneration = ({ release }: Side, name: ServiceName): string | null =>
  release === null ? null : generationOf(release, name, null)

async function commitsBetween(engine: Engine, from: CommitId | null, to: CommitId | null): Promise<DiffCommit[]> {
  const { source } = engine.world
  if (to === null || !(await source.has(to)) || (from !== null && !(await source.has(from)))) return []
  const commits = await source.commitsBetween(from, to, maxCommits)
  return commits.map(({ id, subject, author }) => ({ id, subject, author: author.name }))
}
