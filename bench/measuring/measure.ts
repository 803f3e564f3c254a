/** Timing commands beside each other: the rows of a round run one after the other, round after round, so that what else the machine does meets all of them. */
import { type ChildProcess, spawn } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'

export type Row = {
  name: string
  /** Runs once; answers milliseconds where it measures itself. */
  run(): Promise<number | undefined>
  /** Runs once more with its memory watched; absent where that says nothing. */
  memory?(): Promise<Memory>
}

export type Memory = {
  /** The process itself, at its peak. */
  peakMb: number
  /** It and all that it started, together, at the largest moment that was seen. */
  treePeakMb: number
}

export type Measured = { name: string; minMs: number; medianMs: number; runs: number } & Partial<Memory>
export type Report = {
  bench: string
  about: string
  rows: Measured[]
  skipped: Array<{ name: string; why: string }>
  notes: string[]
  /** Figures beside the rows, for the goals they are held against (`goals.ts`). */
  figures?: Readonly<Record<string, number>>
}

const round = (value: number): number => Math.round(value * 10) / 10

/** Measures rows in turns. The first round warms caches of files and is not counted. */
export async function measureInTurns(rows: readonly Row[], rounds: number): Promise<Measured[]> {
  const samples = rows.map((): number[] => [])
  for (let turn = 0; turn <= rounds; turn += 1) {
    for (const [index, row] of rows.entries()) {
      const startedAt = performance.now()
      const own = await row.run()
      const elapsed = own ?? performance.now() - startedAt
      if (turn > 0) samples[index]?.push(elapsed)
    }
  }
  const measured: Measured[] = []
  for (const [index, row] of rows.entries()) {
    const sorted = [...(samples[index] ?? [])].sort((left, right) => left - right)
    measured.push({
      name: row.name,
      minMs: round(sorted[0] ?? Number.NaN),
      medianMs: round(sorted[Math.floor(sorted.length / 2)] ?? Number.NaN),
      runs: sorted.length,
      ...(row.memory === undefined ? {} : await row.memory()),
    })
  }
  return measured
}

export type CommandOptions = {
  cwd: string
  environment?: NodeJS.ProcessEnv
  /** What it must print somewhere, so that a failure is not taken for speed. */
  expect?: RegExp
  exitCodes?: readonly number[]
  timeoutMs?: number
}

const running = new Set<ChildProcess>()

/** Ends commands that are under way: for a benchmark that is stopped. */
export function killCommands(): void {
  for (const child of running) child.kill('SIGKILL')
}

/** Runs a command to its end; throws where it does not end as it should. */
export async function runCommand(
  argv: readonly string[],
  options: CommandOptions,
  watch?: (pid: number) => void,
): Promise<string> {
  const [program = '', ...parameters] = argv
  const { cwd, environment = process.env, expect, exitCodes = [0], timeoutMs = 120_000 } = options
  const child = spawn(program, parameters, { cwd, env: environment, stdio: ['ignore', 'pipe', 'pipe'] })
  const chunks: Buffer[] = []
  let stderr = ''
  child.stdout.on('data', (chunk: Buffer) => chunks.push(chunk))
  child.stderr.on('data', (chunk: Buffer) => {
    stderr = (stderr + chunk.toString('utf8')).slice(-8000)
  })
  if (watch !== undefined && child.pid !== undefined) watch(child.pid)
  const timer = setTimeout(() => child.kill('SIGKILL'), timeoutMs)
  running.add(child)
  const code = await new Promise<number | null>((resolve, reject) => {
    child.once('error', reject)
    child.once('close', resolve)
  }).finally(() => {
    clearTimeout(timer)
    running.delete(child)
  })
  const stdout = Buffer.concat(chunks).toString('utf8')
  if (code === null || !exitCodes.includes(code))
    throw new Error(`${argv.join(' ')} ended with ${code}\n${stdout.slice(-2000)}\n${stderr}`)
  if (expect !== undefined && !expect.test(stdout))
    throw new Error(`${argv.join(' ')} did not say ${expect}:\n${stdout.slice(0, 2000)}\n${stderr}`)
  return stdout
}

export const commandRow = (name: string, argv: readonly string[], options: CommandOptions): Required<Row> => ({
  name,
  run: async () => void (await runCommand(argv, options)),
  memory: () => memoryOf(argv, options),
})

/** Watches /proc often: once more, apart from what is timed, for watching costs time too. */
async function memoryOf(argv: readonly string[], options: CommandOptions): Promise<Memory> {
  let peakKb = 0
  let treePeakKb = 0
  let timer: NodeJS.Timeout | undefined
  try {
    await runCommand(argv, options, (pid) => {
      timer = setInterval(() => {
        const status = statusOf(pid)
        if (status !== null) peakKb = Math.max(peakKb, status.peakKb)
        treePeakKb = Math.max(treePeakKb, treeRssKb(pid))
      }, 4)
    })
  } finally {
    clearInterval(timer)
  }
  return { peakMb: Math.round(peakKb / 1024), treePeakMb: Math.round(treePeakKb / 1024) }
}

function statusOf(pid: number): { peakKb: number; rssKb: number; parent: number } | null {
  try {
    const text = readFileSync(`/proc/${pid}/status`, 'latin1')
    const field = (name: string) => Number(new RegExp(`^${name}:\\s+(\\d+)`, 'm').exec(text)?.[1] ?? 0)
    return { peakKb: field('VmHWM'), rssKb: field('VmRSS'), parent: field('PPid') }
  } catch {
    return null
  }
}

/** Memory of a process and all below it; pages that they share are counted each time. */
export function treeRssKb(root: number): number {
  const all = new Map<number, { rssKb: number; parent: number }>()
  for (const name of readdirSync('/proc')) {
    const pid = Number(name)
    if (!Number.isInteger(pid)) continue
    const status = statusOf(pid)
    if (status !== null) all.set(pid, status)
  }
  const isBelow = (pid: number): boolean => {
    for (let at: number | undefined = pid; at !== undefined && at > 1; at = all.get(at)?.parent)
      if (at === root) return true
    return false
  }
  let sum = 0
  for (const [pid, { rssKb }] of all) if (isBelow(pid)) sum += rssKb
  return sum
}

export const rssMbOf = (pid: number): number => Math.round((statusOf(pid)?.rssKb ?? 0) / 1024)
