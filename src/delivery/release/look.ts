/** One commit's inputs and hashes: carried over from what an earlier command left where that can be, else found out. */
import {
  type Commit,
  type CommitId,
  ListedTree,
  type ObjectId,
  type PathChange,
  type Project,
} from '../../model/index.ts'
import type { FileContents, InputHashes, KeptSelection, Selection } from '../../planning/inputs/index.ts'
import { carrySelection, hashInputs, packSelection, unpackSelection } from '../../planning/inputs/index.ts'
import type { Builder, SourceRepository, World } from '../../ports/index.ts'
import { loadOnce } from '../load-once.ts'

/** The part of an engine that looks at commits. */
export type Looking = {
  world: Pick<World, 'environment' | 'selections'> & {
    source: Pick<SourceRepository, 'tree' | 'has' | 'changes' | 'readBlobs'>
    builder: Pick<Builder, 'platform'>
  }
}

/** One commit with all that its tree says. */
export type Look = {
  project: Project
  tree: ListedTree
  /** Objects whose content decided what is an input. */
  contents: KeptSelection['contents']
  selection: Selection
  hashes: InputHashes
}

/** The commit that a look was carried over from, with the same project, and what lies between. */
export type Beside = { commit: CommitId; selection: Selection; changes: PathChange[] }

/** Only where something is selected anew. */
const selecting = loadOnce(() => import('../../planning/inputs/selecting.ts'))

/** So far from what is kept, the next command shall have it nearer. */
const maxCarried = 500

/** What the commit's tree says; `beside` where it was carried over from another commit. */
export async function findLook(
  engine: Looking,
  project: Project,
  commit: Commit,
): Promise<{ look: Look; beside: Beside | null }> {
  const kept = await readKept(engine, project)
  const carried = kept === null ? null : await carryOver(engine, project, kept, commit).catch(() => null)
  if (carried !== null) {
    if (carried.beside.changes.length > maxCarried) await keep(engine, commit, carried.look)
    return carried
  }
  const look = await lookAt(engine, project, commit.id)
  await keep(engine, commit, look)
  return { look, beside: null }
}

export async function lookAt(engine: Looking, project: Project, commit: CommitId): Promise<Look> {
  return await lookInto(engine, project, ListedTree.of(await engine.world.source.tree(commit)))
}

/** Selects anew. */
export async function lookInto(engine: Looking, project: Project, tree: ListedTree): Promise<Look> {
  const { contents, selection } = await selectAnew(engine, project, tree, new Map())
  return { project, tree, contents, selection, hashes: hashOf(engine, project, selection) }
}

/** Inputs, with no regard to those of another commit. Contents that are `known` are not read again. */
export async function selectAnew(
  engine: Looking,
  project: Project,
  tree: ListedTree,
  known: FileContents,
): Promise<{ contents: FileContents; selection: Selection }> {
  const { selectInputs } = await selecting()
  const contents = await readContents(engine, project, tree, known)
  return { contents, selection: selectInputs(project, tree, contents) }
}

export function hashOf({ world }: Looking, project: Project, selection: Selection, like?: InputHashes): InputHashes {
  const { builder, environment } = world
  const request = { project, selection, platform: builder.platform, environmentValues: environment }
  return hashInputs(like === undefined ? request : { ...request, like })
}

async function carryOver(
  engine: Looking,
  project: Project,
  kept: KeptSelection,
  commit: Commit,
): Promise<{ look: Look; beside: Beside } | null> {
  const { source } = engine.world
  const isSame = kept.treeId === commit.tree
  if (!isSame && !(await source.has(kept.commit))) return null
  const changes = isSame ? [] : await source.changes(kept.commit, commit.id)
  const { contents } = kept
  const tree = isSame ? kept.tree : kept.tree.after(changes)
  const selection = isSame ? kept.selection : carrySelection(kept.selection, { tree, changes, contents })
  if (selection === null) return null
  return {
    look: { project, tree, contents, selection, hashes: hashOf(engine, project, selection) },
    beside: { commit: kept.commit, selection: kept.selection, changes },
  }
}

/** The few files whose content decides what is an input, batch by batch: what one names is read in the next. */
async function readContents(
  engine: Looking,
  project: Project,
  tree: ListedTree,
  known: FileContents,
): Promise<FileContents> {
  const { filesToRead, maximumReadRounds } = await selecting()
  const contents = new Map<ObjectId, Uint8Array>()
  for (let round = 0; round < maximumReadRounds; round++) {
    const wanted = filesToRead(project, tree, contents)
    if (wanted.length === 0) break
    const sizeBefore = contents.size
    const missing: ObjectId[] = []
    for (const { oid } of wanted) {
      const bytes = known.get(oid)
      if (bytes === undefined) missing.push(oid)
      else contents.set(oid, bytes)
    }
    if (missing.length > 0) {
      for (const [oid, bytes] of await engine.world.source.readBlobs(missing)) contents.set(oid, bytes)
    }
    if (contents.size === sizeBefore) break
  }
  return contents
}

async function readKept({ world }: Looking, project: Project): Promise<KeptSelection | null> {
  const bytes = (await world.selections?.read(keyOf(project))) ?? null
  return bytes === null ? null : unpackSelection(bytes)
}

async function keep({ world }: Looking, commit: Commit, look: Look): Promise<void> {
  if (world.selections === undefined || !isCertain(look.selection)) return
  const { tree, contents, selection } = look
  await world.selections.write(
    keyOf(look.project),
    packSelection({ commit: commit.id, treeId: commit.tree, tree, contents, selection }),
  )
}

/** Where files could not be read, another try may know more. */
const isCertain = (selection: Selection): boolean =>
  Object.values(selection).every(({ notes }) => notes.every(({ code }) => code !== 'inference-incomplete'))

/** All that a selection rests on besides the tree. */
const keyOf = ({ services, shared, prepare, environments }: Project): string =>
  JSON.stringify({ services, shared, prepare, environments })
