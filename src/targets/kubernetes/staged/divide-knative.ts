/**
 * Knative Services: requests are divided between revisions, by percentages. The new revision has a name that follows
 * from what is in it, and the tag `next`, by which it has an address of its own.
 */
import { createHash } from 'node:crypto'
import { canonicalJson } from '../../../hashing/index.ts'
import { groupOf, type KubernetesObject, keyOf, nameOf } from '../../../kubernetes-api/index.ts'
import { type Reason, reason } from '../../../model/index.ts'
import { fitting } from '../names.ts'
import type { Division, DivisionRequest } from './division.ts'

type KnativeSpec = { template?: { metadata?: { name?: string; [field: string]: unknown }; [field: string]: unknown } }
type Traffic = { revisionName?: string; percent?: number; tag?: string; url?: string; latestRevision?: boolean }
type KnativeStatus = { url?: string; traffic?: Traffic[]; latestReadyRevisionName?: string }

export const isKnativeService = ({ apiVersion, kind }: KubernetesObject): boolean =>
  kind === 'Service' && groupOf(apiVersion) === 'serving.knative.dev'

const specOf = (object: KubernetesObject): KnativeSpec => (object['spec'] ?? {}) as KnativeSpec
const statusOf = (object: KubernetesObject): KnativeStatus => (object['status'] ?? {}) as KnativeStatus

/** A Knative Service whose next revision has a name: known before it is made, and the same however often it is asked for. */
export function nameRevision(object: KubernetesObject): KubernetesObject {
  if (!isKnativeService(object)) return object
  const spec = specOf(object)
  const { metadata, ...rest } = spec.template ?? {}
  if (metadata?.name !== undefined) return object
  const digest = createHash('sha256')
    .update(canonicalJson([metadata ?? {}, rest]))
    .digest('hex')
  const name = `${fitting(object.metadata.name, 52)}-${digest.slice(0, 10)}`
  return { ...object, spec: { ...spec, template: { ...rest, metadata: { ...metadata, name } } } }
}

export const hasNamedRevision = (object: KubernetesObject): boolean =>
  isKnativeService(object) && specOf(object).template?.metadata?.name !== undefined

/** The revision that has most requests now; null where none has any. */
export function revisionServing(live: KubernetesObject): string | null {
  const { traffic = [], latestReadyRevisionName } = statusOf(live)
  const [most] = traffic
    .filter(({ percent = 0 }) => percent > 0)
    .sort((left, right) => (right.percent ?? 0) - (left.percent ?? 0))
  return most?.revisionName ?? latestReadyRevisionName ?? null
}

/** null where there are none. */
export function divideKnative({
  before,
  wanted,
  strategy,
  revisions,
}: DivisionRequest): Division | { reasons: Reason[] } | null {
  // One that stays the same revision has nothing to divide.
  const services = wanted.filter(
    (object) => isKnativeService(object) && revisions[object.metadata.name] !== revisionOf(object),
  )
  if (services.length === 0) return null
  const known = new Set(before.map(keyOf))
  const unknown = services.filter(
    (service) => !known.has(keyOf(service)) || revisions[service.metadata.name] === undefined,
  )
  if (unknown.length > 0) {
    return {
      reasons: unknown.map((service) =>
        reason(
          'cannot-be-divided',
          `${nameOf(service)} cannot be rolled out as ${strategy.kind}: it has no revision yet to share requests with`,
          { hint: 'roll it out one-at-a-time, half or all-at-once this time' },
        ),
      ),
    }
  }
  const weigh = (weight: number) =>
    services.map((service) => {
      const traffic: Traffic[] = [
        { revisionName: revisions[service.metadata.name] ?? '', percent: 100 - weight, latestRevision: false },
        { revisionName: revisionOf(service), percent: weight, tag: 'next', latestRevision: false },
      ]
      return { ...service, spec: { ...specOf(service), traffic } }
    })
  return {
    old: services,
    early: [],
    // It scales by itself: as many pods as its share of requests needs.
    newSet: (_share, weight) => weigh(weight),
    weigh,
    counted: () => null,
    temporary: [],
    unwanted: services.map((service) => ({
      apiVersion: service.apiVersion,
      kind: 'Revision',
      metadata: { name: revisionOf(service), namespace: service.metadata.namespace ?? '' },
    })),
    addresses(live) {
      const own = live.find((object) => services.some((service) => keyOf(service) === keyOf(object)))
      if (own === undefined) return { preview: null, all: null }
      const { url, traffic = [] } = statusOf(own)
      return { preview: traffic.find(({ tag }) => tag === 'next')?.url ?? null, all: url ?? null }
    },
  }
}

function revisionOf(service: KubernetesObject): string {
  const name = specOf(service).template?.metadata?.name
  if (name === undefined) throw new Error(`${nameOf(service)} has a revision without a name`)
  return name
}
