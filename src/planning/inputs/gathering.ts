/** Weighs claims against each other: each file once, with the most telling rule, links followed, some files by their keys. */
import { sha256 } from '../../hashing/index.ts'
import { type Reason, reason } from '../../model/index.ts'
import type { Claim } from './claim.ts'
import type { CommitView } from './commit-view.ts'
import { keyedFormatOf, missingKeys, projectKeys } from './keyed-file.ts'
import { normalizePattern } from './path-pattern.ts'
import { SelectedFiles, selectedBy } from './selected-files.ts'
import type { SelectedInput } from './selected-input.ts'
import { createLinkTargets } from './symlink-inputs.ts'

export type Gathering = {
  /**
   * The files of all claims but the excluded, sorted by path. Earlier claims win over later ones, keyed claims over
   * whole ones, unless the whole file is named literally.
   */
  gather(claims: readonly Claim[], excluded: ReadonlyArray<ReadonlySet<number>>, notes: Reason[]): SelectedFiles
}

export function createGathering(view: CommitView): Gathering {
  const linkTarget = createLinkTargets(view)
  const keyedInput = createKeyedInputs(view)
  // One slot a tree entry, used again by each gathering: `rounds` tells whose it is.
  const rounds = new Int32Array(view.tree.length)
  const owners = new Int32Array(view.tree.length)
  const hasLinks = view.symlinks.length > 0
  let round = 0

  const gather: Gathering['gather'] = (given, excluded, notes) => {
    round += 1
    const current = round
    const excluding = excluded.filter((set) => set.size > 0)
    const chosen: number[] = []
    const keyed = new Map<number, SelectedInput>()
    const links = new Set<number>()
    const claims: Claim[] = []

    const choose = (claim: Claim, owner: number, position: number): void => {
      if (rounds[position] === current) {
        const earlier = keyed.get(position)
        // A file declared as a whole, letter by letter, is whole; a folder, a glob or a rule over it is not meant so.
        if (earlier?.keys !== undefined && claim.keys === undefined && isDeclaredAsWhole(claim, position)) {
          keyed.delete(position)
          owners[position] = owner
        } else if (earlier?.keys !== undefined && claim.keys !== undefined) {
          keyed.set(position, keyedInput(claim, position, earlier.keys, notes))
        }
        return
      }
      for (const set of excluding) if (set.has(position)) return
      rounds[position] = current
      owners[position] = owner
      if (claim.keys !== undefined) keyed.set(position, keyedInput(claim, position, [], notes))
      chosen.push(position)
    }

    const chooseAll = (claim: Claim): void => {
      const owner = claims.push(claim) - 1
      for (const position of claim.positions) {
        choose(claim, owner, position)
        if (hasLinks && rounds[position] === current && view.tree.modeAt(position) === 'symlink') links.add(position)
      }
    }
    for (const claim of given) if (claim.keys !== undefined) chooseAll(claim)
    for (const claim of given) if (claim.keys === undefined) chooseAll(claim)
    // Links that are found on the way are added while the set is walked, each once, so that circles end.
    for (const link of links) {
      const { target, way, note } = linkTarget(link)
      if (note !== null) notes.push(note)
      if (way !== null) {
        const owner = claims.push(way) - 1
        for (const position of way.positions) choose(way, owner, position)
      }
      if (target !== null) chooseAll(target)
    }
    const positions = Int32Array.from(chosen).sort()
    return SelectedFiles.of({
      tree: view.tree,
      positions,
      owners: positions.map((position) => owners[position] ?? -1),
      claims,
      keyed,
    })
  }

  const isDeclaredAsWhole = (claim: Claim, position: number): boolean =>
    (claim.rule === 'declared' || claim.rule === 'shared') &&
    normalizePattern(claim.input) === view.entry(position).path

  return { gather }
}

/** Keyed inputs carry a digest of what is left of the file; where keys cannot be read the whole file counts, and a note says so. */
function createKeyedInputs(view: CommitView) {
  return (claim: Claim, position: number, otherKeys: readonly string[], notes: Reason[]): SelectedInput => {
    const entry = view.entry(position)
    const file = entry.path
    const keys = [...new Set([...otherKeys, ...(claim.keys ?? [])])].sort()
    const { input } = claim
    const whole = selectedBy(claim, entry)
    const text = entry.mode === 'symlink' || entry.mode === 'submodule' ? null : view.read(file)
    if (text === null || keyedFormatOf(file) === null) {
      const message = `${file} has no keys that can be read: the whole file counts`
      notes.push(
        reason('keyed-file-unreadable', message, {
          file,
          input,
          hint: 'Keys work for dotenv, JSON, YAML and TOML files.',
        }),
      )
      return whole
    }
    try {
      const keysDigest = sha256(projectKeys(text, file, keys))
      for (const key of missingKeys(text, file, claim.keys ?? [])) {
        notes.push(reason('key-missing', `${file} has no key ${key}`, { file, input }))
      }
      return { ...whole, keys, keysDigest }
    } catch (cause) {
      const message = cause instanceof Error ? cause.message : String(cause)
      notes.push(reason('keyed-file-unreadable', `${message}; the whole file counts`, { file, input }))
      return whole
    }
  }
}
