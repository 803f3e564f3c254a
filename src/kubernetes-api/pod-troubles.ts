/** What keeps a pod from running, in the words a person acts on. Pure: from what stands in its status. */
import { type Reason, reason } from '../model/index.ts'
import { conditionsOf } from './conditions.ts'
import { type KubernetesObject, nameOf } from './objects.ts'

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

export type Trouble = { reason: Reason; container: string | null; hasEnded: boolean; isFinal: boolean }

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
