/** Where a world ended, without what may differ between two ways to the same end: times, numbers, ids of deployments. */
import assert from 'node:assert/strict'
import type { Lease } from '../../src/ledger/index.ts'
import type { BuildRecord, CommitRecord, EnvironmentState, LedgerEvent, Yank } from '../../src/model/index.ts'
import type { CrashWorld } from './crash-world.ts'

const prefix = 'refs/trunkline'

export async function readState(world: CrashWorld, environment: string): Promise<EnvironmentState | null> {
  return await readDocument<EnvironmentState>(world, `${prefix}/env/${environment}:state.json`)
}

export const readLease = (world: CrashWorld, environment: string): Promise<Lease | null> =>
  readDocument<Lease>(world, `${prefix}/lease/${environment}:lease.json`)

async function readDocument<Document>(world: CrashWorld, name: string): Promise<Document | null> {
  const text = await world.remote.git('cat-file', 'blob', name).catch(() => null)
  return text === null ? null : (JSON.parse(text) as Document) // Written by the program under test.
}

/** All documents of a kind of records. */
async function readRecords<Document>(world: CrashWorld, kind: string): Promise<Document[]> {
  const ref = `${prefix}/builds`
  const listing = await world.remote.git('ls-tree', '-r', '--name-only', ref, `${kind}/`).catch(() => '')
  const paths = listing.split('\n').filter((path) => path !== '')
  const documents = await Promise.all(paths.map((path) => readDocument<Document>(world, `${ref}:${path}`)))
  return documents.filter((document) => document !== null)
}

/** Oldest first. */
export async function readHistory(world: CrashWorld, environment: string): Promise<LedgerEvent[]> {
  const ref = `${prefix}/env/${environment}`
  const listing = await world.remote.git('rev-list', '--reverse', '--first-parent', ref).catch(() => '')
  const commits = listing.split('\n').filter((line) => line !== '')
  const events = await Promise.all(commits.map((commit) => readDocument<LedgerEvent>(world, `${commit}:event.json`)))
  return events.filter((event) => event !== null)
}

export const readBuilds = (world: CrashWorld): Promise<BuildRecord[]> => readRecords<BuildRecord>(world, 'builds')

async function endOf(world: CrashWorld, environment: string) {
  const state = await readState(world, environment)
  if (state === null) return null
  const { running } = state
  const lease = await readLease(world, environment)
  const target = world.platform(environment)
  return {
    running: running && {
      release: running.release,
      commit: running.commit,
      services: Object.fromEntries(
        Object.entries(running.services).map(([name, { artifact, generation, inputHash }]) => [
          name,
          { artifact, generation, inputHash },
        ]),
      ),
    },
    health: state.health,
    deployment: state.deployment && { ...state.deployment, id: null },
    waiting: state.waiting?.candidate.commit ?? null,
    held: state.held !== null,
    hooks: state.hooks,
    verified: state.verified.map((known) => known.view).sort(),
    failures: state.failures.map((known) => known.view).sort(),
    passedOver: state.passedOver,
    last: state.last?.kind ?? null,
    platform: target.running(),
    lease: lease?.holder?.label ?? 'free',
  }
}

/** Commits are named by their subjects: where a world lies is in its configuration, and so in their ids. */
export async function endState(world: CrashWorld): Promise<EndState> {
  const listing = await world.clones.ada.git('log', '--format=%H %s', 'main')
  const text = listing.split('\n').reduce(
    (named, line) => {
      const [id = '', ...subject] = line.split(' ')
      return named.replaceAll(id, subject.join(' '))
    },
    JSON.stringify(await rawEndState(world)),
  )
  return JSON.parse(text) as EndState // What was just written.
}

async function rawEndState(world: CrashWorld) {
  const [stage, prod, builds, commits] = await Promise.all([
    endOf(world, 'stage'),
    endOf(world, 'prod'),
    readBuilds(world),
    readRecords<CommitRecord>(world, 'commits'),
  ])
  const yanks = await readDocument<{ yanks: Yank[] }>(world, `${prefix}/yanks:yanks.json`)
  return {
    environments: { stage, prod },
    builds: Object.fromEntries(builds.map(({ inputHash, service, artifact }) => [inputHash, { service, artifact }])),
    commits: Object.fromEntries(
      commits.map((record) => [record.commit, record.outcome === 'released' ? record.release : record.outcome]),
    ),
    yanks: (yanks?.yanks ?? []).map(({ subject, yanked }) => ({
      subject: subject.kind === 'release' ? subject.release : subject.artifact,
      yanked,
    })),
  }
}

export type EndState = Awaited<ReturnType<typeof rawEndState>>

const ends = new Set(['succeeded', 'failed', 'aborted', 'rolled-back'])

/** What no history may show, whatever happened: a gap, a deployment without an end, a job begun twice. */
export async function assertSound(world: CrashWorld): Promise<void> {
  for (const environment of ['stage', 'prod']) {
    const history = await readHistory(world, environment)
    assert.deepEqual(
      history.map(({ seq }) => seq),
      history.map((_, index) => index + 1),
      `no event of ${environment} is lost or doubled`,
    )
    for (const event of history) {
      if (event.kind !== 'started') continue
      const end = history.find(
        (later) =>
          later.seq > event.seq &&
          ends.has(later.kind) &&
          'deployment' in later &&
          later.deployment === event.deployment,
      )
      assert.ok(end, `deployment ${event.deployment} of ${environment} came to an end`)
    }
  }
  const jobs = await world.jobs()
  assert.deepEqual([...new Set(jobs)], jobs, 'no job began twice')
}
