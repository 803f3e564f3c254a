/** A whole history, commit by commit: which services each commit changes, and the hashes over their inputs. */
import { type Commit, ListedTree, type PathChange, type Project, type ServiceName } from '../../model/index.ts'
import { type FileContents, projectFile, type Selection } from '../../planning/inputs/index.ts'
import { type CommitHashes, FollowedHashes, FollowedSelection } from '../../planning/inputs/selecting.ts'
import type { HistoryStep, World } from '../../ports/index.ts'
import { hashOf, type Looking, selectAnew } from './look.ts'

/** What one commit changed. Services that are gone are not among them. */
export type LookedAt = {
  commit: Commit
  project: Project
  /** Of every service. They stay as they are, and take no memory beyond what the commit changed in them. */
  hashes: CommitHashes
  /** Services of which build, checks or deployment have other inputs than at the commit before; new ones, too. */
  changed: ServiceName[]
}

export type LookingThrough = Looking & { world: Pick<World, 'projectAt'> }

/**
 * Looks at commits of which each is the first parent of the next. A commit costs what it changes: contents are written
 * over, paths that come and go are inputs where paths like them are. One that changes what decides inputs (links, files
 * that were read for that, a path that is like no other) is selected anew, and reads only what is new to it.
 */
export async function* lookThrough(
  engine: LookingThrough,
  steps: AsyncIterable<HistoryStep>,
): AsyncGenerator<LookedAt> {
  let at: Standing | null = null
  for await (const { commit, changes } of steps) {
    const before: CommitHashes | null = at?.hashes.hashes ?? null
    const project: Project =
      at === null || changes.some(isProjectFile) ? await engine.world.projectAt(commit.id) : at.project
    if (at !== null && at.project === project) {
      const changed = await goOn(engine, at, changes)
      yield { commit, project, hashes: at.hashes.hashes, changed }
      continue
    }
    at = at === null ? await begin(engine, project, commit) : await beginAnew(engine, project, at, changes)
    const { hashes } = at.hashes
    yield { commit, project, hashes, changed: changedServices(project, before, hashes) }
  }
}

/** Where a look through a history stands: what it knows of the last commit, and goes on from. */
type Standing = {
  project: Project
  /** Objects whose content decided what is an input. */
  contents: FileContents
  selection: FollowedSelection
  hashes: FollowedHashes
}

async function begin(engine: LookingThrough, project: Project, commit: Commit): Promise<Standing> {
  const tree = ListedTree.of(await engine.world.source.tree(commit.id))
  return await standAt(engine, project, tree, new Map())
}

async function beginAnew(
  engine: LookingThrough,
  project: Project,
  { selection, contents }: Standing,
  changes: readonly PathChange[],
): Promise<Standing> {
  return await standAt(engine, project, selection.treeAfter(changes), contents)
}

async function standAt(
  engine: LookingThrough,
  project: Project,
  tree: ListedTree,
  known: Standing['contents'],
): Promise<Standing> {
  const selected = await selectAnew(engine, project, tree, known)
  const hashes = new FollowedHashes(project, hashOf(engine, project, selected.selection))
  return { project, ...following(selected, tree), hashes }
}

function following(
  { contents, selection }: { contents: FileContents; selection: Selection },
  tree: ListedTree,
): Pick<Standing, 'contents' | 'selection'> {
  // A map of its own: all that was found out over the other one goes with it.
  const kept = new Map(contents)
  return { contents: kept, selection: new FollowedSelection(selection, tree, kept) }
}

/** One commit further, with the same project; answers the services whose hashes differ, in the project's order. */
async function goOn(engine: LookingThrough, at: Standing, changes: readonly PathChange[]): Promise<ServiceName[]> {
  const touched = at.selection.follow(changes)
  if (touched === null) {
    const tree = at.selection.treeAfter(changes)
    Object.assign(at, following(await selectAnew(engine, at.project, tree, at.contents), tree))
  }
  const names = Object.keys(at.project.services)
  const changed = new Set(at.hashes.renew(at.selection, touched ?? names))
  return changed.size === 0 ? [] : names.filter((name) => changed.has(name))
}

const isProjectFile = ({ path }: PathChange): boolean => path === projectFile

function changedServices(project: Project, before: CommitHashes | null, after: CommitHashes): ServiceName[] {
  const names = Object.keys(project.services)
  if (before === null) return names
  return names.filter(
    (name) =>
      before.inputHash[name] !== after.inputHash[name] ||
      before.deployHash[name] !== after.deployHash[name] ||
      !isSameRecord(before.checkHash[name], after.checkHash[name]),
  )
}

function isSameRecord(one: Record<string, string> = {}, other: Record<string, string> = {}): boolean {
  const names = Object.keys(other)
  return names.length === Object.keys(one).length && names.every((name) => one[name] === other[name])
}
