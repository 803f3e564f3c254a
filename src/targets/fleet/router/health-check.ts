/** Asks one backend again and again whether it is well. */
import { connect } from 'node:net'
import { startingProbeIntervalMs, unhealthyProbeIntervalMs } from './limits.ts'
import type { BackendStatus, HealthCheck } from './protocol.ts'

/** Not imported: an import of `node:http` makes Node load all of its fetch, 12 MB in a process that is there for ever. */
const { request } = process.getBuiltinModule('node:http')

export type ProbeResult =
  | { ok: true }
  | { ok: false /** Nobody listens: no doubt possible. */; refused: boolean; error: string }

export type ProbeLoop = {
  /** Probes at once, or right after the probe under way (which may have begun before what gave rise to doubt). */
  now(): void
  stop(): void
}

type ProbeOptions = {
  host: string
  port: number
  /** Read before every probe: it may change. */
  check(): HealthCheck
  state(): BackendStatus['state']
  report(result: ProbeResult): void
}

/** Probes from now on until stopped; how often depends on the state. */
export function startProbing(options: ProbeOptions): ProbeLoop {
  let timer: NodeJS.Timeout | undefined
  let underWay: AbortController | undefined
  let again = false
  let stopped = false

  const run = async () => {
    const { path, timeoutMs } = options.check()
    underWay = new AbortController()
    const signal = AbortSignal.any([underWay.signal, AbortSignal.timeout(timeoutMs)])
    const result = await (path === null ? probePort(options, signal) : probePath(options, path, signal))
    underWay = undefined
    if (stopped) return
    options.report(result)
    schedule(again ? 0 : intervalMs(options.state(), options.check(), result))
    again = false
  }
  const schedule = (delayMs: number) => {
    clearTimeout(timer)
    timer = setTimeout(run, delayMs)
  }

  schedule(0)
  return {
    now() {
      if (stopped) return
      if (underWay) again = true
      else schedule(0)
    },
    stop() {
      stopped = true
      clearTimeout(timer)
      underWay?.abort()
    },
  }
}

function intervalMs(state: BackendStatus['state'], check: HealthCheck, result: ProbeResult): number {
  if (state === 'starting') return Math.min(check.intervalMs, startingProbeIntervalMs)
  if (state === 'unhealthy' || !result.ok) return Math.min(check.intervalMs, unhealthyProbeIntervalMs)
  return check.intervalMs
}

type Address = { host: string; port: number }

function probePort({ host, port }: Address, signal: AbortSignal): Promise<ProbeResult> {
  return new Promise((resolve) => {
    const socket = connect({ host, port, signal })
    socket.once('connect', () => {
      resolve({ ok: true })
      socket.destroy()
    })
    socket.on('error', (cause) => resolve(failure(cause)))
  })
}

function probePath({ host, port }: Address, path: string, signal: AbortSignal): Promise<ProbeResult> {
  return new Promise((resolve) => {
    const headers = { 'user-agent': 'trunkline-router', accept: '*/*' }
    // A connection of its own: it proves that the backend still accepts some.
    const outgoing = request({ host, port, path, agent: false, headers, signal })
    outgoing.once('response', (response) => {
      const status = response.statusCode ?? 0
      const isWell = status >= 200 && status < 300
      resolve(isWell ? { ok: true } : { ok: false, refused: false, error: `${path} answered ${status}` })
      response.destroy()
    })
    outgoing.on('error', (cause) => resolve(failure(cause)))
    outgoing.end()
  })
}

function failure(cause: NodeJS.ErrnoException): ProbeResult {
  const isTimeout = cause.name === 'AbortError' || cause.name === 'TimeoutError'
  return { ok: false, refused: cause.code === 'ECONNREFUSED', error: isTimeout ? 'no answer in time' : cause.message }
}
