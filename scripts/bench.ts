/**
 * `npm run bench`: every benchmark under bench/, one after the other, and at the end which goals are met; `npm run bench
 * -- router` one of them. What follows a name is its own. With `--json` all reports are one JSON document.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { globSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { judgeGoals, type Outcome, tableOfGoals } from '../bench/measuring/goals.ts'
import type { Report } from '../bench/measuring/measure.ts'
import { reportFileVariable } from '../bench/measuring/report.ts'

/** More than any of them takes on a slow machine. */
const timeoutMs = 10 * 60_000
/** How long one may take to end what it started. */
const endingMs = 150_000
/** Rounds, seconds and connections that keep a whole run within ten minutes; by itself it takes longer, and says more. */
const whenWhole: Readonly<Record<string, readonly string[]>> = { router: ['3', '2', '64'] }

const isJson = process.argv.includes('--json')
const [wanted, ...parameters] = process.argv.slice(2).filter((word) => word !== '--json')
const files = globSync('bench/*.ts')
  .sort()
  .filter((file) => wanted === undefined || basename(file, '.ts') === wanted)
if (files.length === 0) {
  console.error(`no benchmark ${wanted ?? ''} under bench/`)
  process.exit(2)
}
const folder = mkdtempSync(join(tmpdir(), 'trunkline-bench-reports-'))
const outcomes: Outcome[] = []
const failed: string[] = []
const startedAt = performance.now()
let current: ChildProcess | null = null
let isStopped = false
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.on(signal, () => {
    isStopped = true
    // It ends what it started; that is waited for.
    current?.kill('SIGTERM')
  })
}
try {
  for (const file of files) if (!isStopped) await runBenchmark(file)
} finally {
  rmSync(folder, { recursive: true, force: true })
}
const goals = judgeGoals(outcomes)
if (isJson) {
  const reports = outcomes.map(({ bench, report, text }) =>
    failed.includes(bench) ? { bench, failed: true } : (report ?? { bench, text }),
  )
  console.log(JSON.stringify(wanted === undefined ? { reports, goals } : reports, null, 2))
} else {
  if (goals.length > 0) console.log(`\n== goals\n${tableOfGoals(goals)}`)
  console.log(`\n${Math.round((performance.now() - startedAt) / 1000)} s`)
}
if (failed.length > 0) {
  console.error(`failed: ${failed.join(', ')}`)
  process.exitCode = 1
}

/** Runs one to its end, whatever becomes of it: the next ones are not concerned. */
async function runBenchmark(file: string): Promise<void> {
  const bench = basename(file, '.ts')
  const reportFile = join(folder, `${bench}.json`)
  const begunAt = performance.now()
  if (!isJson) console.log(`\n== ${bench}`)
  const own = wanted === undefined ? (whenWhole[bench] ?? []) : parameters
  const child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', file, ...own], {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { ...process.env, [reportFileVariable]: reportFile },
  })
  current = child
  let text = ''
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
    text += chunk
    if (!isJson) process.stdout.write(chunk)
  })
  const timers = [
    setTimeout(() => child.kill('SIGTERM'), timeoutMs),
    setTimeout(() => child.kill('SIGKILL'), timeoutMs + endingMs),
  ]
  const code = await new Promise<number | null>((resolve) => {
    child.once('error', () => resolve(null))
    child.once('close', resolve)
  })
  for (const timer of timers) clearTimeout(timer)
  if (code !== 0) failed.push(bench)
  if (!isJson) console.log(`(${Math.round((performance.now() - begunAt) / 1000)} s)`)
  outcomes.push({ bench, report: code === 0 ? reportIn(reportFile) : null, text })
}

/** null where the benchmark prints a text of its own. */
function reportIn(file: string): Report | null {
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as Report // `printReport` wrote it
  } catch {
    return null
  }
}
