/**
 * Which process is which. A pid alone says little: it is reused, and means something else in another container.
 * A pid with its start time, under one boot and one pid namespace, names one process for ever.
 */
import { spawnSync } from 'node:child_process'
import { readFileSync, readlinkSync } from 'node:fs'

const lookupTimeoutMs = 2000

/**
 * When a process began, as digits that only mean something compared with each other: clock ticks since boot on Linux,
 * seconds since the epoch elsewhere. null: there is no such process (a zombie has ended, so it counts as none), or it
 * cannot be told.
 */
export function processStartTime(pid: number): string | null {
  if (!Number.isSafeInteger(pid) || pid <= 0) return null
  return process.platform === 'linux' ? startTimeFromProc(pid) : startTimeFromPs(pid)
}

function startTimeFromProc(pid: number): string | null {
  let stat: string
  try {
    stat = readFileSync(`/proc/${pid}/stat`, 'latin1')
  } catch {
    return null
  }
  // `pid (name) state ppid …`: the name may hold spaces and parentheses, so fields count from the last `)` (proc(5)).
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  const state = fields[0]
  const startTime = fields[19]
  return state === 'Z' || state === 'X' ? null : (startTime ?? null)
}

function startTimeFromPs(pid: number): string | null {
  const answer = spawnSync('ps', ['-o', 'stat=,lstart=', '-p', String(pid)], {
    encoding: 'utf8',
    env: { PATH: '/usr/bin:/bin', LC_ALL: 'C', TZ: 'UTC' },
    timeout: lookupTimeoutMs,
  })
  const match = /^(\S+)\s+(.+?)\s*$/.exec(answer.status === 0 ? answer.stdout : '')
  if (!match?.[1] || !match[2] || match[1].startsWith('Z')) return null
  const startedAtMs = Date.parse(`${match[2]} UTC`)
  return Number.isNaN(startedAtMs) ? null : String(startedAtMs / 1000)
}

/**
 * Whether the process that had this pid and start time still runs. With an unknown start time the pid alone decides.
 * Only meaningful for a process of this boot and pid namespace: compare `hostIdentity()` first.
 */
export function isSameProcessAlive(pid: number, startedAt: string | null): boolean {
  const now = processStartTime(pid)
  if (now !== null) return startedAt === null || now === startedAt
  // No start time: gone, or (without /proc and ps) unknown; then a signal that does nothing tells.
  return process.platform !== 'linux' && startedAt === null && isPidTaken(pid)
}

function isPidTaken(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (cause) {
    // EPERM: it is there and belongs to someone else.
    return cause instanceof Error && 'code' in cause && cause.code === 'EPERM'
  }
}

/**
 * Names the place where this process's pids mean something: boot id and pid namespace.
 * null where the system does not tell; two such places must never be taken for the same.
 */
export function hostIdentity(): string | null {
  try {
    return process.platform === 'linux' ? linuxHostIdentity() : bootSession()
  } catch {
    return null
  }
}

const linuxHostIdentity = (): string =>
  `${readFileSync('/proc/sys/kernel/random/boot_id', 'latin1').trim()}/${readlinkSync('/proc/self/ns/pid')}`

function bootSession(): string | null {
  const answer = spawnSync('sysctl', ['-n', 'kern.bootsessionuuid'], {
    encoding: 'utf8',
    env: { PATH: '/usr/sbin:/sbin:/usr/bin:/bin' },
    timeout: lookupTimeoutMs,
  })
  return (answer.status === 0 && answer.stdout.trim()) || null
}

/** A process that another one on the same host can recognise, dead or alive. */
export type ProcessIdentity = { host: string | null; pid: number; startedAt: string | null }

let ownIdentity: ProcessIdentity | undefined

/** This process's own identity; read once. */
export function currentProcess(): ProcessIdentity {
  ownIdentity ??= { host: hostIdentity(), pid: process.pid, startedAt: processStartTime(process.pid) }
  return ownIdentity
}

/** `dead` and `alive` are certain; a process of another host, boot or container is `unknown`. */
export function livenessOf(identity: ProcessIdentity): 'alive' | 'dead' | 'unknown' {
  const { host } = currentProcess()
  if (host === null || identity.host !== host) return 'unknown'
  return isSameProcessAlive(identity.pid, identity.startedAt) ? 'alive' : 'dead'
}
