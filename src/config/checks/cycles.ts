/** Orders that go round in a circle. */
import type { PlacedMistake } from '../explain-issue.ts'
import type { Path } from '../yaml-source.ts'
import type { Check } from './check.ts'
import { outputsUsedBy } from './outputs.ts'

type Edge = { from: string; to: string; path: Path }

/** Circles in what services are built from, in what they are deployed after, and in what environments wait for. */
export const checkCycles: Check = function* ({ document }) {
  const services = Object.entries(document.services)
  const buildOrder = services.flatMap(([name, service]) => [
    ...edges(name, service.needs, ['services', name, 'needs']),
    ...(service.artifact?.kind === 'of'
      ? edges(name, [service.artifact.service], ['services', name, 'artifact', 'of'])
      : []),
  ])
  yield* cycles(buildOrder, 'what services are built from (`needs`, `artifact.of`)')

  const deployOrder = services.flatMap(([name, service]) => [
    ...edges(name, service.deployAfter, ['services', name, 'deployAfter']),
    ...outputsUsedBy(service).map((to) => ({ from: name, to, path: ['services', name, 'env'] })),
  ])
  yield* cycles(deployOrder, '`deployAfter`')

  const environmentOrder = Object.entries(document.environments).flatMap(([name, environment]) =>
    edges(name, environment.after, ['environments', name, 'after']),
  )
  yield* cycles(environmentOrder, '`after`')
}

const edges = (from: string, targets: readonly string[], path: Path): Edge[] =>
  targets.map((to, index) => ({ from, to, path: [...path, index] }))

/** One mistake for each knot of names that lead back to themselves, with a shortest circle through its first name. */
function* cycles(all: readonly Edge[], what: string): Iterable<PlacedMistake> {
  const outgoing = Map.groupBy(all, (edge) => edge.from)
  const told = new Set<string>()
  for (const start of outgoing.keys()) {
    if (told.has(start)) continue
    const circle = shortestCircle(start, outgoing)
    const first = circle?.[0]
    if (circle === null || first === undefined) continue
    for (const name of knot(start, outgoing)) told.add(name)
    const names = [start, ...circle.map((edge) => edge.to)].map((name) => `\`${name}\``)
    yield {
      path: first.path,
      mistake: { code: 'CYCLE', message: `${what} goes round in a circle: ${names.join(' → ')}` },
    }
  }
}

type Outgoing = ReadonlyMap<string, readonly Edge[]>

/** The edges of a shortest way from `start` back to it; null where there is none. */
function shortestCircle(start: string, outgoing: Outgoing): Edge[] | null {
  const reachedBy = new Map<string, Edge>()
  const queue = [start]
  for (const name of queue) {
    for (const edge of outgoing.get(name) ?? []) {
      if (edge.to === start) return wayTo(name, start, reachedBy).concat(edge)
      if (reachedBy.has(edge.to)) continue
      reachedBy.set(edge.to, edge)
      queue.push(edge.to)
    }
  }
  return null
}

function wayTo(name: string, start: string, reachedBy: ReadonlyMap<string, Edge>): Edge[] {
  const way: Edge[] = []
  let current = name
  while (current !== start) {
    const edge = reachedBy.get(current)
    if (edge === undefined) break
    way.unshift(edge)
    current = edge.from
  }
  return way
}

/** All names that lie on some circle with `start`. */
function knot(start: string, outgoing: Outgoing): Set<string> {
  const forward = reachable(start, outgoing)
  return new Set([...forward].filter((name) => reachable(name, outgoing).has(start)))
}

function reachable(start: string, outgoing: Outgoing): Set<string> {
  const reached = new Set([start])
  for (const name of reached) for (const edge of outgoing.get(name) ?? []) reached.add(edge.to)
  return reached
}
