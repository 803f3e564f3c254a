/** Routes that no ref can ever take. */

import type { Route } from '../../model/index.ts'
import type { PlacedMistake } from '../explain-issue.ts'
import type { RouteDocument } from '../schema/route.ts'
import type { Path } from '../yaml-source.ts'
import type { Check } from './check.ts'
import { isCovered } from './route-language.ts'

type PlacedRoute = Route & { path: Path }

/** A ref takes the first route of an environment that it matches: a later one must match something else too. */
export const checkRoutes: Check = function* ({ document }) {
  for (const [name, environment] of Object.entries(document.environments)) {
    const routes = flattenRoutes(environment.on, ['environments', name, 'on'])
    for (const kind of ['branch', 'tag'] as const) yield* shadowed(routes.filter((route) => route.kind === kind))
  }
}

function* shadowed(routes: readonly PlacedRoute[]): Iterable<PlacedMistake> {
  for (const [index, { kind, pattern, path }] of routes.entries()) {
    const earlier = routes.slice(0, index).map((route) => route.pattern)
    const same = earlier.includes(pattern)
    if (!same && (earlier.length === 0 || !isCovered(pattern, earlier))) continue
    const by = same ? pattern : (earlier.find((candidate) => isCovered(pattern, [candidate])) ?? earlier.join('`, `'))
    yield {
      path,
      mistake: {
        code: 'UNREACHABLE_ROUTE',
        message: same
          ? `the route for ${kind} \`${pattern}\` stands twice: the first one takes all its refs`
          : `the route for ${kind} \`${pattern}\` is never taken: \`${by}\` before it matches the same refs`,
        hint: 'a ref takes the first route that it matches: put the narrower one first, or remove one',
      },
    }
  }
}

/** Routes in the order in which refs try them, each with its place in the document. */
export function flattenRoutes(entries: readonly RouteDocument[], path: Path = []): PlacedRoute[] {
  return entries.flatMap((entry, index) =>
    (['branch', 'tag'] as const).flatMap((kind) =>
      (entry[kind] ?? []).map((pattern, position) => ({
        kind,
        pattern,
        reachableFrom: entry.reachableFrom ?? null,
        path: [...path, index, kind, position],
      })),
    ),
  )
}
