/**
 * `npm test`: every test file under test/, in processes of their own, with Node's runner.
 * `npm test -- test/git` runs some; the count of passed and failed tests is left in `TEST_SUMMARY` where that names a file.
 *
 * The tests are real processes on a machine that others use, too. A file that failed beside the others is run once more
 * by itself: what passes then is counted as passed and named as unsteady at the end, what fails again has failed.
 *
 * Long files come first, so that no core is idle at the end: `scripts/test-seconds.json` has what they took, and
 * `npm test -- --note-seconds` writes it anew.
 */
import { globSync, readFileSync, writeFileSync } from 'node:fs'
import { availableParallelism, tmpdir } from 'node:os'
import { join, relative } from 'node:path'
import { finished } from 'node:stream/promises'
import { run } from 'node:test'
import { spec } from 'node:test/reporters'

type Counts = { passed: number; failed: number; skipped: number }
type Run = Counts & { failedFiles: string[]; secondsOf: Map<string, number> }

/** One more than cores: many tests wait for a cluster, a rollout or a clock half of their time. */
const concurrency = Math.min(4, availableParallelism() + 1)
const fileTimeoutMs = 15 * 60_000
/** More than this is no unsteadiness. */
const maxRetriedFiles = 6
/** Quicker files need no place in the order. */
const notedFromSeconds = 4
const secondsFile = join(import.meta.dirname, 'test-seconds.json')

// Every test, and every command and agent that it starts, would strip and compile the sources again.
process.env['NODE_COMPILE_CACHE'] ??= join(tmpdir(), 'node-compile-cache')

async function runFiles(files: string[], atOnce: number): Promise<Run> {
  const failedFiles = new Set<string>()
  const secondsOf = new Map<string, number>()
  const result: Counts = { passed: 0, failed: 0, skipped: 0 }
  const stream = run({ files, concurrency: atOnce, timeout: fileTimeoutMs })
  stream.on('test:fail', ({ file }) => {
    if (file !== undefined) failedFiles.add(file)
  })
  stream.on('test:summary', ({ file, counts, duration_ms }) => {
    if (file !== undefined) {
      secondsOf.set(relative('.', file), Math.round(duration_ms / 1000))
      return
    }
    result.passed = counts.passed
    result.failed = counts.tests - counts.passed - counts.skipped - counts.todo
    result.skipped = counts.skipped
  })
  const printed = stream.compose(spec)
  printed.pipe(process.stdout, { end: false })
  await finished(printed, { writable: false })
  return { ...result, failedFiles: [...failedFiles], secondsOf }
}

/** Longest first; what nobody has noted comes after that, by name. */
function longestFirst(files: readonly string[]): string[] {
  const noted = JSON.parse(readFileSync(secondsFile, 'utf8')) as Record<string, number> // Written below.
  const seconds = (file: string) => noted[relative('.', file)] ?? 0
  return files.toSorted((one, other) => seconds(other) - seconds(one) || (one < other ? -1 : 1))
}

/** Says which files took longest: where time is to be saved. */
function reportSlowest(secondsOf: ReadonlyMap<string, number>): void {
  const slowest = [...secondsOf].sort(([, one], [, other]) => other - one)
  if (shouldNote) {
    const noted = slowest.filter(([, seconds]) => seconds >= notedFromSeconds)
    writeFileSync(secondsFile, `${JSON.stringify(Object.fromEntries(noted), null, 2)}\n`)
  }
  const lines = slowest.slice(0, 12).map(([file, seconds]) => `${String(seconds).padStart(5)} s  ${file}`)
  console.log(`\nslowest files:\n${lines.join('\n')}`)
}

const shouldNote = process.argv.includes('--note-seconds')
const wanted = process.argv.slice(2).filter((word) => word !== '--note-seconds')
const roots = wanted.length > 0 ? wanted : ['test']
const files = roots.flatMap((root) => (root.endsWith('.ts') ? [root] : globSync(`${root}/**/*.test.ts`)))
if (files.length === 0) {
  console.error(`no test files under ${roots.join(', ')}`)
  process.exit(2)
}

const summary = await runFiles(longestFirst(files), concurrency)
const unsteady: string[] = []
if (summary.failedFiles.length > 0 && summary.failedFiles.length <= maxRetriedFiles && files.length > 1) {
  const firstFailed = summary.failed
  let stillFailed = 0
  for (const file of summary.failedFiles) {
    console.log(`\n== once more, by itself: ${relative('.', file)}`)
    const again = await runFiles([file], 1)
    if (again.failed === 0 && again.failedFiles.length === 0) unsteady.push(relative('.', file))
    else stillFailed += Math.max(1, again.failed)
  }
  summary.failed = stillFailed
  summary.passed += Math.max(0, firstFailed - stillFailed)
  if (stillFailed === 0) summary.failedFiles = []
}
if (files.length > 1) reportSlowest(summary.secondsOf)
if (unsteady.length > 0) console.log(`\nunsteady, passed by themselves: ${unsteady.join(', ')}`)
console.log(`\n${summary.passed} passed, ${summary.failed} failed, ${summary.skipped} skipped`)
if (process.env['TEST_SUMMARY']) {
  const { passed, failed, skipped } = summary
  writeFileSync(process.env['TEST_SUMMARY'], JSON.stringify({ passed, failed, skipped }))
}
process.exit(summary.failed > 0 || summary.failedFiles.length > 0 ? 1 : 0)
