/** A selection that goes along with a history: a commit costs what it changes. It knows the digests of its lists alone. */
import type { ListedTree, PathChange, ServiceName, TreeEntry } from '../../model/index.ts'
import type { KnownContents } from './carry-selection.ts'
import { FollowedFiles } from './followed-files.ts'
import { createLikePaths, type LikePaths } from './like-paths.ts'
import { projectFile } from './project-file.ts'
import type { SelectedFiles } from './selected-files.ts'
import type { Selection, ServiceInputs } from './selected-input.ts'
import { treeIndexOf } from './tree-index.ts'

/** More paths that come and go than this are selected anew: each is looked for in every list. */
const maxMoved = 200

type ListName = Exclude<keyof ServiceInputs, 'notes'>
type FollowedInputs = Record<ListName, FollowedFiles>

/** A path that comes, and where one is that it is like. null: it is no input. */
type Coming = { position: number; like: number | null }

export class FollowedSelection {
  /** Nobody else's: its lines are written over. */
  #tree: ListedTree
  readonly #contents: KnownContents
  readonly #likePaths: LikePaths
  readonly #services: ReadonlyMap<ServiceName, FollowedInputs>
  /** Lists, and the services that have them: an artifact's owner shares one, and all share that of `prepare`. */
  readonly #lists: ReadonlyMap<FollowedFiles, readonly ServiceName[]>

  /** `selection` was made of `tree`, and what was read for that is in `contents`. */
  constructor(selection: Selection, tree: ListedTree, contents: KnownContents) {
    this.#tree = tree.copy()
    this.#contents = contents
    this.#likePaths = createLikePaths(treeIndexOf(tree).asked())
    const followed = new Map<SelectedFiles, FollowedFiles>()
    const lists = new Map<FollowedFiles, ServiceName[]>()
    const follow = (service: ServiceName, files: SelectedFiles): FollowedFiles => {
      const list = followed.get(files) ?? new FollowedFiles(files)
      followed.set(files, list)
      const services = lists.get(list)
      if (services === undefined) lists.set(list, [service])
      else services.push(service)
      return list
    }
    this.#services = new Map(
      Object.entries(selection).map(([service, { inputs, checkInputs, deployInputs, prepare }]) => [
        service,
        {
          inputs: follow(service, inputs),
          checkInputs: follow(service, checkInputs),
          deployInputs: follow(service, deployInputs),
          prepare: follow(service, prepare),
        },
      ]),
    )
    this.#lists = lists
  }

  /** Digest of one of a service's lists, as it is now. */
  digest(service: ServiceName, list: ListName): string {
    const inputs = this.#services.get(service)
    if (inputs === undefined) throw new Error(`no inputs were selected for ${service}`)
    return inputs[list].digest(this.#tree)
  }

  /**
   * Goes on by one commit of the same project; answers the services of which a list may have changed. null where the
   * commit may have changed what is an input: then `treeAfter` it is to be selected anew, and this is of no more use.
   */
  follow(changes: readonly PathChange[]): ReadonlySet<ServiceName> | null {
    if (changes.some((change) => this.#decidesInputs(change))) return null
    const stays = ({ from, to }: PathChange) => from !== null && to !== null
    const moved = changes.filter((change) => !stays(change))
    if (moved.length > maxMoved) return null
    const touched = new Set<ServiceName>()
    // First what stays in its place: positions are those of the tree before.
    this.#rewrite(changes.filter(stays), touched)
    return moved.length === 0 || this.#move(moved, new Set(changes.map(({ path }) => path)), touched) ? touched : null
  }

  /** The tree that `changes` make of where this stands. */
  treeAfter(changes: readonly PathChange[]): ListedTree {
    return this.#tree.after(changes)
  }

  /** Links decide what is an input, and so does the text of files that were read for that. */
  #decidesInputs({ path, from, to }: PathChange): boolean {
    const isHarmless = (entry: TreeEntry | null) =>
      entry === null || ((entry.mode === 'file' || entry.mode === 'executable') && !this.#contents.has(entry.oid))
    return path === projectFile || !isHarmless(from) || !isHarmless(to)
  }

  #rewrite(changes: readonly PathChange[], touched: Set<ServiceName>): void {
    if (changes.length === 0) return
    this.#tree.overwrite(changes)
    const positions = changes.map(({ path }) => this.#tree.find(path)).sort((left, right) => left - right)
    for (const [files, services] of this.#lists) {
      if (!files.hasAny(positions)) continue
      files.forgetDigest()
      for (const service of services) touched.add(service)
    }
  }

  /** Whether every path that comes or goes is like one that stays. */
  #move(changes: readonly PathChange[], changed: ReadonlySet<string>, touched: Set<ServiceName>): boolean {
    const before = this.#tree
    const after = before.after(changes)
    const gone: number[] = []
    const coming: Coming[] = []
    for (const { path, to } of changes) {
      const tree = to === null ? before : after
      const position = tree.find(path)
      const like = this.#likePaths.find({ tree, position, path }, before, (at) => isSteady(before, at, changed))
      if (like === null) return false
      if (to === null) gone.push(position)
      else coming.push({ position, like: like === 'nothing' ? null : like })
    }
    // From the last one that goes to the first, then from the first that comes: so each is where it says.
    gone.sort((left, right) => right - left)
    coming.sort((left, right) => left.position - right.position)
    for (const [files, services] of this.#lists) {
      if (moveIn(files, gone, coming)) for (const service of services) touched.add(service)
    }
    this.#tree = after
    return true
  }
}

/** Whether one of the paths is in the list, or was. */
function moveIn(files: FollowedFiles, gone: readonly number[], coming: readonly Coming[]): boolean {
  const isMember = coming.map(({ like }) => like !== null && files.has(like))
  const isTouched = isMember.includes(true) || gone.some((position) => files.has(position))
  for (const position of gone) files.remove(position)
  for (const [at, { position }] of coming.entries()) files.insert(position, isMember[at] === true)
  return isTouched
}

const isSteady = (tree: ListedTree, position: number, changed: ReadonlySet<string>): boolean => {
  const mode = tree.modeAt(position)
  return (mode === 'file' || mode === 'executable') && !changed.has(tree.pathAt(position))
}
