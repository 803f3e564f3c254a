/** One script of a lifecycle event: in a session of its own, so that what it starts in the background goes on. */
import { spawn } from 'node:child_process'
import { chmodSync, lstatSync, statSync } from 'node:fs'
import { failedError } from '../../../model/index.ts'
import type { Script } from './appspec.ts'
import { bundlePath } from './bundle-path.ts'
import { userOf } from './users.ts'

const killAfterMs = 5000

export type ScriptRequest = {
  script: Script
  event: string
  /** The unpacked artifact; locations are relative to it. */
  bundle: string
  env: Record<string, string>
  timeoutMs: number
}

/** Runs it to its end; its output is this process's. Fails with `SCRIPT_FAILED`, `SCRIPT_TIMED_OUT` or `APPSPEC_SCRIPT`. */
export async function runScript({ script, event, bundle, env, timeoutMs }: ScriptRequest): Promise<void> {
  const path = bundlePath(bundle, script.location)
  const name = `${event} ${script.location}`
  if (path === null) throw unfit(`${name} leads out of the bundle`)
  const status = lstatSync(path, { throwIfNoEntry: false })
  if (status === undefined || !statSync(path).isFile()) throw unfit(`${name}: the bundle has no such file`)
  // As CodeDeploy does for scripts that came without the bit.
  if ((status.mode & 0o111) === 0) chmodSync(path, 0o755)
  const as = await identityFor(script, name)
  const child = spawn(path, [], {
    cwd: bundle,
    env: { ...env, ...(as ? { HOME: as.home, USER: as.name, LOGNAME: as.name } : {}) },
    stdio: ['ignore', 'inherit', 'inherit'],
    detached: true,
    ...(as ? { uid: as.uid, gid: as.gid } : {}),
  })
  const end = await new Promise<{ code: number | null; signal: string | null; isLate: boolean }>((resolve, reject) => {
    let isLate = false
    const kill = (signal: NodeJS.Signals) => {
      try {
        if (child.pid !== undefined) process.kill(-child.pid, signal)
      } catch {
        // It ended this moment.
      }
    }
    const late = setTimeout(() => {
      isLate = true
      kill('SIGTERM')
      setTimeout(() => kill('SIGKILL'), killAfterMs).unref()
    }, timeoutMs)
    child.once('error', (cause) => {
      clearTimeout(late)
      reject(unfit(`${name} cannot be started: ${cause.message}`))
    })
    child.once('exit', (code, signal) => {
      clearTimeout(late)
      resolve({ code, signal, isLate })
    })
  })
  if (end.isLate) throw failedError('SCRIPT_TIMED_OUT', `${name} did not end within ${timeoutMs / 1000} s`)
  if (end.code === 0) return
  throw failedError(
    'SCRIPT_FAILED',
    `${name} ended ${end.code === null ? `by ${end.signal}` : `with exit code ${end.code}`}`,
  )
}

async function identityFor({ runas }: Script, name: string) {
  if (runas === undefined) return null
  const user = await userOf(runas)
  const own = process.getuid?.()
  if (own === user.uid) return null
  if (own !== 0) throw unfit(`${name} is to run as ${runas}: only an agent that runs as root can do that`)
  return user
}

const unfit = (message: string) => failedError('APPSPEC_SCRIPT', message)
