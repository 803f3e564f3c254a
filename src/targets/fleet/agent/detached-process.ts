/**
 * Processes that outlive the agent: leaders of a session and process group of their own, that write to files, marked in
 * their environment so that a later agent finds those that an earlier one had no time to record.
 */
import { spawn } from 'node:child_process'
import { closeSync, openSync, readdirSync, readFileSync } from 'node:fs'
import { erroredError } from '../../../model/index.ts'
import { currentProcess, isSameProcessAlive, processStartTime } from '../../../process/index.ts'

/** Names the process's fleet, owner and launch: `<fleet>.<owner>.<launch>`. */
export const markerVariable = 'TRUNKLINE_PROCESS'

export type LaunchRequest = {
  /** Run by `/bin/sh -c`. */
  command: string
  /** Its `$1`, `$2`, …: data, that no shell reads. */
  parameters?: readonly string[]
  cwd: string
  /** The whole environment besides the marker. */
  env: Record<string, string>
  marker: string
  /** The child writes its own pid here, before the command begins. */
  pidFile: string
  stdout: string
  stderr: string
}

export type ProcessEnd = { exitCode: number | null; signal: string | null }

/** Enough to know the process again after an agent's restart, and to know that it is another after a reboot. */
export type ProcessIdentityRecord = { host: string | null; pid: number; startedAt: string | null }

/** `echo` and `exec` in the same shell: the pid in the file is the pid of the command. */
const starter = 'echo $$ >"$1"; shift; exec /bin/sh -c "$@"'

/** Starts it. `onEnd` is called once, unless this process dies first. Throws errored `PROCESS_START`. */
export function launchDetached(request: LaunchRequest, onEnd: (end: ProcessEnd) => void): ProcessIdentityRecord {
  const output = openSync(request.stdout, 'a', 0o600)
  const errors = request.stderr === request.stdout ? output : openSync(request.stderr, 'a', 0o600)
  try {
    const child = spawn(
      '/bin/sh',
      ['-c', starter, 'trunkline', request.pidFile, request.command, 'trunkline', ...(request.parameters ?? [])],
      {
        cwd: request.cwd,
        env: { ...request.env, [markerVariable]: request.marker },
        stdio: ['ignore', output, errors],
        detached: true,
      },
    )
    child.once('error', () => {})
    child.once('exit', (exitCode, signal) => onEnd({ exitCode, signal }))
    child.unref()
    if (child.pid === undefined) throw erroredError('PROCESS_START', `cannot start a process in ${request.cwd}`)
    return { host: currentProcess().host, pid: child.pid, startedAt: processStartTime(child.pid) }
  } finally {
    closeSync(output)
    if (errors !== output) closeSync(errors)
  }
}

/** Whether exactly this process still runs here; a process of another boot does not. */
export function isAlive(identity: ProcessIdentityRecord): boolean {
  // Without a start time it ended before it could be looked at, and its pid may be another's by now.
  if (identity.startedAt === null || identity.host !== currentProcess().host) return false
  return isSameProcessAlive(identity.pid, identity.startedAt)
}

/** Signals the process's whole group; false where nobody is left in it. */
export function signalGroup(pid: number, signal: NodeJS.Signals | 0): boolean {
  try {
    process.kill(-pid, signal)
    return true
  } catch {
    return false
  }
}

/** The process a launch left behind before its agent could record it: the pid file names it and its marker proves it. */
export function findLaunched(pidFile: string, marker: string): ProcessIdentityRecord | null {
  const pid = Number.parseInt(readIfThere(pidFile), 10)
  if (!Number.isSafeInteger(pid) || pid <= 1) return null
  const startedAt = processStartTime(pid)
  if (startedAt === null || (process.platform === 'linux' && markerOf(pid) !== marker)) return null
  return { host: currentProcess().host, pid, startedAt }
}

/**
 * Every live process of a fleet with its marker. Reads `/proc`: elsewhere it finds none, and a process that was started
 * in the instant its agent was killed stays until it is stopped by hand.
 */
export function findMarked(fleetId: string): Array<{ pid: number; marker: string }> {
  if (process.platform !== 'linux') return []
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map((name) => ({ pid: Number(name), marker: markerOf(Number(name)) ?? '' }))
    .filter((found) => found.marker.startsWith(`${fleetId}.`))
}

function markerOf(pid: number): string | null {
  const entry = readIfThere(`/proc/${pid}/environ`)
    .split('\0')
    .find((variable) => variable.startsWith(`${markerVariable}=`))
  return entry?.slice(markerVariable.length + 1) ?? null
}

function readIfThere(path: string): string {
  try {
    return readFileSync(path, 'latin1')
  } catch {
    return ''
  }
}
