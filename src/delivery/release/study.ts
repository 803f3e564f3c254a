/** What a commit's tree says: the inputs of every service, the hashes over them, and why they differ from before. */
import type {
  Commit,
  CommitId,
  EnvironmentName,
  InputHash,
  ListedTree,
  ObjectId,
  PathChange,
  Project,
  Reason,
  ServiceName,
  TreeEntry,
} from '../../model/index.ts'
import type { InputHashes, Selection } from '../../planning/inputs/index.ts'
import { carrySelection, createReuseExplanation, explainHash, projectFile } from '../../planning/inputs/index.ts'
import type { PrepareRequest } from '../../ports/index.ts'
import type { Engine } from '../engine.ts'
import { type Beside, findLook, hashOf, type Look, lookAt, lookInto } from './look.ts'

export type Study = {
  commit: Commit
  project: Project
  selection: Selection
  hashes: InputHashes
  inputHashes: Record<ServiceName, InputHash>
  checkHashes: Record<ServiceName, Record<string, InputHash>>
  prepare: PrepareRequest | null
  parts: {
    deployInputs: Record<ServiceName, Record<string, ObjectId>>
    overlays: Record<EnvironmentName, Record<string, ObjectId>>
  }
  /** Per service, what differs from the commit compared with, or why nothing does; empty where there was none. */
  changes: Record<ServiceName, Reason[]>
  /** The commit compared with. */
  comparedWith: CommitId | null
}

export type StudyOptions = {
  /** Compares with an earlier commit, so that reasons can name the file. */
  explain: boolean
  /** Which one; default: the first parent. */
  against?: CommitId | null
}

export async function studyCommit(
  engine: Engine,
  project: Project,
  commit: Commit,
  options: StudyOptions,
): Promise<Study> {
  const { look, beside } = await findLook(engine, project, commit)
  const { selection, hashes } = look
  const study: Study = {
    commit,
    project,
    selection,
    hashes,
    inputHashes: hashes.inputHash,
    checkHashes: hashes.checkHash,
    prepare: prepareRequest(project, selection, hashes),
    parts: {
      deployInputs: Object.fromEntries(
        Object.entries(selection).map(([name, inputs]) => [
          name,
          objectIds(inputs.deployInputs.map((selected) => selected.entry)),
        ]),
      ),
      overlays: await overlaysOf(project, look.tree),
    },
    changes: {},
    comparedWith: null,
  }
  return options.explain ? await explained(engine, study, look, beside, options.against) : study
}

async function overlaysOf(project: Project, tree: ListedTree): Promise<Study['parts']['overlays']> {
  const environments = Object.values(project.environments)
  // Most projects have none, and nothing has to be loaded to say so.
  if (environments.every(({ recipe }) => recipe.deployInputs.length === 0)) {
    return Object.fromEntries(environments.map(({ name }) => [name, {}]))
  }
  const { selectOverlays } = await import('../../planning/inputs/selecting.ts')
  return Object.fromEntries(
    Object.entries(selectOverlays(project, tree)).map(([name, entries]) => [name, objectIds(entries)]),
  )
}

const objectIds = (entries: readonly TreeEntry[]): Record<string, ObjectId> =>
  Object.fromEntries(entries.map((entry) => [entry.path, entry.oid]))

/**
 * The commit that `changes` lead back to. Mostly a few files have other contents: then what was found out about the
 * later commit holds for it, too.
 */
async function lookBack(engine: Engine, later: Look, before: CommitId, changes: readonly PathChange[]): Promise<Look> {
  if (changes.some((change) => change.path === projectFile)) {
    return await lookAt(engine, await engine.world.projectAt(before), before)
  }
  const { project, contents } = later
  const back = changes.map((change): PathChange => ({ ...change, from: change.to, to: change.from }))
  const tree = later.tree.after(back)
  const selection = carrySelection(later.selection, { tree, changes: back, contents })
  if (selection === null) return await lookInto(engine, project, tree)
  return { project, tree, contents, selection, hashes: hashOf(engine, project, selection, later.hashes) }
}

/** Compares with an earlier commit where it is at hand; a missing or unreadable one only means fewer words. */
async function explained(
  engine: Engine,
  study: Study,
  look: Look,
  beside: Beside | null,
  against: CommitId | null | undefined,
): Promise<Study> {
  const before = against ?? study.commit.parents[0] ?? null
  if (before === null || before === study.commit.id || !(await engine.world.source.has(before))) return study
  const isBeside = beside?.commit === before
  const changes = isBeside ? beside.changes : await engine.world.source.changes(before, study.commit.id)
  const earlier = isBeside
    ? { selection: beside.selection, hashes: hashOf(engine, study.project, beside.selection, look.hashes) }
    : await lookBack(engine, look, before, changes).catch(() => null)
  const reuse = createReuseExplanation({ selection: study.selection, previous: earlier?.selection ?? null, changes })
  const told: Record<ServiceName, Reason[]> = {}
  for (const [name, hashed] of Object.entries(study.hashes.services)) {
    const old = earlier?.hashes.services[name]?.build ?? null
    const isSame = old !== null && old.hash === hashed.build.hash
    told[name] = isSame ? reuse(name) : earlier === null ? [] : explainHash(old, hashed.build, changes)
  }
  return { ...study, changes: told, comparedWith: before }
}

function prepareRequest(project: Project, selection: Selection, hashes: InputHashes): PrepareRequest | null {
  if (project.prepare === null || hashes.prepareHash === null) return null
  const files = Object.values(selection)[0]?.prepare
  return { ...project.prepare, hash: hashes.prepareHash, files: files?.map(({ entry }) => entry) ?? [] }
}

/** What a checkout of this commit needs before a command can run in it. */
export async function prepareOf(engine: Engine, commit: CommitId): Promise<PrepareRequest | null> {
  const project = await engine.world.projectAt(commit)
  if (project.prepare === null) return null
  const { selection, hashes } = (await findLook(engine, project, await engine.world.source.commit(commit))).look
  return prepareRequest(project, selection, hashes)
}
