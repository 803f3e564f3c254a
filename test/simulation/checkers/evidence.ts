/** What a history left behind, read without the engine: the ref's commits, what was pushed when, what ran on platforms. */
import type {
  BuildRecord,
  CommitId,
  CommitRecord,
  EnvironmentName,
  EnvironmentState,
  LedgerEvent,
  Project,
  RefName,
  Release,
  Yank,
} from '../../../src/model/index.ts'
import type { ActionRun } from '../chronicle.ts'
import type { History } from '../simulate-history.ts'
import { forger } from '../simulated-remote.ts'
import { parseConfiguration } from '../simulated-world.ts'

export type Violation = {
  invariant: number | 'liveness' | 'ledger' | 'stages' | 'trust' | 'order'
  atMs: number
  text: string
}

export type Entry = { event: LedgerEvent; atMs: number; process: number; commit: CommitId; push: number }

export type LeaseMove = {
  atMs: number
  process: number
  epoch: number
  holder: string | null
  /** Whether it was taken here, not renewed or given back. */
  isTaken: boolean
}

export type Evidence = {
  history: History
  environments: EnvironmentName[]
  ledger(environment: EnvironmentName): readonly Entry[]
  leases(environment: EnvironmentName): readonly LeaseMove[]
  state(environment: EnvironmentName): EnvironmentState | null
  releases: ReadonlyMap<string, Release>
  builds: ReadonlyMap<string, { record: BuildRecord; atMs: number }>
  commits: ReadonlyMap<string, CommitRecord>
  /** Records that were written again with other content. */
  rewritten: ReadonlyArray<{ path: string; atMs: number }>
  /** Pushes that were no children of the tip they replaced. */
  torn: ReadonlyArray<{ ref: RefName; atMs: number }>
  /** All states of the yanks between two moments, the one at the beginning included. */
  yanksDuring(fromMs: number, toMs: number): Yank[][]
  /** All commits a ref had between two moments, the one at the beginning included. */
  refDuring(ref: RefName, fromMs: number, toMs: number): Array<CommitId | null>
  /** All policies of trunk between two moments. */
  policiesDuring(fromMs: number, toMs: number): Project[]
  /** When a process began to decide on what it wrote to an environment at that moment: when it took the lease. */
  decidedSince(process: number, environment: EnvironmentName, atMs: number): number
  runOf(process: number): ActionRun | undefined
}

const prefix = 'refs/trunkline'

export function gatherEvidence(history: History): Evidence {
  const { world } = history
  const { remote, chronicle, source } = world
  const ledgers = new Map<EnvironmentName, Entry[]>()
  const leases = new Map<EnvironmentName, LeaseMove[]>()
  const releases = new Map<string, Release>()
  const builds = new Map<string, { record: BuildRecord; atMs: number }>()
  const commits = new Map<string, CommitRecord>()
  const rewritten: Array<{ path: string; atMs: number }> = []
  const torn: Array<{ ref: RefName; atMs: number }> = []
  const yanks: Array<{ atMs: number; yanks: Yank[] }> = [{ atMs: 0, yanks: [] }]
  const texts = new Map<string, string>()

  for (const [push, { atMs, process, ref, from, to }] of chronicle.refs.entries()) {
    if (!ref.startsWith(prefix) || to === null || process === forger) continue
    if (ref.startsWith(`${prefix}/lease/`)) {
      const environment = ref.slice(prefix.length + 7)
      const lease = JSON.parse(remote.stateCommits.get(to)?.put['lease.json'] ?? '{}')
      const moves = leases.get(environment) ?? []
      leases.set(environment, moves)
      const before = moves.at(-1)
      const isTaken = lease.epoch !== before?.epoch
      moves.push({ atMs, process, epoch: lease.epoch, holder: lease.holder?.id ?? null, isTaken })
      continue
    }
    const fresh: CommitId[] = []
    let id: CommitId | null = to
    while (id !== null && id !== from) {
      fresh.unshift(id)
      id = remote.stateCommits.get(id)?.parent ?? null
    }
    if (id !== from) torn.push({ ref, atMs })
    for (const commit of fresh) {
      const put = remote.stateCommits.get(commit)?.put ?? {}
      if (ref.startsWith(`${prefix}/env/`)) {
        const environment = ref.slice(prefix.length + 5)
        const entries = ledgers.get(environment) ?? []
        ledgers.set(environment, entries)
        const event: LedgerEvent = JSON.parse(put['event.json'] ?? 'null')
        entries.push({ event, atMs, process, commit, push })
      } else if (ref === `${prefix}/yanks`) {
        yanks.push({ atMs, yanks: JSON.parse(put['yanks.json'] ?? '{"yanks":[]}').yanks })
      } else {
        for (const [path, text] of Object.entries(put)) {
          const before = texts.get(path)
          texts.set(path, text)
          const document = JSON.parse(text)
          const isSame = before === undefined || before === text
          if (path.startsWith('builds/')) {
            if (!isSame) rewritten.push({ path, atMs })
            builds.set(document.inputHash, { record: document, atMs: builds.get(document.inputHash)?.atMs ?? atMs })
          } else if (path.startsWith('releases/')) {
            if (!isSame) rewritten.push({ path, atMs })
            releases.set(document.id, document)
          } else if (path.startsWith('commits/')) {
            if (!isSame && JSON.parse(before ?? '{}').outcome === 'released') rewritten.push({ path, atMs })
            commits.set(document.commit, document)
          }
        }
      }
    }
  }

  const during = <Item extends { atMs: number }>(items: readonly Item[], fromMs: number, toMs: number): Item[] => {
    const first = items.findLastIndex((item) => item.atMs <= fromMs)
    return items.slice(Math.max(0, first)).filter((item) => item.atMs <= toMs)
  }
  const moves = new Map<RefName, Array<{ atMs: number; to: CommitId | null }>>()
  for (const { ref, atMs, to } of chronicle.refs) {
    if (ref.startsWith(prefix)) continue
    const known = moves.get(ref) ?? [{ atMs: -1, to: null }]
    known.push({ atMs, to })
    moves.set(ref, known)
  }
  const refDuring = (ref: RefName, fromMs: number, toMs: number) =>
    during(moves.get(ref) ?? [], fromMs, toMs).map((move) => move.to)

  // Pushes of people have no process of their own (-1): the first of them stands for all.
  const runs = new Map(chronicle.runs.toReversed().map((run) => [run.process, run]))

  return {
    history,
    environments: [...ledgers.keys()],
    ledger: (environment) => ledgers.get(environment) ?? [],
    leases: (environment) => leases.get(environment) ?? [],
    state(environment) {
      const find = (id: CommitId | null | undefined) => (id ? remote.stateCommits.get(id) : undefined)
      let commit = find(remote.refs.get(`${prefix}/env/${environment}`))
      while (commit?.isForged) commit = find(commit.parent)
      const text = commit?.files.get('state.json')
      return text === undefined ? null : JSON.parse(text)
    },
    releases,
    builds,
    commits,
    rewritten,
    torn,
    yanksDuring: (fromMs, toMs) => during(yanks, fromMs, toMs).map((entry) => entry.yanks),
    refDuring,
    policiesDuring: (fromMs, toMs) =>
      refDuring('refs/heads/main', fromMs, toMs).flatMap((commit) => {
        const text = commit === null ? undefined : source.files(commit).get('trunkline.yaml')
        return text === undefined ? [] : [parseConfiguration(text)]
      }),
    decidedSince(process, environment, atMs) {
      const taken = (leases.get(environment) ?? []).findLast(
        (lease) => lease.isTaken && lease.process === process && lease.atMs <= atMs,
      )
      return taken?.atMs ?? runs.get(process)?.startedMs ?? 0
    },
    runOf: (process) => runs.get(process),
  }
}

