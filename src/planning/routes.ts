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
 * of one segment; everything else stands for itself.
 */
export function matchPattern(pattern: string, name: string): Record<string, string> | null {
  const names: string[] = []
  const source = pattern.replace(
    /\{([A-Za-z_][A-Za-z0-9_]*)\}|\*\*|\*|[\\^$.*+?()[\]{}|]/g,
    (token, capture?: string) => {
      if (capture !== undefined) {
        names.push(capture)
        return '([^/]+)'
      }
      if (token === '**') return '.*'
      if (token === '*') return '[^/]*'
      return `\\${token}`
    },
  )
  const match = new RegExp(`^${source}$`, 'su').exec(name)
  if (match === null) return null
  return Object.fromEntries(names.map((capture, index) => [capture, match[index + 1] ?? '']))
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
