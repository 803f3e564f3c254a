/** Waits until objects are healthy, or it is clear that they will not be: told why, and what their containers said. */
import { setTimeout as sleep } from 'node:timers/promises'
import { type KubernetesObject, keyOf, type Mirror, nameOf } from '../../../kubernetes-api/index.ts'
import type { ClusterSession } from '../../../kubernetes-api/session.ts'
import type { Reason } from '../../../model/index.ts'
import { reason } from '../../../model/index.ts'
import { type Explanation, explain } from '../health/explain.ts'
import { type Health, healthOf, isStill, podsOf } from '../health/health.ts'

export type Wait = {
  objects: readonly KubernetesObject[]
  timeoutMs: number
  signal: AbortSignal
  report(update: { ready: number; desired: number; old: number }): void
}

export type Waited = { ok: true } | { ok: false; reasons: Reason[]; logTail: string[] }

/** A trouble that does not pass is believed after this: pods of a node that is just starting look like it, too. */
const believeMs = 4000
const lookEveryMs = 1000
/** What moves has no trouble: only workloads that have stood still for so long are looked into, and others now and then. */
const stillMs = 2500
const lookAnywayMs = 5000
const settleMs = 20

type Watched = { object: KubernetesObject; mirror: Mirror }
type Seen = { object: KubernetesObject; live: KubernetesObject | null; health: Health }

export async function awaitHealth(session: ClusterSession, wait: Wait): Promise<Waited> {
  const { signal } = wait
  const watched = await Promise.all(
    wait.objects
      .filter((object) => !isSettled(object))
      .map(
        async (object): Promise<Watched> => ({
          object,
          mirror: await session.mirror(object, object.metadata.namespace, signal),
        }),
      ),
  )
  const deadline = performance.now() + wait.timeoutMs
  const troubles = troubleWatch(session, signal)
  for (;;) {
    signal.throwIfAborted()
    const broken = watched.find(({ mirror }) => mirror.fault !== null)
    if (broken !== undefined) throw broken.mirror.fault
    const seen = watched.map(look)
    wait.report(podsAltogether(seen.map(({ live }) => live)))
    const unhealthy = seen.filter(({ health }) => health.state !== 'healthy')
    if (unhealthy.length === 0) return { ok: true }
    const isLate = performance.now() > deadline
    const found = await troubles.look(unhealthy, isLate)
    if (found.isBelieved || isLate) {
      const { explanations } = isLate ? found : await troubles.look(unhealthy, true)
      return unwell(unhealthy, explanations, isLate ? wait.timeoutMs : null)
    }
    await changeIn(watched, lookEveryMs, signal)
  }
}

/** The server has just answered with it, and there is nothing in it to wait for. */
const isSettled = (object: KubernetesObject): boolean => object.metadata.uid !== undefined && isStill(object)

/** Looks into pods from time to time: what stands there is believed when it stays. */
function troubleWatch(session: ClusterSession, signal: AbortSignal) {
  let lookedMs = performance.now()
  let movedMs = lookedMs
  let versions = ''
  let finalSince: number | null = null
  let explanations: Explanation[] = []
  return {
    async look(unhealthy: readonly Seen[], isLast: boolean) {
      const nowMs = performance.now()
      const seen = unhealthy.map(({ live }) => live?.metadata.resourceVersion).join()
      if (seen !== versions) movedMs = nowMs
      versions = seen
      const isStanding = nowMs - movedMs >= stillMs
      const isDue = nowMs - lookedMs >= (isStanding || finalSince !== null ? lookEveryMs : lookAnywayMs)
      if (isDue || isLast) {
        lookedMs = performance.now()
        const workloads = unhealthy.flatMap(({ live }) => (live === null || podsOf(live) === null ? [] : [live]))
        explanations = await Promise.all(workloads.map((live) => explain(session, live, signal, { isLast })))
      }
      const isFinal =
        explanations.some((known) => known.isFinal) || unhealthy.some(({ health }) => health.state === 'failed')
      finalSince = isFinal ? (finalSince ?? performance.now()) : null
      return { explanations, isBelieved: finalSince !== null && performance.now() - finalSince >= believeMs }
    },
  }
}

function unwell(unhealthy: readonly Seen[], explanations: readonly Explanation[], afterMs: number | null): Waited {
  const within = afterMs === null ? '' : ` within ${Math.round(afterMs / 1000)} s`
  return {
    ok: false,
    reasons: [
      ...unhealthy.map(({ object, health }) =>
        reason(
          afterMs === null ? 'not-healthy' : 'timed-out',
          `${nameOf(object)} did not get healthy${within}${health.state === 'healthy' ? '' : `: ${health.message}`}`,
        ),
      ),
      ...explanations.flatMap((found) => found.reasons),
    ],
    logTail: explanations.flatMap((found) => found.logTail).slice(-40),
  }
}

/** An object that the mirror has not caught up with yet is as it was applied: not looked at. */
function look({ object: applied, mirror }: Watched): Seen {
  const live = mirror.get(applied.metadata.name, applied.metadata.namespace) ?? null
  if (live === null) return { object: applied, live, health: { state: 'progressing', message: 'it is not there' } }
  const isBehind = (live.metadata.generation ?? 0) < (applied.metadata.generation ?? 0)
  const health = isBehind
    ? ({ state: 'progressing', message: 'the change has not been seen yet' } as const)
    : healthOf(live)
  return { object: applied, live, health }
}

function podsAltogether(objects: ReadonlyArray<KubernetesObject | null>) {
  const total = { ready: 0, desired: 0, old: 0 }
  for (const object of objects) {
    const pods = object === null ? null : podsOf(object)
    if (pods === null) continue
    total.ready += pods.ready
    total.desired += pods.desired
    total.old += pods.old
  }
  return total
}

/** Until one of the objects changed, or time is up. */
async function changeIn(watched: readonly Watched[], timeoutMs: number, signal: AbortSignal): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>()
  const keys = new Set(watched.map(({ object }) => keyOf(object)))
  const stops = [...new Set(watched.map(({ mirror }) => mirror))].map((mirror) =>
    mirror.onChange((object) => {
      if (object === null || keys.has(keyOf(object))) resolve()
    }),
  )
  const timer = setTimeout(resolve, timeoutMs)
  const abort = () => resolve()
  signal.addEventListener('abort', abort, { once: true })
  try {
    await promise
    // What changes together is looked at together.
    await sleep(settleMs)
  } finally {
    clearTimeout(timer)
    signal.removeEventListener('abort', abort)
    for (const stop of stops) stop()
  }
}
