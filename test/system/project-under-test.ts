/**
 * A project as its user has it: a clone, a remote, Trunkline's home on this machine, and `bin/trunkline` run as a real
 * process in it. Disposing ends every service and process that was started, and leaves nothing behind.
 */
import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtemp, realpath, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { systemClock } from '../../src/clock/index.ts'
import type { DeliveryResult } from '../../src/delivery/index.ts'
import { homeAt } from '../../src/home/index.ts'
import type { EventKind, Location, Problem } from '../../src/model/index.ts'
import type { StatusDocument } from '../../src/reporting/index.ts'
import { shutDownFleet } from '../../src/targets/fleet/administration.ts'
import { createBareRemote, createRepository, type FileChanges, type Repository } from '../fixtures/repository.ts'
import { eventually } from '../process/eventually.ts'

export const trunklineProgram = fileURLToPath(new URL('../../bin/trunkline', import.meta.url))

export type Ended = { exitCode: number; stdout: string; stderr: string }

/** What `--json` prints for a mistake. */
export type ErrorDocument = {
  error: {
    code: string
    message: string
    hint: string | null
    location?: Location
    problems?: Problem[]
  }
}

export type RunOptions = {
  /** Default: the clone. */
  directory?: string
  /** Added to the project's own; `undefined` takes a variable out. */
  environment?: Record<string, string | undefined>
  /** SIGKILL after this; a test that hangs says where. */
  timeoutMs?: number
}

export type Started = {
  readonly process: ChildProcess
  /** Resolves when its progress says something that matches; rejects when it ends without. */
  says(moment: RegExp): Promise<void>
  /** What a terminal does on Ctrl-C: the signal goes to the command and everything it runs. */
  pressCtrlC(): void
  readonly ended: Promise<Ended>
}

export type ProjectUnderTest = AsyncDisposable & {
  readonly clone: Repository
  readonly remote: Repository
  /** `TRUNKLINE_HOME` */
  readonly home: string
  readonly environment: Readonly<Record<string, string>>
  /** Runs `trunkline <words>`. */
  trunkline(words: readonly string[], options?: RunOptions): Promise<Ended>
  /** Runs `trunkline <words> --json`, which must print exactly one document and end with the exit code. */
  json<Document = DeliveryResult>(exitCode: number, words: readonly string[], options?: RunOptions): Promise<Document>
  start(words: readonly string[], options?: RunOptions): Started
  /** Commits, pushes the checked-out branch, and answers the commit. */
  push(message: string, changes?: FileChanges): Promise<string>
  /** Resolves when the newest event of an environment's history is of this kind. */
  reaches(environment: string, kind: EventKind): Promise<void>
  /** Public address of a service, as `status` says it. */
  address(environment: string, service: string): Promise<string>
}

export type ProjectOptions = {
  /** Files of the first commit, which is pushed to `main`. */
  files: FileChanges
  environment?: Record<string, string>
  /** Path of the command; default: this checkout's. */
  program?: string
  /** How the clone names its remote; default: its path. */
  remoteUrl?: (remote: Repository) => string | Promise<string>
}

/** A first `go build` compiles the standard library: minutes on a busy machine. */
const defaultTimeoutMs = 360_000

