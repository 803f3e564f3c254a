/**
 * Objects of one kind, kept up to date by one list and one watch however many look at them: a mirror that says when
 * something changed. A watch that breaks is taken up again where it was, or with a new list where that is forgotten.
 */
import { createInterface } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'
import { TrunklineError } from '../model/index.ts'
import type { ApiClient } from './client.ts'
import type { KubernetesObject } from './objects.ts'
import { ApiError, isGone } from './problem.ts'
import { collectionPath, type Resource } from './resources.ts'

export type Selection = { namespace?: string; labelSelector?: string; fieldSelector?: string }

export type Mirror = {
  /** After the first list. */
  ready: Promise<void>
  get(name: string, namespace?: string): KubernetesObject | undefined
  list(): Iterable<KubernetesObject>
  /** Called after each change, and when the mirror broke for good. Answers how to stop. */
  onChange(listener: (object: KubernetesObject | null) => void): () => void
  /** Why it can be kept up to date no longer. */
  readonly fault: unknown
  close(): void
}

const pageSize = 500
const watchSeconds = 280
const firstDelayMs = 200
const maxDelayMs = 5000
/** A server that has just started knows nobody's rights for a moment: what worked before is not believed to be forbidden at once. */
const believeMs = 15_000
const heldMs = 5000
/** How long a server may be away before a mirror gives up. */
const patienceMs = 120_000

export async function listAll(
  client: ApiClient,
  resource: Resource,
  { namespace, ...selectors }: Selection,
  signal: AbortSignal,
): Promise<{ items: KubernetesObject[]; resourceVersion: string }> {
  const items: KubernetesObject[] = []
  let next: string | undefined
  let resourceVersion = ''
  do {
    const page = await client.request({
      method: 'GET',
      path: collectionPath(resource, namespace),
      query: { ...selectors, limit: pageSize, ...(next === undefined ? {} : { continue: next }) },
      signal,
    })
    const { metadata, items: found } = page as {
      // What the API server promises of every list.
      metadata?: { continue?: string; resourceVersion?: string }
      items?: KubernetesObject[]
    }
    for (const item of found ?? []) items.push({ ...item, apiVersion: resource.apiVersion, kind: resource.kind })
    next = metadata?.continue || undefined
    resourceVersion = metadata?.resourceVersion ?? ''
  } while (next !== undefined)
  return { items, resourceVersion }
}

export function openMirror(client: ApiClient, resource: Resource, selection: Selection, signal: AbortSignal): Mirror {
  const closing = new AbortController()
  const until = AbortSignal.any([signal, closing.signal])
  const objects = new Map<string, KubernetesObject>()
  const listeners = new Set<(object: KubernetesObject | null) => void>()
  const tell = (object: KubernetesObject | null) => {
    for (const listener of listeners) listener(object)
  }
  let fault: unknown = null
  const ready = Promise.withResolvers<void>()
  ready.promise.catch(() => {})

  async function fill(): Promise<string> {
    const { items, resourceVersion } = await listAll(client, resource, selection, until)
    const before = new Map(objects)
    objects.clear()
    for (const item of items) objects.set(keyIn(item), item)
    for (const item of items) {
      const known = before.get(keyIn(item))
      if (known?.metadata.resourceVersion !== item.metadata.resourceVersion) tell(item)
    }
    for (const [key, item] of before) if (!objects.has(key)) tell(item)
    ready.resolve()
    return resourceVersion
  }

  async function keep(): Promise<void> {
    let from: string | null = null
    let hasListed = false
    let failures = 0
    let badSinceMs: number | null = null
    const isWell = () => {
      failures = 0
      badSinceMs = null
    }
    while (!until.aborted) {
      let watchedSinceMs: number | null = null
      try {
        from ??= await fill()
        hasListed = true
        watchedSinceMs = performance.now()
        for await (const { type, object } of watchFrom(client, resource, selection, from, until)) {
          isWell()
          from = object.metadata.resourceVersion ?? from
          if (type === 'BOOKMARK') continue
          if (type === 'DELETED') objects.delete(keyIn(object))
          else objects.set(keyIn(object), object)
          tell(object)
        }
        isWell()
      } catch (error) {
        if (until.aborted) return
        if (isGone(error)) {
          from = null
          continue
        }
        const nowMs = performance.now()
        // A watch that stood for a while was well, though nothing happened in it.
        if (watchedSinceMs !== null && nowMs - watchedSinceMs > heldMs) isWell()
        badSinceMs ??= nowMs
        const badForMs = nowMs - badSinceMs
        if ((isFinal(error) && (!hasListed || badForMs > believeMs)) || badForMs > patienceMs) throw error
        failures += 1
        await sleep(Math.min(maxDelayMs, firstDelayMs * 2 ** failures), undefined, { signal: until }).catch(() => {})
      }
    }
  }

  keep().catch((error) => {
    fault = error
    ready.reject(error)
    tell(null)
  })
  return {
    ready: ready.promise,
    get: (name, namespace) => objects.get(`${namespace ?? ''}/${name}`),
    list: () => objects.values(),
    onChange(listener) {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
    get fault() {
      return fault
    },
    close: () => closing.abort(),
  }
}

const keyIn = ({ metadata }: KubernetesObject): string => `${metadata.namespace ?? ''}/${metadata.name}`

/** Waiting does not help: the server understood, and will not. */
const isFinal = (error: unknown): boolean =>
  error instanceof ApiError
    ? error.status === 401 || error.status === 403 || error.status === 404
    : error instanceof TrunklineError && error.kind !== 'errored'

type WatchEvent = { type: 'ADDED' | 'MODIFIED' | 'DELETED' | 'BOOKMARK'; object: KubernetesObject }

async function* watchFrom(
  client: ApiClient,
  resource: Resource,
  { namespace, ...selectors }: Selection,
  resourceVersion: string,
  signal: AbortSignal,
): AsyncIterable<WatchEvent> {
  const body = await client.stream({
    method: 'GET',
    path: collectionPath(resource, namespace),
    query: { ...selectors, watch: true, allowWatchBookmarks: true, resourceVersion, timeoutSeconds: watchSeconds },
    signal,
  })
  for await (const line of createInterface({ input: body, crlfDelay: Number.POSITIVE_INFINITY })) {
    if (line === '') continue
    const event = JSON.parse(line) as WatchEvent | { type: 'ERROR'; object: { code?: number } } // As the API documents watches.
    if (event.type === 'ERROR') throw new ApiError(event.object.code ?? 500, event.object, `watch ${resource.plural}`)
    yield { ...event, object: { ...event.object, apiVersion: resource.apiVersion, kind: resource.kind } }
  }
}
