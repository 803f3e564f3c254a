/** Why two hashes differ: each part and each file that makes the difference, the most telling first. */
import { type PathChange, type Reason, reason, short } from '../../model/index.ts'
import { differingFiles } from './differing-files.ts'
import type { HashManifest } from './hash-manifest.ts'
import type { InputRule, SelectedInput } from './selected-input.ts'

/** How many files an explanation names before it counts the rest. */
export const maximumNamedFiles = 20

/** How deep `needs` of `needs` are told. */
const maximumDepth = 5

/** What a person looks for first: their own folder, then what they named, then what was read, then what all share. */
const ruleOrder: readonly InputRule[] = [
  'path',
  'declared',
  'npm-workspace',
  'go-package',
  'go-embed',
  'python-path',
  'dockerfile-copy',
  'tsconfig',
  'symlink',
  'go-module',
  'npm-lockfile',
  'shared',
  'prepare',
  'go-test',
]

/**
 * What differs between two hashes of the same subject, by file, input and rule; empty where they are equal.
 * `before` is null for what was not there. With the commit's `changes`, a file that was added to the repository is told
 * from one that was there before and became an input.
 */
export function explainHash(
  before: HashManifest | null,
  after: HashManifest,
  changes: readonly PathChange[] | null = null,
): Reason[] {
  return explain(before, after, changes, 0)
}

function explain(
  before: HashManifest | null,
  after: HashManifest,
  changes: readonly PathChange[] | null,
  depth: number,
): Reason[] {
  if (before === null) return [reason('new', `${after.subject} is new: nothing was recorded for it before`)]
  if (before.hash === after.hash) return []
  return [
    ...explainFiles(before.files, after.files, changes),
    ...explainParts(before, after),
    ...explainBehind(before, after, changes, depth),
  ]
}

type FileDifference = { input: SelectedInput; reason: Reason }

function explainFiles(
  before: HashManifest['files'],
  after: HashManifest['files'],
  changes: readonly PathChange[] | null,
): Reason[] {
  const differences = fileDifferences(before, after, changes)
  if (differences.length <= maximumNamedFiles) return differences.map((difference) => difference.reason)
  const rest = differences.length - maximumNamedFiles
  return [
    ...differences.slice(0, maximumNamedFiles).map((difference) => difference.reason),
    reason('more-inputs-changed', `+${rest} more inputs changed`),
  ]
}

function fileDifferences(
  before: HashManifest['files'],
  after: HashManifest['files'],
  changes: readonly PathChange[] | null,
): FileDifference[] {
  const kinds = changes === null ? null : new Map(changes.map((change) => [change.path, change.kind]))
  const differences: FileDifference[] = []
  for (const { old, input } of differingFiles(before, after)) {
    if (old === null) {
      const isNew = kinds === null || kinds.get(input.entry.path) === 'added'
      const [code, verb] = isNew ? ['input-added', 'was added'] : ['input-joined', 'became an input']
      differences.push({ input, reason: fileReason(code, verb, input) })
    } else if (input === null) {
      const isGone = kinds === null || kinds.get(old.entry.path) === 'removed'
      const [code, verb] = isGone ? ['input-removed', 'was removed'] : ['input-left', 'is no input any more']
      differences.push({ input: old, reason: fileReason(code, verb, old) })
    } else {
      const difference = changeOf(old, input)
      if (difference !== null) differences.push({ input, reason: fileReason(difference.code, difference.verb, input) })
    }
  }
  return differences.sort(
    (left, right) => ruleOrder.indexOf(left.input.rule) - ruleOrder.indexOf(right.input.rule) || byPath(left, right),
  )
}

const byPath = (left: FileDifference, right: FileDifference): number =>
  left.input.entry.path < right.input.entry.path ? -1 : 1

function changeOf(before: SelectedInput, after: SelectedInput): { code: string; verb: string } | null {
  if (before.keysDigest !== after.keysDigest) {
    return after.keys === undefined
      ? { code: 'input-changed', verb: 'counts as a whole now, not by its keys' }
      : before.keys === undefined
        ? { code: 'input-changed', verb: `counts by its keys now (${after.keys.join(', ')})` }
        : { code: 'input-changed', verb: `changed in one of the keys ${after.keys.join(', ')}` }
  }
  if (before.entry.mode !== after.entry.mode) {
    const alsoContent = after.keys === undefined && before.entry.oid !== after.entry.oid ? ', and its content' : ''
    return {
      code: 'input-mode-changed',
      verb: `changed its mode from ${before.entry.mode} to ${after.entry.mode}${alsoContent}`,
    }
  }
  if (after.keys !== undefined || before.entry.oid === after.entry.oid) return null
  const isSubmodule = after.entry.mode === 'submodule'
  const commits = `moved from ${short(before.entry.oid)} to ${short(after.entry.oid)}`
  return { code: 'input-changed', verb: isSubmodule ? commits : 'changed' }
}

