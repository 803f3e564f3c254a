/**
 * Why a workload does not get healthy, in the words a person acts on: what its newest pods wait for, how their
 * containers ended and what they said last, what the scheduler and the quota say. Reads; a thing it may not read is
 * left out.
 */

import {
  conditionsOf,
  groupOf,
  type Kind,
  type KubernetesObject,
  nameOf,
  troublesOf,
} from '../../../kubernetes-api/index.ts'
import type { ClusterSession } from '../../../kubernetes-api/session.ts'
import type { Reason } from '../../../model/index.ts'
import { reason } from '../../../model/index.ts'

export type Explanation = {
  reasons: Reason[]
  /** Last lines of a container that ended. */
  logTail: string[]
  /** Waiting longer will not help. */
  isFinal: boolean
}

const logLines = 20
const maxPods = 5
/** So old may be what is looked at. */
const freshMs = 1000
const podKind = { apiVersion: 'v1', kind: 'Pod' }
const eventKind = { apiVersion: 'v1', kind: 'Event' }

export async function explain(
  session: ClusterSession,
  workload: KubernetesObject,
  signal: AbortSignal,
  {
    isLast = true,
  }: { /** Events are asked for, which a look in between does without: they are many. */ isLast?: boolean } = {},
): Promise<Explanation> {
  const own = await ownedBy(session, workload, signal)
  const pods = newestFirst(own.filter(({ kind }) => kind === 'Pod')).slice(0, maxPods)
  const reasons: Reason[] = []
  let logTail: string[] = []
  let isFinal = false
  for (const pod of pods) {
    for (const found of troublesOf(pod)) {
      if (reasons.some(({ message }) => message === found.reason.message)) continue
      reasons.push(found.reason)
      isFinal ||= found.isFinal
      if (found.container !== null && logTail.length === 0) {
        logTail = await lastLines(session, pod, found.container, found.hasEnded, signal)
      }
    }
  }
  for (const owner of [workload, ...own.filter(({ kind }) => kind === 'ReplicaSet')]) {
    for (const { type, status, message } of conditionsOf(owner)) {
      if (type !== 'ReplicaFailure' || status !== 'True') continue
      reasons.push(
        reason(
          /exceeded quota/.test(message ?? '') ? 'quota-exceeded' : 'pods-not-made',
          `${nameOf(workload)} cannot make its pods: ${message}`,
        ),
      )
      isFinal = true
      break
    }
    if (isFinal) break
  }
  if (reasons.length === 0 && isLast) reasons.push(...(await warningsOf(session, [workload, ...own], signal)))
  return { reasons, logTail, isFinal }
}

/** Everything whose owner leads to the workload: its ReplicaSets, its pods, what a Knative Service is made of. */
async function ownedBy(
  session: ClusterSession,
  workload: KubernetesObject,
  signal: AbortSignal,
): Promise<KubernetesObject[]> {
  const namespace = workload.metadata.namespace
  const between = middleKinds(workload)
  const lists = await Promise.all([...between, podKind].map((kind) => listed(session, kind, namespace, signal)))
  const owners = new Set([workload.metadata.uid])
  const own: KubernetesObject[] = []
  for (const list of lists) {
    for (const object of newestGeneration(
      list.filter(({ metadata }) => metadata.ownerReferences?.some(({ uid }) => owners.has(uid))),
    )) {
      owners.add(object.metadata.uid)
      own.push(object)
    }
  }
  return own
}

/** Kinds between a workload and its pods, from above. */
function middleKinds({ kind, apiVersion }: Kind): Kind[] {
  const replicaSet = { apiVersion: 'apps/v1', kind: 'ReplicaSet' }
  const deployment = { apiVersion: 'apps/v1', kind: 'Deployment' }
  if (groupOf(apiVersion) === 'serving.knative.dev') {
    const serving = (name: string) => ({ apiVersion: 'serving.knative.dev/v1', kind: name })
    return [serving('Configuration'), serving('Revision'), deployment, replicaSet]
  }
  if (kind === 'Deployment') return [replicaSet]
  return kind === 'CronJob' ? [{ apiVersion: 'batch/v1', kind: 'Job' }] : []
}

/** Of a Deployment's ReplicaSets only the newest revision is what is rolled out. A Knative Service has several Deployments. */
function newestGeneration(objects: KubernetesObject[]): KubernetesObject[] {
  if (objects[0]?.kind !== 'ReplicaSet') return objects
  const revision = ({ metadata }: KubernetesObject) =>
    Number(metadata.annotations?.['deployment.kubernetes.io/revision'] ?? 0)
  const byOwner = Map.groupBy(objects, ({ metadata }) => metadata.ownerReferences?.[0]?.uid)
  return [...byOwner.values()].flatMap((own) => own.sort((left, right) => revision(right) - revision(left)).slice(0, 1))
}

/** All of a kind in one list, once for all workloads that are looked at: a watch would bring every step of every pod. */
async function listed(
  session: ClusterSession,
  kind: Kind,
  namespace: string | undefined,
  signal: AbortSignal,
): Promise<readonly KubernetesObject[]> {
  try {
    return await session.shared(`all ${kind.apiVersion} ${kind.kind} ${namespace ?? ''}`, signal, {
      forMs: freshMs,
      ask: async (limit) => {
        const resource = await session.resources.find(kind, limit)
        return (await session.list(resource, namespace === undefined ? {} : { namespace }, limit)).items
      },
    })
  } catch {
    signal.throwIfAborted()
    return []
  }
}

const newestFirst = (objects: KubernetesObject[]): KubernetesObject[] =>
  objects.sort((left, right) =>
    (right.metadata.creationTimestamp ?? '').localeCompare(left.metadata.creationTimestamp ?? ''),
  )

async function lastLines(
  session: ClusterSession,
  { metadata }: KubernetesObject,
  container: string,
  previous: boolean,
  signal: AbortSignal,
): Promise<string[]> {
  try {
    const body = await session.client.stream({
      method: 'GET',
      path: `/api/v1/namespaces/${metadata.namespace}/pods/${metadata.name}/log`,
      query: { container, tailLines: logLines, previous },
      signal: AbortSignal.any([signal, AbortSignal.timeout(5000)]),
    })
    let text = ''
    for await (const chunk of body) text += chunk
    return text
      .split('\n')
      .filter((line) => line !== '')
      .slice(-logLines)
  } catch {
    signal.throwIfAborted()
    return []
  }
}

/** What the cluster itself had to say, newest last. */
async function warningsOf(
  session: ClusterSession,
  objects: readonly KubernetesObject[],
  signal: AbortSignal,
): Promise<Reason[]> {
  const [first] = objects
  const events = first === undefined ? [] : await listed(session, eventKind, first.metadata.namespace, signal)
  const uids = new Set(objects.map(({ metadata }) => metadata.uid))
  const own = events.filter(
    (event) => event['type'] === 'Warning' && uids.has((event['involvedObject'] as { uid?: string } | undefined)?.uid),
  ) // Of an Event.
  const messages = new Set(own.map((event) => `${event['reason']}: ${event['message']}`))
  return [...messages].slice(-3).map((message) => reason('warning', message))
}
