/** Weighs claims against each other: each file once, with the most telling rule, links followed, some files by their keys. */
import { sha256 } from '../../hashing/index.ts'
import { type Reason, reason } from '../../model/index.ts'
import type { Claim } from './claim.ts'
import type { CommitView } from './commit-view.ts'
import { keyedFormatOf, missingKeys, projectKeys } from './keyed-file.ts'
import { normalizePattern } from './path-pattern.ts'
import type { SelectedInput } from './selected-input.ts'
import { createLinkTargets } from './symlink-inputs.ts'

export type Gathering = {
  /**
   * The files of all claims but the excluded, sorted by path. Earlier claims win over later ones, keyed claims over
   * whole ones, unless the whole file is named literally.
   */
  gather(claims: readonly Claim[], excluded: ReadonlyArray<ReadonlySet<number>>, notes: Reason[]): SelectedInput[]
}

export function createGathering(view: CommitView): Gathering {
  const linkTarget = createLinkTargets(view)
  const keyedInput = createKeyedInputs(view)
  // One slot a tree entry, used again by each gathering: `round` tells whose it is.
  const rounds = new Int32Array(view.entries.length)
  const slots: Array<SelectedInput | undefined> = new Array(view.entries.length)
  let round = 0

  const gather: Gathering['gather'] = (claims, excluded, notes) => {
    round += 1
    const current = round
    const excluding = excluded.filter((set) => set.size > 0)
    const chosen: number[] = []
    const links = new Set<number>()

    const choose = (claim: Claim, at: number): void => {
      const position = claim.positions[at] ?? -1
      if (rounds[position] === current) {
        const earlier = slots[position]
        // A file declared as a whole, letter by letter, is whole; a folder, a glob or a rule over it is not meant so.
        if (earlier?.keys !== undefined && claim.keys === undefined && isDeclaredAsWhole(claim, position)) {
          slots[position] = wholeInput(claim, at)
        } else if (earlier?.keys !== undefined && claim.keys !== undefined) {
          slots[position] = keyedInput(claim, position, earlier.keys, notes)
        }
        return
      }
      for (const set of excluding) if (set.has(position)) return
      rounds[position] = current
      slots[position] = claim.keys === undefined ? wholeInput(claim, at) : keyedInput(claim, position, [], notes)
      chosen.push(position)
    }

    const inOrder = [
      ...claims.filter((claim) => claim.keys !== undefined),
      ...claims.filter((claim) => claim.keys === undefined),
    ]
    const chooseAll = (claim: Claim): void => {
      for (let at = 0; at < claim.positions.length; at += 1) {
        choose(claim, at)
        const position = claim.positions[at] ?? -1
        if (rounds[position] === current && view.entry(position).mode === 'symlink') links.add(position)
      }
    }
    for (const claim of inOrder) chooseAll(claim)
    // Links that are found on the way are added while the set is walked, each once, so that circles end.
    for (const link of links) {
      const { target, way, note } = linkTarget(link)
      if (note !== null) notes.push(note)
      if (way !== null) for (const at of way.positions.keys()) choose(way, at)
      if (target !== null) chooseAll(target)
    }
    const positions = Int32Array.from(chosen).sort()
    const inputs: SelectedInput[] = []
    for (const position of positions) {
      const input = slots[position]
      if (input !== undefined) inputs.push(input)
    }
    return inputs
  }

  const isDeclaredAsWhole = (claim: Claim, position: number): boolean =>
    (claim.rule === 'declared' || claim.rule === 'shared') &&
    normalizePattern(claim.input) === view.entry(position).path

  const wholeInput = (claim: Claim, at: number): SelectedInput => {
    const made = claim.made[at]
    if (made !== undefined) return made
    const { input, rule, because } = claim
    const entry = view.entry(claim.positions[at] ?? -1)
    const selected: SelectedInput = because === undefined ? { entry, input, rule } : { entry, input, rule, because }
    claim.made[at] = selected
    return selected
  }
  return { gather }
}

/** Keyed inputs carry a digest of what is left of the file; where keys cannot be read the whole file counts, and a note says so. */
function createKeyedInputs(view: CommitView) {
  return (claim: Claim, position: number, otherKeys: readonly string[], notes: Reason[]): SelectedInput => {
    const entry = view.entry(position)
    const file = entry.path
    const keys = [...new Set([...otherKeys, ...(claim.keys ?? [])])].sort()
    const { input, rule, because } = claim
    const whole: SelectedInput = because === undefined ? { entry, input, rule } : { entry, input, rule, because }
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
