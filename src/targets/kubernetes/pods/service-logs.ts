/** What the pods of a service say, in one stream. */

import type { KubernetesObject } from '../../../kubernetes-api/index.ts'
import { readPodLog } from '../../../kubernetes-api/pod-log.ts'
import type { ClusterSession } from '../../../kubernetes-api/session.ts'
import type { LogLine, LogQuery } from '../../../ports/index.ts'
import { allObjects, readInventory } from '../inventory.ts'
import type { Place } from '../names.ts'

const podKind = { apiVersion: 'v1', kind: 'Pod' }

export async function* serviceLogs(
  session: ClusterSession,
  place: Place,
  { service, lines, follow }: LogQuery,
  signal: AbortSignal,
): AsyncIterable<LogLine> {
  const inventory = await readInventory(session, place, service, signal)
  const shown = inventory.pending ?? inventory.settled
  const objects = shown === null ? [] : allObjects(shown)
  const containers = await containersOf(session, place, objects, signal)
  const streams = containers.map(({ pod, container, isOnly }) =>
    linesOf(session, place, { pod, container, instance: isOnly ? pod : `${pod}/${container}`, lines, follow }, signal),
  )
  yield* follow ? asTheyCome(streams) : inOrder(streams, lines)
}

type Source = { pod: string; container: string; instance: string; lines: number; follow: boolean }

async function* linesOf(
  session: ClusterSession,
  place: Place,
  source: Source,
  signal: AbortSignal,
): AsyncIterable<LogLine> {
  const { pod, container, instance, lines, follow } = source
  const query = { namespace: place.namespace, pod, container, lines, follow, signal }
  for await (const { at, text } of readPodLog(session, query)) yield { at, instance, stream: 'stdout', text }
}

/** By the selectors of what was applied: descriptions need no labels of ours on their pods. */
async function containersOf(
  session: ClusterSession,
  place: Place,
  objects: readonly KubernetesObject[],
  signal: AbortSignal,
) {
  const resource = await session.resources.find(podKind, signal)
  const selectors = objects.flatMap(selectorOf)
  const lists = await Promise.all(
    selectors.map((labelSelector) => session.list(resource, { namespace: place.namespace, labelSelector }, signal)),
  )
  return lists
    .flatMap(({ items }) => items)
    .flatMap((pod) => {
      const spec = pod['spec'] as { containers?: Array<{ name: string }> } | undefined // Of a Pod.
      const names = (spec?.containers ?? []).map(({ name }) => name)
      return names.map((container) => ({ pod: pod.metadata.name, container, isOnly: names.length === 1 }))
    })
}

function selectorOf({ apiVersion, kind, metadata, ...object }: KubernetesObject): string[] {
  if (apiVersion.startsWith('serving.knative.dev/')) return [`serving.knative.dev/service=${metadata.name}`]
  if (!['Deployment', 'StatefulSet', 'DaemonSet', 'ReplicaSet'].includes(kind)) return []
  const spec = object['spec'] as { selector?: { matchLabels?: Record<string, string> } } | undefined // Of these kinds.
  const labels = Object.entries(spec?.selector?.matchLabels ?? {})
  return labels.length === 0 ? [] : [labels.map(([name, value]) => `${name}=${value}`).join(',')]
}

async function* inOrder(streams: ReadonlyArray<AsyncIterable<LogLine>>, lines: number): AsyncIterable<LogLine> {
  const all = await Promise.all(streams.map(collected))
  yield* all
    .flat()
    .sort((left, right) => left.at.localeCompare(right.at))
    .slice(-lines)
}

async function collected(stream: AsyncIterable<LogLine>): Promise<LogLine[]> {
  const lines: LogLine[] = []
  for await (const line of stream) lines.push(line)
  return lines
}

async function* asTheyCome(streams: ReadonlyArray<AsyncIterable<LogLine>>): AsyncIterable<LogLine> {
  const iterators = streams.map((stream) => stream[Symbol.asyncIterator]())
  const next = (index: number) => iterators[index]?.next().then((result) => ({ index, result }))
  const waiting = new Map(iterators.map((_, index) => [index, next(index)]))
  try {
    while (waiting.size > 0) {
      const first = await Promise.race(waiting.values())
      if (first === undefined) return
      if (first.result.done) waiting.delete(first.index)
      else {
        waiting.set(first.index, next(first.index))
        yield first.result.value
      }
    }
  } finally {
    await Promise.allSettled(iterators.map((iterator) => iterator.return?.()))
  }
}
