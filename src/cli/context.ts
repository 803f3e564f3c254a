/** The real world around a command: the repository it was called in, and every port of the engine. */
import type { Engine, Scene } from '../delivery/index.ts'
import type { OpenedSourceRepository, WorkingCopy } from '../git/index.ts'
import type { Home } from '../home/index.ts'
import { type CommitId, type Progress, type Project, type RefEvent, usageError } from '../model/index.ts'
import { asHandedOn } from './ci-event.ts'
import type { Invocation } from './command.ts'
import type { OpenedWorld } from './open-world.ts'
import { anyProjectCommit, readProject } from './project-file.ts'
import { findRefEvent } from './ref-event.ts'
import { placeToPlan, type Revision, resolveRevision } from './revisions.ts'

export type Context = {
  readonly source: OpenedSourceRepository
  readonly workingCopy: WorkingCopy
  readonly home: Home
  /** The engine, opened by trunk's policy as the first commit that is asked for finds it: a command has one. */
  engine(commit: CommitId): Promise<Engine>
  /** The engine and policy for commands that concern environments, not a commit of one's own. */
  onTrunk(): Promise<{ engine: Engine; scene: Scene }>
  /** The same without asking anyone: by trunk as this clone saw it last; without one, by what is checked out. */
  asLastSeen(): Promise<{ engine: Engine; project: Project }>
  /** A commit that a person named. */
  revision(text: string): Promise<Revision>
  /** What moved, for `deliver`; null: see `findRefEvent`. */
  refEvent(ref: string | null, commit: string | null): Promise<RefEvent>
  placeToPlan(revision: string | null, ref: string | null): Promise<Revision>
  /** Waits for notifications under way; answers what could not be told. */
  flush(): Promise<string[]>
}

export const nobodyWatches = (): void => {}

/** Opens the world for as long as the work takes. `progress` hears what happens. */
export async function withContext<Result>(
  invocation: Invocation,
  progress: (event: Progress) => void,
  work: (context: Context) => Promise<Result>,
): Promise<Result> {
  const opened: Opened = { source: null, worlds: [] }
  try {
    return await work(await openContext(invocation, progress, opened))
  } finally {
    await Promise.all([opened.source?.close(), ...opened.worlds.map((world) => world.close())])
  }
}

/** What has to be closed. */
type Opened = { source: OpenedSourceRepository | null; worlds: OpenedWorld[] }

async function openContext(
  { io: { environment, cwd }, signal }: Invocation,
  progress: (event: Progress) => void,
  opened: Opened,
): Promise<Context> {
  const [{ describeWorkingCopy, openSourceRepository }, { homeAt }] = await Promise.all([
    import('../git/index.ts'),
    import('../home/index.ts'),
  ])
  const home = homeAt(environment)
  const remote = environment['TRUNKLINE_REMOTE'] || 'origin'
  const source = await openSourceRepository({
    directory: cwd,
    cacheDirectory: home.sources,
    remote,
    environment,
  }).catch((error: unknown) => {
    throw asHandedOn(error, environment)
  })
  opened.source = source
  const workingCopy = await describeWorkingCopy(source.local, environment)
  const projects = new Map<CommitId, Promise<Project>>()

  const projectAt = (commit: CommitId): Promise<Project> => {
    const known = projects.get(commit) ?? readProject({ source, workingCopy, cacheDirectory: home.projects }, commit)
    projects.set(commit, known)
    return known
  }

  /** Where state, artifacts and people are is trunk's word, as all policy is: no commit can lead its delivery elsewhere. */
  async function policyFor(commit: CommitId): Promise<Project> {
    const [recipe, { readTrunkPolicy }, { branchRef }] = await Promise.all([
      projectAt(commit),
      import('../delivery/trunk-policy.ts'),
      import('../planning/index.ts'),
    ])
    const refs = await source.recentRefs([branchRef(recipe.trunk)], signal)
    return (await readTrunkPolicy({ source, projectAt }, { recipe, recipeCommit: commit, refs, signal })).project
  }

  async function engine(commit: CommitId): Promise<Engine> {
    const [before] = opened.worlds
    if (before !== undefined) return before.engine
    return await openBy(await policyFor(commit))
  }

  async function openBy(project: Project): Promise<Engine> {
    const { openWorld } = await import('./open-world.ts')
    const world = await openWorld({ project, source, workingCopy, home, environment, projectAt, progress, signal })
    opened.worlds.push(world)
    return world.engine
  }

  return {
    source,
    workingCopy,
    home,
    engine,
    async onTrunk() {
      const commit = await anyProjectCommit(source, workingCopy, signal)
      const made = await engine(commit)
      const { openScene } = await import('../delivery/scene.ts')
      return { engine: made, scene: await openScene(made, commit, null, signal, source.recentRefs) }
    },
    async asLastSeen() {
      const { head } = workingCopy
      if (head === null) throw usageError('NO_COMMITS', 'this repository has no commits yet')
      const { trunk } = await projectAt(head)
      const commit = await source.resolve(`refs/remotes/origin/${trunk}`).catch(() => head)
      const project = await projectAt(commit)
      return { engine: opened.worlds[0]?.engine ?? (await openBy(project)), project }
    },
    revision: (text) => resolveRevision(source, text, signal),
    refEvent: (ref, commit) => findRefEvent({ source, workingCopy, environment, signal }, ref, commit),
    placeToPlan: (revision, ref) => placeToPlan({ source, workingCopy, signal }, revision, ref),
    flush: async () => (await Promise.all(opened.worlds.map(({ engine: made }) => made.world.notifier.flush()))).flat(),
  }
}