function fileReason(code: string, verb: string, { entry, input, rule, because }: SelectedInput): Reason {
  const why = because === undefined ? '' : `: ${because}`
  return reason(code, `${shownPath(entry.path)} ${verb} (input ${input}, rule ${rule}${why})`, {
    file: entry.path,
    input,
    rule,
  })
}

/** A name with control characters or bytes that are no text is quoted, so that a line stays a line. */
export const shownPath = (path: string): string =>
  path.isWellFormed() && !/[\p{Cc}\u2028\u2029]/u.test(path) ? path : JSON.stringify(path)

function explainParts(before: HashManifest, after: HashManifest): Reason[] {
  const names = [...new Set([...Object.keys(after.parts), ...Object.keys(before.parts)])]
  return names.flatMap((name) => {
    const was = before.parts[name]
    const is = after.parts[name]
    if (was === is || name.startsWith('files:') || name in after.behind || name in before.behind) return []
    return [explainPart(name, was, is)]
  })
}

function explainPart(name: string, was: string | undefined, is: string | undefined): Reason {
  const [kind = name, subject = ''] = splitOnce(name)
  const change = was === undefined ? 'was added' : is === undefined ? 'was removed' : 'changed'
  const values = `from ${was ?? 'nothing'} to ${is ?? 'nothing'}`
  switch (kind) {
    case 'run':
      return reason('recipe-changed', `the command changed ${values}`)
    case 'esbuild':
      return reason('recipe-changed', `what esbuild bundles, or how, ${change}`)
    case 'artifact':
      return reason('recipe-changed', 'what goes into the artifact changed')
    case 'env':
      return reason('environment-changed', `the fixed variable ${subject} ${change}`)
    case 'pass':
      return reason('environment-changed', `the passed-through variable ${subject} ${passChange(was, is)}`)
    case 'tool':
      return reason('tool-changed', `the tool ${subject} changed ${values}`)
    case 'platform':
      return reason('platform-changed', `the platform changed ${values}`)
    case 'rebuild':
      return reason('rebuild-asked', `rebuild changed ${values}`)
    case 'packer':
      return reason(
        'packer-changed',
        `this Trunkline packs artifacts in another way (packer ${was ?? 'none'} to ${is ?? 'none'})`,
      )
    default:
      return reason('part-changed', `${name} ${change}`)
  }
}

function passChange(was: string | undefined, is: string | undefined): string {
  if (was === undefined) return 'was declared'
  if (is === undefined) return 'is not declared any more'
  if (is === 'unset') return 'is not set any more'
  return was === 'unset' ? 'is set now' : 'has another value'
}

function explainBehind(
  before: HashManifest,
  after: HashManifest,
  changes: readonly PathChange[] | null,
  depth: number,
): Reason[] {
  const names = [...new Set([...Object.keys(after.behind), ...Object.keys(before.behind)])]
  return names.flatMap((name) => {
    const was = before.behind[name] ?? null
    const is = after.behind[name] ?? null
    if (was?.hash === is?.hash) return []
    const [kind, subject = ''] = splitOnce(name)
    const what = kind === 'needs' ? `${subject}, which it is built from,` : 'prepare'
    const code = kind === 'needs' ? 'need-changed' : 'prepare-changed'
    if (was === null) return [reason(code, `${what} was added`)]
    if (is === null) return [reason(code, `${what} was removed`)]
    const [first, ...others] = depth < maximumDepth ? explain(was, is, changes, depth + 1) : []
    if (first === undefined) return [reason(code, `${what} changed`)]
    const { file, input, rule } = first
    const more = others.length === 0 ? '' : `, and ${others.length} more`
    const evidence = {
      ...(file === undefined ? {} : { file }),
      ...(input === undefined ? {} : { input }),
      ...(rule === undefined ? {} : { rule }),
    }
    return [reason(code, `${what} changed because ${first.message}${more}`, evidence)]
  })
}

function splitOnce(name: string): [string, string?] {
  const colon = name.indexOf(':')
  return colon < 0 ? [name] : [name.slice(0, colon), name.slice(colon + 1)]
}
