/** A folder for one benchmark, gone with it, and git in it without the machine's configuration. */
import { spawn, spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { killCommands } from './measure.ts'

export type Scratch = Disposable & {
  path: string
  environment: Record<string, string>
  /** What runs beside this process, to be ended where the benchmark is stopped in the middle. */
  endings: Array<() => Promise<void>>
}

const stopSignals = ['SIGINT', 'SIGTERM'] as const

export function scratchFolder(): Scratch {
  const path = mkdtempSync(join(tmpdir(), 'trunkline-bench-'))
  const remove = () => rmSync(path, { recursive: true, force: true, maxRetries: 5 })
  process.once('exit', remove)
  const endings: Scratch['endings'] = []
  const stop = () => {
    killCommands()
    void Promise.allSettled(endings.map((end) => end())).finally(() => process.exit(1))
  }
  for (const signal of stopSignals) process.once(signal, stop)
  const environment = Object.fromEntries(
    Object.entries(process.env).filter(
      (entry): entry is [string, string] =>
        entry[1] !== undefined && !/^(CI|GITHUB_|GITLAB_|TRUNKLINE_|BENCH_)/.test(entry[0]),
    ),
  )
  Object.assign(environment, {
    HOME: path,
    XDG_CACHE_HOME: join(path, 'cache'),
    TRUNKLINE_HOME: join(path, 'home'),
    GIT_CONFIG_GLOBAL: '/dev/null',
    GIT_CONFIG_NOSYSTEM: '1',
    GIT_AUTHOR_NAME: 'Ada',
    GIT_AUTHOR_EMAIL: 'ada@example.com',
    GIT_COMMITTER_NAME: 'Ada',
    GIT_COMMITTER_EMAIL: 'ada@example.com',
  })
  return {
    path,
    environment,
    endings,
    [Symbol.dispose]: () => {
      process.removeListener('exit', remove)
      for (const signal of stopSignals) process.removeListener(signal, stop)
      remove()
    },
  }
}

export function git(scratch: Scratch, cwd: string, ...argv: string[]): string {
  const { status, stdout, stderr } = spawnSync('git', argv, {
    cwd,
    env: scratch.environment,
    encoding: 'utf8',
    maxBuffer: 1 << 30,
  })
  if (status !== 0) throw new Error(`git ${argv.join(' ')}: ${stderr}`)
  return stdout.trim()
}

/** Writes a `git fast-import` stream as it is made. */
export async function fastImport(scratch: Scratch, cwd: string, stream: Iterable<string | Buffer>): Promise<void> {
  const child = spawn('git', ['fast-import', '--quiet', '--done', '--date-format=raw'], {
    cwd,
    env: scratch.environment,
    stdio: ['pipe', 'ignore', 'inherit'],
  })
  const ended = new Promise<number | null>((resolve, reject) => {
    child.once('error', reject)
    child.once('close', resolve)
  })
  let batch: Buffer[] = []
  let size = 0
  const flush = async () => {
    const chunk = Buffer.concat(batch)
    batch = []
    size = 0
    if (!child.stdin.write(chunk)) await new Promise((resolve) => child.stdin.once('drain', resolve))
  }
  for (const part of stream) {
    const bytes = typeof part === 'string' ? Buffer.from(part) : part
    batch.push(bytes)
    size += bytes.length
    if (size > 1 << 20) await flush()
  }
  batch.push(Buffer.from('done\n'))
  await flush()
  child.stdin.end()
  const code = await ended
  if (code !== 0) throw new Error(`git fast-import ended with ${code}`)
}

/** A file of a `commit` command. */
export const put = (path: string, text: string): string =>
  `M 100644 inline ${path}\ndata ${Buffer.byteLength(text)}\n${text}\n`

export const commit = (branch: string, at: number, message: string): string =>
  `commit refs/heads/${branch}\ncommitter Ada <ada@example.com> ${at} +0000\ndata ${Buffer.byteLength(message)}\n${message}\n`