/** What an environment sees of a release, as text. */
export function viewText(release: Release, environment: EnvironmentName): string {
  const known = views.get(release) ?? new Map<EnvironmentName, string>()
  views.set(release, known)
  const text =
    known.get(environment) ??
    stable({ services: release.services, environment: release.environments[environment] ?? null })
  known.set(environment, text)
  return text
}
const views = new WeakMap<Release, Map<EnvironmentName, string>>()

/** JSON with sorted keys. */
export function stable(value: unknown): string {
  return JSON.stringify(value, (_key, member) =>
    member !== null && typeof member === 'object' && !Array.isArray(member)
      ? Object.fromEntries(Object.entries(member).sort(([one], [other]) => (one < other ? -1 : 1)))
      : member,
  )
}

/** Whether a release may not go to an environment. */
export function isBanned(
  release: Release,
  environment: EnvironmentName,
  yanks: readonly Yank[],
  releases: Evidence['releases'],
): boolean {
  return yanks.some(({ yanked, subject }) => {
    if (!yanked) return false
    if (subject.kind === 'artifact')
      return Object.values(release.services).some((service) => service.artifact === subject.artifact)
    if (subject.release === release.id) return true
    const banned = releases.get(subject.release)
    const isFailedHere = subject.views.some((view) => view.environment === environment)
    return isFailedHere && banned !== undefined && viewText(banned, environment) === viewText(release, environment)
  })
}

/** How often a release, or what it is made of, was let in again. */
export const unyanksFor = (release: Release, yanks: readonly Yank[]): number =>
  yanks
    .filter(({ subject }) =>
      subject.kind === 'release'
        ? subject.release === release.id
        : Object.values(release.services).some((service) => service.artifact === subject.artifact),
    )
    .reduce((sum, yank) => sum + yank.unyanks, 0)

/** Whether a pattern of the simulated shops matches. */
export function matches(pattern: string, name: string): boolean {
  const source = pattern
    .replaceAll('**', '\u0000')
    .replaceAll('*', '[^/]*')
    .replaceAll('\u0000', '.*')
    .replaceAll(/\{\w+\}/g, '[^/]+')
  return new RegExp(`^${source}$`).test(name)
}

export function feeds(policy: { routes: Project['environments'][string]['routes'] }, ref: RefName): boolean {
  return policy.routes.some(({ kind, pattern }) => {
    const start = kind === 'branch' ? 'refs/heads/' : 'refs/tags/'
    return ref.startsWith(start) && matches(pattern, ref.slice(start.length))
  })
}
