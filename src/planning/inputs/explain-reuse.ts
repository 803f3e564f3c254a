/** Why a service with an unchanged hash is not built again, though the commit changed something. */
import { type PathChange, type Reason, reason, type ServiceName } from '../../model/index.ts'
import { shownPath } from './explain-hash.ts'
import type { SelectedFiles } from './selected-files.ts'
import type { SelectedInput, Selection } from './selected-input.ts'

/** How many files and services a sentence names. */
const maximumNamed = 3

type Use = { service: ServiceName; as: 'inputs' | 'checkInputs' | 'deployInputs'; input: SelectedInput }

const uses = ['inputs', 'checkInputs', 'deployInputs'] as const

/**
 * Answers, for a service whose input hash did not change, what the changed files are instead.
 * `previous` is the selection before the changes: it knows whose inputs the removed files were.
 */
export function createReuseExplanation(request: {
  selection: Selection
  previous: Selection | null
  changes: readonly PathChange[]
}): (service: ServiceName) => Reason[] {
  const { changes } = request
  const usesByPath = findUses(request.selection, request.previous, new Set(changes.map((change) => change.path)))
  const unused = changes.map((change) => change.path).filter((path) => !usesByPath.has(path))

  return (service) => {
    if (changes.length === 0) return [reason('nothing-changed', 'no file changed')]
    const own = (as: Use['as']): SelectedInput[] =>
      [...usesByPath.values()].flatMap((of) =>
        of.filter((use) => use.service === service && use.as === as).map((use) => use.input),
      )
    const elsewhere = [...usesByPath].filter(([, of]) => of.every((use) => use.service !== service))
    const reasons: Reason[] = []
    for (const input of own('inputs')) {
      if (input.keys === undefined) continue
      const message = `${shownPath(input.entry.path)} changed, but not in the keys that count here (${input.keys.join(', ')})`
      reasons.push(reason('keys-unchanged', message, evidenceOf(input)))
    }
    const checks = own('checkInputs')
    const [check] = checks
    if (check !== undefined) {
      const message = `no input of the build changed; ${firstOf(pathsOf(checks))} ${checks.length === 1 ? 'is' : 'are'} read by checks only`
      reasons.push(reason('check-inputs-changed', message, evidenceOf(check)))
    }
    const deploys = own('deployInputs')
    const [deploy] = deploys
    if (deploy !== undefined) {
      const message = `no input of the build changed; ${firstOf(pathsOf(deploys))} ${deploys.length === 1 ? 'says' : 'say'} how it is deployed`
      reasons.push(reason('deploy-inputs-changed', message, evidenceOf(deploy)))
    }
    reasons.push(...otherReasons(elsewhere, unused))
    return reasons
  }
}

function findUses(
  selection: Selection,
  previous: Selection | null,
  changed: ReadonlySet<string>,
): ReadonlyMap<string, Use[]> {
  const found = new Map<string, Use[]>()
  for (const one of previous === null ? [selection] : [selection, previous]) {
    const positionsIn = createPositions(changed)
    for (const [service, selected] of Object.entries(one)) {
      for (const as of uses) {
        const files = selected[as]
        for (const index of indexesOf(files, positionsIn(files))) {
          const input = files.at(index)
          const { path } = input.entry
          const known = found.get(path) ?? []
          if (!known.some((use) => use.service === service && use.as === as)) known.push({ service, as, input })
          found.set(path, known)
        }
      }
    }
  }
  return found
}

/** Where a list has the positions, in its order. Few are looked up, many are met on a walk. */
function indexesOf(files: SelectedFiles, wanted: ReadonlySet<number>): number[] {
  if (wanted.size <= fewChanges) {
    return [...wanted].map((position) => files.indexOf(position)).filter((index) => index >= 0)
  }
  const { positions } = files
  return Array.from(positions.keys()).filter((index) => wanted.has(positions[index] ?? -1))
}

const fewChanges = 64

/** Answers, for a list, the positions of changed paths in its tree, ascending; looked up once for each tree. */
function createPositions(changed: ReadonlySet<string>): (files: SelectedFiles) => ReadonlySet<number> {
  const known = new Map<SelectedFiles['tree'], ReadonlySet<number>>()
  return ({ tree }) => {
    const before = known.get(tree)
    if (before !== undefined) return before
    const positions = [...changed].map((path) => tree.find(path)).filter((position) => position >= 0)
    const sorted = new Set(positions.sort((left, right) => left - right))
    known.set(tree, sorted)
    return sorted
  }
}

function otherReasons(elsewhere: ReadonlyArray<readonly [string, Use[]]>, unused: readonly string[]): Reason[] {
  const reasons: Reason[] = []
  if (elsewhere.length > 0) {
    const paths = elsewhere.map(([path]) => path)
    const services = [...new Set(elsewhere.flatMap(([, of]) => of.map((use) => use.service)))].sort()
    const message = `no input changed; ${countOf(paths)} of other services (${firstOf(services)}): ${firstOf(paths.map(shownPath))}`
    reasons.push(reason('inputs-of-others', message, fileEvidence(paths)))
  }
  if (unused.length > 0) {
    const message = `no input changed; ${countOf(unused)} of no build: ${firstOf(unused.map(shownPath))}`
    reasons.push(reason('inputs-of-none', message, fileEvidence(unused)))
  }
  return reasons
}

const pathsOf = (inputs: readonly SelectedInput[]): string[] => inputs.map((input) => shownPath(input.entry.path))

const evidenceOf = ({ entry, input, rule }: SelectedInput) => ({ file: entry.path, input, rule })

const fileEvidence = ([file]: readonly string[]) => (file === undefined ? {} : { file })

const countOf = (paths: readonly string[]): string =>
  paths.length === 1 ? '1 changed file is input' : `${paths.length} changed files are inputs`

const firstOf = (names: readonly string[]): string =>
  names.length <= maximumNamed
    ? names.join(', ')
    : `${names.slice(0, maximumNamed).join(', ')} +${names.length - maximumNamed} more`
