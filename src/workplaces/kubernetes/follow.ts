/** From the start of a Job to its end, with its output on the way. */
import { setTimeout as sleep } from 'node:timers/promises'
import type { KubernetesObject } from '../../kubernetes-api/index.ts'
import type { ClusterSession } from '../../kubernetes-api/session.ts'
import type { TrunklineError } from '../../model/index.ts'
import { cannotStart, endOf, faultOfEnd, hasBegun, hindranceOf, isOver, jobLost } from './how-it-ended.ts'
import type { Mirrors } from './mirrors.ts'
import { followOutput } from './output.ts'

export type FollowedJob = {
  session: ClusterSession
  mirrors: Mirrors
  job: KubernetesObject
  title: string
  startTimeoutMs: number
  log(line: string): void
  signal: AbortSignal
}

/** What cannot get better does not by waiting for the whole time; a moment it gets, as a Secret may come late. */
const believeMs = 15_000
/** Of a Job that was made and is not seen yet. */
const unseenMs = 30_000
const lookMs = 1000
/** After the end of a Job: for the last of its output. */
const lastWordsMs = 5000

/** Answers what to throw where the run left no outcome. Errored `WORK_CANNOT_START` where it never begins. */
export async function followJob(followed: FollowedJob): Promise<TrunklineError> {
  const { mirrors, job, title, signal } = followed
  const talking = new AbortController()
  const watch = createPatience(followed)
  let output: Promise<void> | null = null
  let lastPod: KubernetesObject | null = null
  try {
    for (;;) {
      signal.throwIfAborted()
      const now = mirrors.job(job.metadata.name)
      const isThere = now?.metadata.uid === job.metadata.uid
      if (now === null || !isThere) {
        if (watch.isGone()) return jobLost(title)
      } else {
        watch.seen()
        lastPod = mirrors.podOf(job) ?? lastPod
        if (lastPod !== null && hasBegun(lastPod)) {
          output ??= listen(followed, lastPod, AbortSignal.any([signal, talking.signal]))
        }
        const end = endOf(now)
        if (end !== null) {
          await Promise.race([output, sleep(lastWordsMs, undefined, { signal: talking.signal }).catch(() => {})])
          return faultOfEnd(title, end, mirrors.podOf(job))
        }
        watch.begins(mirrors.podOf(job))
      }
      await mirrors.change(lookMs, signal)
    }
  } finally {
    talking.abort()
  }
}

function listen({ session, mirrors, job, log }: FollowedJob, pod: KubernetesObject, signal: AbortSignal) {
  const isOverNow = () => {
    const now = mirrors.podOf(job)
    return now === null || isOver(now)
  }
  const { namespace = '', name } = pod.metadata
  return followOutput(session, { namespace, pod: name, isOver: isOverNow, log, signal })
}

/** How long something may be missing, or in the way. */
function createPatience({ title, startTimeoutMs }: FollowedJob) {
  const since = performance.now()
  let hasBeenSeen = false
  let hopelessSince: number | null = null
  return {
    seen() {
      hasBeenSeen = true
    },
    isGone: () => hasBeenSeen || performance.now() - since > unseenMs,
    /** Errored `WORK_CANNOT_START` where it has been waited for long enough. */
    begins(pod: KubernetesObject | null): void {
      if (pod !== null && (hasBegun(pod) || isOver(pod))) return
      const { reasons, isFinal } = pod === null ? { reasons: [], isFinal: false } : hindranceOf(pod)
      const now = performance.now()
      hopelessSince = isFinal ? (hopelessSince ?? now) : null
      const isHopeless = hopelessSince !== null && now - hopelessSince > believeMs
      if (isHopeless || now - since > startTimeoutMs) throw cannotStart(title, reasons)
    },
  }
}
