/** Pure: what became of a Job, and of its pod where no outcome says it. */
import { conditionsOf, type KubernetesObject, nameOf, troublesOf } from '../../kubernetes-api/index.ts'
import { erroredError, type Reason, type TrunklineError } from '../../model/index.ts'

export type JobEnd = 'complete' | 'failed' | 'timed-out'

/** Null while it runs. */
export function endOf(job: KubernetesObject): JobEnd | null {
  for (const { type, status, reason } of conditionsOf(job)) {
    if (status !== 'True') continue
    if (type === 'Complete') return 'complete'
    if (type === 'Failed') return reason === 'DeadlineExceeded' ? 'timed-out' : 'failed'
  }
  return null
}

type Terminated = { exitCode?: number; reason?: string; message?: string }
type PodStatus = {
  phase?: string
  reason?: string
  message?: string
  containerStatuses?: Array<{ state?: { running?: object; terminated?: Terminated } }>
}

const statusOf = (pod: KubernetesObject): PodStatus => (pod['status'] ?? {}) as PodStatus // Of a Pod.
const terminatedOf = (pod: KubernetesObject): Terminated | undefined =>
  statusOf(pod).containerStatuses?.[0]?.state?.terminated

/** Whether its container runs or has run: only then has it anything to say. */
export const hasBegun = (pod: KubernetesObject): boolean =>
  terminatedOf(pod) !== undefined || statusOf(pod).containerStatuses?.[0]?.state?.running !== undefined

export const isOver = (pod: KubernetesObject): boolean => {
  const { phase } = statusOf(pod)
  return phase === 'Succeeded' || phase === 'Failed' || terminatedOf(pod) !== undefined
}

/** The world's fault, as a person acts on it: nothing of this is a verdict on the commit. */
export function faultOfEnd(title: string, end: JobEnd, pod: KubernetesObject | null): TrunklineError {
  const who = pod === null ? title : `${title} (${nameOf(pod)})`
  if (end === 'timed-out') {
    return erroredError('WORK_TIMED_OUT', `${who} ran past its deadline`, {
      hint: 'its own limits end commands earlier: was the node or the artifact store slow?',
    })
  }
  if (pod === null) return podLost(title)
  const { reason, message } = statusOf(pod)
  const ended = terminatedOf(pod)
  if (reason === 'Evicted') {
    return erroredError('WORK_EVICTED', `${who} was evicted: ${message ?? 'the node ran out of something'}`, {
      hint: 'say what it needs: `resources.requests` under builds.on in trunkline.yaml',
    })
  }
  if (ended?.reason === 'OOMKilled') {
    return erroredError('WORK_OUT_OF_MEMORY', `${who} was killed: it used more memory than its limit`, {
      hint: 'raise `resources.limits.memory` under builds.on in trunkline.yaml',
    })
  }
  if (ended?.reason === 'StartError' || ended?.reason === 'ContainerCannotRun') {
    return erroredError('WORK_CANNOT_START', `${who} cannot be started: ${ended.message ?? ended.reason}`, {
      hint: 'the image must have `trunkline` on its PATH: see docs/building-elsewhere.md',
    })
  }
  if (ended === undefined) return erroredError('WORK_LOST', `${who} is gone: ${message ?? reason ?? 'nobody says why'}`)
  return erroredError('WORK_LOST', `${who} ended with exit code ${ended.exitCode ?? '?'} and left no outcome`, {
    hint: 'its last lines say why: can it reach the artifact store, and is its Trunkline as new as this one?',
  })
}

const podLost = (title: string) =>
  erroredError('WORK_LOST', `${title} is gone: its pod was deleted, or its node was lost`)

export const jobLost = (title: string) => erroredError('WORK_LOST', `the Job of ${title} is gone: someone deleted it`)

/** What stands in the way of a pod that has not begun, and whether it can be waited for. */
export function hindranceOf(pod: KubernetesObject): { reasons: Reason[]; isFinal: boolean } {
  const troubles = troublesOf(pod)
  return { reasons: troubles.map(({ reason }) => reason), isFinal: troubles.some(({ isFinal }) => isFinal) }
}

export function cannotStart(title: string, reasons: readonly Reason[]): TrunklineError {
  const why = reasons.map(({ message }) => message).join('; ') || 'it has no pod yet, and nobody says why'
  const hint = reasons.find((known) => known.hint !== undefined)?.hint
  return erroredError('WORK_CANNOT_START', `${title} cannot start: ${why}`, hint === undefined ? {} : { hint })
}
