/** Looks after the new set while something else is done: a set that fails by itself ends it. */
import { setTimeout as sleep } from 'node:timers/promises'
import { reason, type Verdict } from '../../../model/index.ts'
import { healthOf } from '../health/health.ts'
import { awaitHealth } from '../rollout/await-health.ts'
import type { StagedRollout } from './staged-rollout.ts'

/** How long a set that was healthy may be anything else: a pod may be moved to another node. */
const patienceMs = 5000
const lookEveryMs = 500

/** What the work says, or why the new set is not healthy any more, whichever comes first. */
export async function whileHealthy(
  rollout: StagedRollout,
  weight: number,
  work: (signal: AbortSignal) => Promise<Verdict>,
): Promise<Verdict> {
  const over = new AbortController()
  const signal = AbortSignal.any([rollout.context.signal, over.signal])
  const watching = watch(rollout, weight, signal).catch((error: unknown) => {
    if (over.signal.aborted) return null
    throw error
  })
  const working = work(signal)
  try {
    const first = await Promise.race([working, watching])
    return first ?? (await working)
  } finally {
    over.abort()
    await Promise.allSettled([working, watching])
  }
}

async function watch(
  { session, division }: StagedRollout,
  weight: number,
  signal: AbortSignal,
): Promise<(Verdict & { ok: false }) | null> {
  const objects = division.newSet(weight, weight)
  const mirrored = await Promise.all(
    objects.map(async (object) => ({
      object,
      mirror: await session.mirror(object, object.metadata.namespace, signal),
    })),
  )
  for (;;) {
    await sleep(lookEveryMs, undefined, { signal })
    const isWell = mirrored.every(({ object: { metadata }, mirror }) => {
      if (mirror.fault !== null) throw mirror.fault
      const live = mirror.get(metadata.name, metadata.namespace)
      return live !== undefined && healthOf(live).state === 'healthy'
    })
    if (isWell) continue
    const waited = await awaitHealth(session, { objects, timeoutMs: patienceMs, signal, report: () => {} })
    if (waited.ok) continue
    const lost = reason('health-lost', `the new set was healthy at ${weight} %, and is not any more`)
    return { ...waited, reasons: [lost, ...waited.reasons] }
  }
}
