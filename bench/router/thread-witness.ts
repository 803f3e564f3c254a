/**
 * Loaded into the router beside its program: what kept its thread from going on. Collections are told in wall time, which
 * is their own as long as nobody else wants the core; the event loop's lateness counts while it is busy.
 */
import { writeFileSync } from 'node:fs'
import { createHistogram, PerformanceObserver, performance } from 'node:perf_hooks'

export type ThreadWitness = {
  minor: { count: number; totalMs: number; maxMs: number }
  major: { count: number; totalMs: number; maxMs: number }
  loopLateP50Ms: number
  loopLateP99Ms: number
}

const file = process.env['THREAD_WITNESS']
/** The first kind is the scavenge of the young generation. */
const minorKind = 1

const minor = { count: 0, totalMs: 0, maxMs: 0 }
const major = { count: 0, totalMs: 0, maxMs: 0 }

/** How late a timer is while requests come: what a request waits before its turn begins. */
const lateness = createHistogram()
const periodMs = 10
const busyShare = 0.5

function watchLoop(): void {
  let dueMs = performance.now() + periodMs
  let before = performance.eventLoopUtilization()
  setInterval(() => {
    const nowMs = performance.now()
    const now = performance.eventLoopUtilization()
    const isBusy = performance.eventLoopUtilization(now, before).utilization > busyShare
    if (isBusy) lateness.record(Math.max(1, Math.round((nowMs - dueMs) * 1000)))
    before = now
    dueMs = nowMs + periodMs
  }, periodMs).unref()
}

if (file !== undefined) {
  new PerformanceObserver((list) => {
    for (const entry of list.getEntries()) {
      const pauses = 'detail' in entry && isMinor(entry.detail) ? minor : major
      pauses.count += 1
      pauses.totalMs += entry.duration
      pauses.maxMs = Math.max(pauses.maxMs, entry.duration)
    }
  }).observe({ entryTypes: ['gc'] })
  watchLoop()
  process.once('exit', () => {
    const at = (percentile: number) => lateness.percentile(percentile) / 1000
    const witness: ThreadWitness = { minor, major, loopLateP50Ms: at(50), loopLateP99Ms: at(99) }
    writeFileSync(file, JSON.stringify(witness))
  })
}

function isMinor(detail: unknown): boolean {
  return typeof detail === 'object' && detail !== null && 'kind' in detail && detail.kind === minorKind
}
