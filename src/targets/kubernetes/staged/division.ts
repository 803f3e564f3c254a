/**
 * How the requests of a service are divided between its old and its new pods, from the two descriptions alone. Pure: it
 * makes objects, and whoever rolls out applies them. The old pods are left as they are, until the last stage has passed.
 */

import { type KubernetesObject, keyOf } from '../../../kubernetes-api/index.ts'
import type { Reason, StagedStrategy } from '../../../model/index.ts'
import { divideDeployments } from './divide-deployments.ts'
import { divideKnative, isKnativeService } from './divide-knative.ts'
import { isTemporary } from './sets.ts'
import { whyUndivided } from './why-undivided.ts'

export type Division = {
  /** Whose pods, or revisions, take requests, as they are called now. */
  old: readonly KubernetesObject[]
  /** What the pods of the new set need so that they can start, and what is not there yet. */
  early: readonly KubernetesObject[]
  /** The new set with as many pods as a share of all requests needs; `weight` is the share it has until it is ready. */
  newSet(share: number, weight: number): KubernetesObject[]
  /** What gives the new set a share; each write of them is whole by itself. */
  weigh(weight: number): KubernetesObject[]
  /** Pods of the new set and of all, where a share is only as exact as numbers of pods are. */
  counted(share: number): { next: number; all: number } | null
  /** Deleted when the rollout is over, either way. */
  temporary: readonly KubernetesObject[]
  /** Deleted when the rollout is taken back. */
  unwanted: readonly KubernetesObject[]
  /** Tells addresses: of the new set alone, and of everything. */
  addresses(live: readonly KubernetesObject[]): { preview: string | null; all: string | null }
}

export type DivisionRequest = {
  before: readonly KubernetesObject[]
  wanted: readonly KubernetesObject[]
  strategy: StagedStrategy
  /** As they stand now, by `keyOf`: of all that `takers` names. */
  live: ReadonlyMap<string, KubernetesObject>
  /** Revisions that had the requests when the rollout began, by Knative Service. */
  revisions: Readonly<Record<string, string>>
}

export function divide(request: DivisionRequest): Division | { reasons: Reason[] } {
  const wanted = request.wanted.filter((object) => !isTemporary(object))
  const reasons = whyUndivided(wanted, request.strategy)
  if (reasons.length > 0) return { reasons }
  const parts: Division[] = []
  for (const part of [divideDeployments({ ...request, wanted }), divideKnative({ ...request, wanted })]) {
    if (part === null) continue
    if ('reasons' in part) return part
    parts.push(part)
  }
  return joined(parts, earlyOf(request.before, wanted))
}

/** Kinds that take requests, or lead them, or care for those that do: they change when the last stage has passed. */
const late = new Set([
  ...['Deployment', 'CronJob', 'Service', 'Ingress', 'HTTPRoute', 'GRPCRoute', 'TCPRoute', 'TLSRoute', 'Gateway'],
  ...['VirtualService', 'DestinationRule', 'HorizontalPodAutoscaler', 'PodDisruptionBudget', 'ScaledObject'],
  ...['MutatingWebhookConfiguration', 'ValidatingWebhookConfiguration', 'APIService'],
])

/** What has not been there before: what has, the old pods still use as it is. */
function earlyOf(before: readonly KubernetesObject[], wanted: readonly KubernetesObject[]): KubernetesObject[] {
  const known = new Set(before.map(keyOf))
  return wanted.filter((object) => !late.has(object.kind) && !isKnativeService(object) && !known.has(keyOf(object)))
}

function joined(parts: readonly Division[], early: readonly KubernetesObject[]): Division {
  return {
    old: parts.flatMap(({ old }) => old),
    early,
    newSet: (share, weight) => parts.flatMap((part) => part.newSet(share, weight)),
    weigh: (weight) => parts.flatMap((part) => part.weigh(weight)),
    counted: (share) => firstOf(parts, (part) => part.counted(share)),
    temporary: parts.flatMap(({ temporary }) => temporary),
    unwanted: parts.flatMap(({ unwanted }) => unwanted),
    addresses: (live) => ({
      preview: firstOf(parts, (part) => part.addresses(live).preview),
      all: firstOf(parts, (part) => part.addresses(live).all),
    }),
  }
}

function firstOf<Value>(parts: readonly Division[], ask: (part: Division) => Value | null): Value | null {
  for (const part of parts) {
    const answer = ask(part)
    if (answer !== null) return answer
  }
  return null
}
