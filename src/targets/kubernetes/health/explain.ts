/**
 * Why a workload does not get healthy, in the words a person acts on: what its newest pods wait for, how their
 * containers ended and what they said last, what the scheduler and the quota say. Reads; a thing it may not read is
 * left out.
 */
import type { Reason } from '../../../model/index.ts'
import { reason } from '../../../model/index.ts'
import { groupOf, type Kind, type KubernetesObject, nameOf } from '../api/index.ts'
import type { ClusterSession } from '../session.ts'
import { conditionsOf } from './health.ts'

export type Explanation = {
  reasons: Reason[]
  /** Last lines of a container that ended. */
  logTail: string[]
  /** Waiting longer will not help. */
  isFinal: boolean
}

const logLines = 20
const maxPods = 5
const podKind = { apiVersion: 'v1', kind: 'Pod' }
const eventKind = { apiVersion: 'v1', kind: 'Event' }

/** What containers wait for, in words; what ends in `true` does not pass by itself. */
const waitingReasons: Readonly<Record<string, readonly [words: string, hint: string, isFinal: boolean]>> = {
  ImagePullBackOff: [
    'its image cannot be pulled',
    'may the nodes pull from that registry (imagePullSecrets), and is `pullFrom` right?',
    true,
  ],
  ErrImagePull: [
    'its image cannot be pulled',
    'may the nodes pull from that registry (imagePullSecrets), and is `pullFrom` right?',
    false,
  ],
  InvalidImageName: ['the name of its image is not valid', 'look at what describes it', true],
  ErrImageNeverPull: ['its image is not on the node, and may not be pulled', 'look at imagePullPolicy', true],
  CrashLoopBackOff: ['it ends again and again', 'its last lines stand below', true],
  CreateContainerConfigError: ['it cannot be set up', 'a ConfigMap, a Secret or a key of it is missing', true],
  CreateContainerError: ['it cannot be made', 'look at its command and its volumes', false],
  RunContainerError: ['it cannot be started', 'look at its command', false],
}

type ContainerStatus = {
  name: string
  ready?: boolean
  restartCount?: number
  image?: string
  state?: { waiting?: { reason?: string; message?: string }; terminated?: Terminated; running?: object }
  lastState?: { terminated?: Terminated }
}
type Terminated = { exitCode?: number; signal?: number; reason?: string; message?: string }

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

type Trouble = { reason: Reason; container: string | null; hasEnded: boolean; isFinal: boolean }

/** Pure: what stands in a pod's status. */
export function troublesOf(pod: KubernetesObject): Trouble[] {
  const troubles: Trouble[] = []
  const scheduled = conditionsOf(pod).find(({ type }) => type === 'PodScheduled')
  if (scheduled?.status === 'False') {
    const message = `${nameOf(pod)} finds no node: ${scheduled.message ?? scheduled.reason ?? ''}`
    const hint = 'look at what it asks for (resources, node selector, tolerations) and at what the nodes have'
    troubles.push({
      reason: reason('unschedulable', message, { hint }),
      container: null,
      hasEnded: false,
      isFinal: false,
    })
  }
  for (const status of statusesOf(pod)) {
    const trouble = containerTrouble(pod, status)
    if (trouble !== null) troubles.push(trouble)
  }
  return troubles
}

function containerTrouble(
  pod: KubernetesObject,
  { name, state, lastState, restartCount = 0, ready, image }: ContainerStatus,
): Trouble | null {
  const who = `container ${name} of ${nameOf(pod)}`
  const ended = lastState?.terminated ?? state?.terminated
  const waiting = state?.waiting?.reason
  const known = waiting === undefined ? undefined : waitingReasons[waiting]
  if (waiting !== undefined && known !== undefined) {
    const [words, hint, isFinal] = known
    const detail =
      waiting === 'CrashLoopBackOff'
        ? `${howItEnded(ended)}, ${times(restartCount)}`
        : (state?.waiting?.message ?? image ?? '')
    const message = `${who}: ${words} (${waiting})${detail === '' ? '' : `: ${detail}`}`
    return {
      reason: reason(codeOf(waiting), message, { hint }),
      container: ended === undefined ? null : name,
      hasEnded: restartCount > 0,
      isFinal,
    }
  }
  if (ended !== undefined && (ended.exitCode ?? 0) !== 0) {
    const message = `${who} ended: ${howItEnded(ended)}`
    const hint = ended.reason === 'OOMKilled' ? 'it needs more memory than its limit' : 'its last lines stand below'
    return {
      reason: reason('container-ended', message, { hint }),
      container: name,
      hasEnded: state?.running !== undefined || restartCount > 0,
      isFinal: false,
    }
  }
  if (state?.running !== undefined && ready === false) {
    const message = `${who} runs and is not ready`
    const hint = 'its readiness probe has not succeeded: look at the path, the port, and what it waits for'
    return { reason: reason('not-ready', message, { hint }), container: name, hasEnded: false, isFinal: false }
  }
  return null
}

const codeOf = (waiting: string): string => waiting.replace(/([a-z])([A-Z])/g, '$1-$2').toLowerCase()
const times = (count: number): string => (count === 1 ? 'once' : `${count} times`)
const howItEnded = (ended: Terminated | undefined): string => {
  if (ended === undefined) return 'nobody knows how'
  const why = ended.reason === undefined || ended.reason === 'Error' ? '' : ` (${ended.reason})`
  return `${ended.signal ? `signal ${ended.signal}` : `exit code ${ended.exitCode ?? '?'}`}${why}${ended.message ? `: ${ended.message.trim()}` : ''}`
}

function statusesOf(pod: KubernetesObject): ContainerStatus[] {
  const status = pod['status'] as
    | { initContainerStatuses?: ContainerStatus[]; containerStatuses?: ContainerStatus[] }
    | undefined // Of a Pod.
  return [...(status?.initContainerStatuses ?? []), ...(status?.containerStatuses ?? [])]
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

async function listed(session: ClusterSession, kind: Kind, namespace: string | undefined, signal: AbortSignal) {
  try {
    // Events are many and nobody else wants them; the others are mirrored once for all services.
    if (kind.kind !== 'Event') return [...(await session.mirror(kind, namespace, signal)).list()]
    const resource = await session.resources.find(kind, signal)
    return (await session.list(resource, namespace === undefined ? {} : { namespace }, signal)).items
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
