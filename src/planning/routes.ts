/** Pure: which environments a ref feeds, and what its name captures. */
import type { EnvironmentPolicy, RefName, Route } from '../model/index.ts'

export type RouteMatch = { environment: EnvironmentPolicy; route: Route; captures: Record<string, string> }

const branchPrefix = 'refs/heads/'
const tagPrefix = 'refs/tags/'

/** `main` of `refs/heads/main`; anything else stays as it is. */
export const shortRef = (ref: RefName): string =>
  ref.startsWith(branchPrefix)
    ? ref.slice(branchPrefix.length)
    : ref.startsWith(tagPrefix)
      ? ref.slice(tagPrefix.length)
      : ref

export const branchRef = (branch: string): RefName => `${branchPrefix}${branch}`
export const isTagRef = (ref: RefName): boolean => ref.startsWith(tagPrefix)

/**
 * `*` matches within one path segment (also nothing), `**` across segments, `{name}` captures one or more characters
 * of one segment, as many as it can; everything else stands for itself. Whoever may push chooses the name, so that no
 * regular expression tries it: the time is bounded by the length of the pattern times that of the name.
 */
export function matchPattern(pattern: string, name: string): Record<string, string> | null {
  const parts = partsOf(pattern)
  const letters = Array.from(name)
  if (parts.filter(({ kind }) => kind === 'letter' || kind === 'one').length > letters.length) return null
  const width = letters.length + 1
  const leads = leadingToTheEnd(parts, letters, width)
  if (leads[0] !== 1) return null

  const captures: Record<string, string> = {}
  let at = 0
  for (const [index, part] of parts.entries()) {
    const from = at
    if (part.kind === 'letter' || part.kind === 'one') at += 1
    else while (leads[index * width + at + 1] === 1 && canTake(part, letters[at])) at += 1
    if (part.capture !== null)
      captures[part.capture] = `${part.kind === 'one' ? '' : captures[part.capture]}${letters.slice(from, at).join('')}`
  }
  return captures
}

/** `one` letter of a segment; `within` any number of them; `any` number of all letters. */
type PatternPart = { kind: 'letter' | 'one' | 'within' | 'any'; letter: string | null; capture: string | null }

function partsOf(pattern: string): PatternPart[] {
  const tokens = pattern.matchAll(/\{([A-Za-z_][A-Za-z0-9_]*)\}|\*\*|\*|[\s\S]/gu)
  return [...tokens].flatMap(([token, capture = null]): PatternPart[] => {
    if (capture !== null) {
      return [
        { kind: 'one', letter: null, capture },
        { kind: 'within', letter: null, capture },
      ]
    }
    if (token === '**') return [{ kind: 'any', letter: null, capture }]
    if (token === '*') return [{ kind: 'within', letter: null, capture }]
    return [{ kind: 'letter', letter: token, capture }]
  })
}

const canTake = ({ kind, letter }: PatternPart, next: string | undefined): boolean =>
  next !== undefined && (kind === 'any' || (kind === 'letter' ? next === letter : next !== '/'))

/** For each part and each place in the name: 1 where that part and all after it match the rest of the name from there. */
function leadingToTheEnd(parts: readonly PatternPart[], letters: readonly string[], width: number): Uint8Array {
  const leads = new Uint8Array((parts.length + 1) * width)
  leads[parts.length * width + letters.length] = 1
  for (let index = parts.length - 1; index >= 0; index -= 1) {
    const part = parts[index]
    if (part === undefined) continue
    const row = index * width
    const next = row + width
    const takesOne = part.kind === 'letter' || part.kind === 'one'
    for (let at = letters.length; at >= 0; at -= 1) {
      const taken = canTake(part, letters[at]) ? (leads[(takesOne ? next : row) + at + 1] ?? 0) : 0
      leads[row + at] = takesOne ? taken : taken || (leads[next + at] ?? 0)
    }
  }
  return leads
}

/** The first route of each environment that the ref matches, in the order of configuration. */
export function matchRoutes(environments: Iterable<EnvironmentPolicy>, ref: RefName): RouteMatch[] {
  const matches: RouteMatch[] = []
  for (const environment of environments) {
    for (const route of environment.routes) {
      const prefix = route.kind === 'branch' ? branchPrefix : tagPrefix
      if (!ref.startsWith(prefix)) continue
      const captures = matchPattern(route.pattern, ref.slice(prefix.length))
      if (captures === null) continue
      matches.push({ environment, route, captures })
      break
    }
  }
  return matches
}

/** Upstream before downstream, otherwise in the given order. `after` has no cycles: the configuration was checked. */
export function inUpstreamOrder<E extends { name: string; after: readonly string[] }>(environments: readonly E[]): E[] {
  const byName = new Map(environments.map((environment) => [environment.name, environment]))
  const ordered = new Set<E>()
  const visit = (environment: E, depth: number): void => {
    if (ordered.has(environment) || depth > byName.size) return
    for (const upstream of environment.after) {
      const known = byName.get(upstream)
      if (known) visit(known, depth + 1)
    }
    ordered.add(environment)
  }
  for (const environment of environments) visit(environment, 0)
  return [...ordered]
}

/** What people call a deployment: the tag, a branch's `{version}`, else the short commit. */
export function versionOf(ref: RefName | null, captures: Record<string, string>, commit: string): string {
  if (captures['version']) return captures['version']
  if (ref !== null && isTagRef(ref)) return shortRef(ref)
  return commit.slice(0, 7)
}