export async function openProject(options: ProjectOptions): Promise<ProjectUnderTest> {
  const remote = await createBareRemote()
  const clone = await createRepository({ files: options.files })
  const home = await realpath(await mkdtemp(join(tmpdir(), 'trunkline-home-')))
  const environment = { ...clone.environment, TRUNKLINE_HOME: home, ...options.environment }
  const running = new Set<ChildProcess>()
  await clone.addRemote('origin', (await options.remoteUrl?.(remote)) ?? remote.directory)
  await clone.push('origin', 'main')

  const start: ProjectUnderTest['start'] = (words, run = {}) => {
    const child = spawn(options.program ?? trunklineProgram, words, {
      cwd: run.directory ?? clone.directory,
      env: { ...environment, ...run.environment },
      stdio: ['ignore', 'pipe', 'pipe'],
      // A group of its own, as a shell gives every job.
      detached: true,
    })
    running.add(child)
    return follow(child, words, run.timeoutMs ?? defaultTimeoutMs, () => running.delete(child))
  }
  const trunkline: ProjectUnderTest['trunkline'] = (words, run) => start(words, run).ended
  async function json<Document>(exitCode: number, words: readonly string[], run?: RunOptions): Promise<Document> {
    const [command = '', ...rest] = words
    return oneDocument(await trunkline([command, '--json', ...rest], run), exitCode, words)
  }

  return {
    ...{ clone, remote, home, environment, trunkline, json, start },
    async push(message, changes = {}) {
      const commit = await clone.commit(message, changes)
      await clone.push('origin', 'HEAD')
      return commit
    },
    async reaches(name, kind) {
      await eventually(async () => {
        const text = await remote.git('show', `refs/trunkline/env/${name}:event.json`).catch(() => '{}')
        return (JSON.parse(text) as { kind?: EventKind }).kind === kind // The newest event, as design section 4 says.
      })
    },
    async address(name, service) {
      const { environments } = await json<StatusDocument>(0, ['status', name])
      const found = environments[0]?.services.find((known) => known.name === service)
      assert.ok(found?.url, `${service} has an address in ${name}`)
      return found.url
    },
    async [Symbol.asyncDispose]() {
      for (const child of running) child.kill('SIGKILL')
      await shutDownFleet(
        { home: homeAt({ TRUNKLINE_HOME: home }), clock: systemClock },
        'stop',
        AbortSignal.timeout(60_000),
      )
      await Promise.all([clone.dispose(), remote.dispose(), rm(home, { recursive: true, force: true, maxRetries: 5 })])
    },
  }
}

/** Asserts the contract of `--json` (design section 8): one document on standard output and nothing else. */
export function oneDocument<Document>(ended: Ended, exitCode: number, words: readonly string[]): Document {
  const told = `trunkline ${words.join(' ')}\nstdout: ${ended.stdout}\nstderr: ${ended.stderr}`
  assert.equal(ended.exitCode, exitCode, told)
  try {
    return JSON.parse(ended.stdout) as Document // Printed by the program under test; assertions look at its members.
  } catch {
    assert.fail(`one JSON document on standard output\n${told}`)
  }
}

function follow(child: ChildProcess, words: readonly string[], timeoutMs: number, forget: () => void): Started {
  let stdout = ''
  let stderr = ''
  let hasTimedOut = false
  const watchers = new Set<{ moment: RegExp; seen(): void; missed(error: Error): void }>()
  const timer = setTimeout(() => {
    hasTimedOut = true
    child.kill('SIGKILL')
  }, timeoutMs)
  child.stdout?.setEncoding('utf8').on('data', (text: string) => {
    stdout += text
  })
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    stderr += text
    for (const watcher of watchers) {
      if (!watcher.moment.test(stderr)) continue
      watchers.delete(watcher)
      watcher.seen()
    }
  })
  const ended = new Promise<Ended>((resolve, reject) => {
    child.once('error', reject)
    child.once('close', (code, signal) => {
      clearTimeout(timer)
      forget()
      const told = `trunkline ${words.join(' ')}\nstdout: ${stdout}\nstderr: ${stderr}`
      for (const { moment, missed } of watchers) missed(new Error(`never said ${moment}: ${told}`))
      if (hasTimedOut) reject(new Error(`did not end within ${timeoutMs} ms: ${told}`))
      else resolve({ exitCode: code ?? (signal === 'SIGINT' ? 130 : 137), stdout, stderr })
    })
  })
  ended.catch(() => {})
  return {
    process: child,
    ended,
    says(moment) {
      if (moment.test(stderr)) return Promise.resolve()
      return new Promise((seen, missed) => watchers.add({ moment, seen, missed }))
    },
    pressCtrlC() {
      if (child.pid !== undefined) process.kill(-child.pid, 'SIGINT')
    },
  }
}
