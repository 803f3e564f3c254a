/** One run of `wrk`, and what the proxy's processes spent meanwhile. */
import { execFile } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { promisify } from 'node:util'
import { type Place, pinned } from './peers.ts'

const execute = promisify(execFile)

export type Rate = {
  perSecond: number
  p50Ms: number
  p99Ms: number
  failed: number
  perCpuSecond: number | null
  /** How long its threads stood ready and had no core, for each second: the machine's part in what is measured. */
  keptMs: number | null
}

type Load = { wrk: string; port: number; seconds: number; connections: number; place: Place; pid?: number | undefined }

export async function measure({ wrk, port, seconds, connections, place, pid }: Load): Promise<Rate> {
  const url = `http://127.0.0.1:${port}/some/path?of=interest`
  const argv = [wrk, '-t1', `-c${connections}`, `-d${seconds}s`, '--latency', '-H', 'accept: */*', url]
  const [program = wrk, ...parameters] = pinned(argv, place, 'load')
  const before = timesOf(pid)
  const { stdout } = await execute(program, parameters, { timeout: (seconds + 30) * 1000 })
  const after = timesOf(pid)
  const number = (pattern: RegExp) => Number(pattern.exec(stdout)?.[1] ?? 0)
  const requests = number(/(\d+) requests in/)
  const errors = /Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)/.exec(stdout)?.slice(1) ?? []
  const spent = before === null || after === null ? 0 : after.cpuSeconds - before.cpuSeconds
  const kept = before === null || after === null ? null : (after.keptMs - before.keptMs) / seconds
  return {
    perSecond: number(/Requests\/sec:\s+([\d.]+)/),
    p50Ms: milliseconds(/50%\s+([\d.]+)(us|ms|s)/.exec(stdout)),
    p99Ms: milliseconds(/99%\s+([\d.]+)(us|ms|s)/.exec(stdout)),
    failed: number(/Non-2xx or 3xx responses: (\d+)/) + errors.reduce((sum, count) => sum + Number(count), 0),
    perCpuSecond: spent > 0 ? requests / spent : null,
    keptMs: kept,
  }
}

function milliseconds(found: RegExpExecArray | null): number {
  const factor = { us: 0.001, ms: 1, s: 1000 }[found?.[2] ?? ''] ?? Number.NaN
  return Number(found?.[1]) * factor
}

/** User and system time of a process and its children, and their threads' time in the line for a core; null without /proc. */
function timesOf(pid: number | undefined): { cpuSeconds: number; keptMs: number } | null {
  if (pid === undefined) return null
  try {
    let ticks = 0
    let keptMs = 0
    for (const name of readdirSync('/proc').filter((entry) => /^\d+$/.test(entry))) {
      const fields = statOf(name)
      if (Number(name) !== pid && Number(fields[1]) !== pid) continue
      ticks += Number(fields[11]) + Number(fields[12])
      keptMs += keptOf(name)
    }
    return { cpuSeconds: ticks / 100, keptMs }
  } catch {
    return null
  }
}

function keptOf(pid: string): number {
  let keptNs = 0
  for (const thread of readdirSync(`/proc/${pid}/task`)) {
    keptNs += Number(readFileSync(`/proc/${pid}/task/${thread}/schedstat`, 'utf8').split(' ')[1] ?? 0)
  }
  return keptNs / 1e6
}

function statOf(pid: string): string[] {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1')
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  } catch {
    return []
  }
}
