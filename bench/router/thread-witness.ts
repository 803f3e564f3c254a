/**
 * Loaded into the router beside its program: what kept its thread from going on. Collections are told in wall time, which
 * is their own as long as nobody else wants the core; the event loop's lateness counts while it is busy.
 */
import { subscribe } from 'node:diagnostics_channel'
import { writeFileSync } from 'node:fs'
import { createHistogram, PerformanceObserver, performance } from 'node:perf_hooks'

export type ThreadWitness = {
  minor: { count: number; totalMs: number; maxMs: number }
  major: { count: number; totalMs: number; maxMs: number }
  loopLateP50Ms: number
  loopLateP99Ms: number
  /** What a request takes of the thread's own time, others' requests included: no other program's work is in it. */
  ownTime: { requests: number; p50Ms: number; p99Ms: number } | null
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

/** Between a request's head and the end of its answer. Asking for it costs each request some microseconds. */
const ownTimes = createHistogram()
const began = new WeakMap<object, number>()

function watchRequests(): void {
  const spent = () => {
    const { user, system } = process.threadCpuUsage()
    return user + system
  }
  subscribe('http.server.request.start', (message) => began.set(requestOf(message), spent()))
  subscribe('http.server.response.finish', (message) => {
    const from = began.get(requestOf(message))
    if (from !== undefined) ownTimes.record(Math.max(1, Math.round(spent() - from)))
  })
}

const requestOf = (message: unknown): object =>
  typeof message === 'object' && message !== null && 'request' in message ? Object(message.request) : {}

if (file !== undefined) {
  const isOwnTimeWanted = process.env['OWN_TIME'] === '1'
  if (isOwnTimeWanted) watchRequests()
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
    const own = (percentile: number) => ownTimes.percentile(percentile) / 1000
    const ownTime = isOwnTimeWanted ? { requests: ownTimes.count, p50Ms: own(50), p99Ms: own(99) } : null
    const witness: ThreadWitness = { minor, major, loopLateP50Ms: at(50), loopLateP99Ms: at(99), ownTime }
    writeFileSync(file, JSON.stringify(witness))
  })
}

function isMinor(detail: unknown): boolean {
  return typeof detail === 'object' && detail !== null && 'kind' in detail && detail.kind === minorKind
}
