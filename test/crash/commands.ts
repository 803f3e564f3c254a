/** The real command line as a real process that can be killed at a moment of its own (see preload/moments.ts). */
import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import type { Readable } from 'node:stream'
import { fileURLToPath } from 'node:url'

export type Death = {
  /** See preload/moments.ts. */
  unit: 'moment' | 'call' | 'about'
  /** Counted from 1. For `about`: a word of what is about to be done. */
  number: number | string
  /** From the moment on. 0: just before it acts. */
  delayMs: number
  /** Itself alone, or with everything it has started, as when a CI job's container goes. */
  victim: 'process' | 'tree'
}

export type CommandOptions = {
  cwd: string
  env: Record<string, string>
  preloads: readonly string[]
  death?: Death
  /** Kills the process after so long, whatever it does: for what counts no moments. */
  killAfterMs?: number
  /** Runs it through another program, as `nice` does. */
  through?: { program: string; parameters: readonly string[] }
}

export type CommandEnd = {
  words: readonly string[]
  /** null: it was killed. */
  exitCode: number | null
  stdout: string
  stderr: string
  /** What it was about to do when it died. */
  diedAt: string | null
  /** Of its whole life; null where it was killed. */
  counts: Record<'moment' | 'call', number> | null
  durationMs: number
}

export type Command = { readonly process: ChildProcess; readonly ended: Promise<CommandEnd> }

const program = fileURLToPath(new URL('../../bin/trunkline.js', import.meta.url))
/** What has not ended by then hangs. */
const timeoutMs = 300_000

export function startCommand(words: readonly string[], options: CommandOptions): Command {
  const { cwd, env, preloads, death, through } = options
  const at = death === undefined ? {} : { CRASH_AT: `${death.unit}:${death.number}:${death.delayMs}:${death.victim}` }
  const [first = '', ...rest] = [
    ...(through === undefined ? [] : [through.program, ...through.parameters]),
    process.execPath,
    '--disable-warning=ExperimentalWarning',
    ...preloads.map((preload) => `--import=${preload}`),
    program,
    ...words,
  ]
  const child = spawn(first, rest, {
    cwd,
    env: { ...env, ...at },
    stdio: ['ignore', 'pipe', 'pipe', 'pipe'],
    detached: true,
  })
  return { process: child, ended: follow(child, words, options) }
}

function follow(child: ChildProcess, words: readonly string[], options: CommandOptions): Promise<CommandEnd> {
  const startedMs = performance.now()
  const text = { stdout: '', stderr: '', told: '' }
  let diedAt: string | null = null
  let hasTimedOut = false
  const limit = setTimeout(() => {
    hasTimedOut = true
    killTree(child.pid)
  }, timeoutMs)
  const early =
    options.killAfterMs === undefined
      ? undefined
      : setTimeout(() => {
          diedAt = `after ${options.killAfterMs} ms`
          killTree(child.pid, options.death?.victim ?? 'process')
        }, options.killAfterMs)
  child.stdout?.setEncoding('utf8').on('data', (chunk: string) => (text.stdout += chunk))
  child.stderr?.setEncoding('utf8').on('data', (chunk: string) => (text.stderr += chunk))
  const telling = child.stdio[3] as Readable // A pipe, see above.
  telling.setEncoding('utf8').on('data', (chunk: string) => {
    text.told += chunk
    const dying = /^at (.*)$/m.exec(text.told)?.[1]
    if (dying === undefined || diedAt !== null) return
    diedAt = dying
    // By itself it stands still until it is found.
    if (options.death?.victim === 'tree') killTree(child.pid)
  })
  return new Promise((resolve, reject) => {
    child.once('error', reject)
    // Not `close`: what a killed process leaves behind may hold its pipes.
    child.once('exit', (code) => {
      clearTimeout(limit)
      clearTimeout(early)
      setTimeout(finish, 20, code)
    })
    const finish = (code: number | null) => {
      for (const stream of [child.stdout, child.stderr, telling]) stream?.destroy()
      const { stdout, stderr, told } = text
      if (hasTimedOut) reject(new Error(`trunkline ${words.join(' ')} hung\n${stdout}\n${stderr}`))
      const counts = /^moments (\d+) calls (\d+)$/m.exec(told)
      resolve({
        ...{ words, exitCode: code, stdout, stderr, diedAt },
        counts: counts && { moment: Number(counts[1]), call: Number(counts[2]) },
        durationMs: performance.now() - startedMs,
      })
    }
  })
}

/** SIGKILL for a process, and for all it started, in whatever group or session, before they learn of it. */
export function killTree(pid: number | undefined, victim: Death['victim'] = 'tree'): void {
  if (pid === undefined) return
  const victims = victim === 'tree' ? [...descendantsOf(pid), pid] : [pid]
  for (const one of victims) {
    try {
      process.kill(one, 'SIGKILL')
    } catch {
      // It has ended meanwhile.
    }
  }
}

function descendantsOf(pid: number): number[] {
  const children = new Map<number, number[]>()
  for (const name of readdirSync('/proc')) {
    if (!/^\d+$/.test(name)) continue
    const parent = isFleet(name) ? null : parentOf(name)
    if (parent !== null) children.set(parent, [...(children.get(parent) ?? []), Number(name)])
  }
  const found: number[] = []
  const open = [pid]
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    const own = children.get(next) ?? []
    found.push(...own)
    open.push(...own)
  }
  return found
}

/** An agent outlives whoever started it: it is of the host, not of the command. */
function isFleet(pid: string): boolean {
  try {
    return /targets\/fleet\/(?:agent|router)\/main/.test(readFileSync(`/proc/${pid}/cmdline`, 'utf8'))
  } catch {
    return false
  }
}

function parentOf(pid: string): number | null {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1')
    return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1])
  } catch {
    return null
  }
}

/** The document that it printed; it must have ended with one of these exit codes. */
export function documentOf<Document>(ended: CommandEnd, ...exitCodes: number[]): Document {
  assert.ok(
    ended.exitCode !== null && exitCodes.includes(ended.exitCode),
    `trunkline ${ended.words.join(' ')} ended with ${ended.exitCode}, not ${exitCodes.join(' or ')}\n${ended.stdout}\n${ended.stderr}`,
  )
  return JSON.parse(ended.stdout) as Document // Printed by the program under test; assertions look at its members.
}
