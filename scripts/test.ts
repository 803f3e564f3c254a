/**
 * `npm test`: every test file under test/, in processes of their own, with Node's runner.
 * `npm test -- test/git` runs some; the count of passed and failed tests is left in `TEST_SUMMARY` where that names a file.
 *
 * The tests are real processes on a machine that others use, too. A file that failed beside the others is run once more
 * by itself: what passes then is counted as passed and named as unsteady at the end, what fails again has failed.
 */
import { globSync, writeFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { relative } from 'node:path'
import { finished } from 'node:stream/promises'
import { run } from 'node:test'
import { spec } from 'node:test/reporters'

type Counts = { passed: number; failed: number; skipped: number }
type Run = Counts & { failedFiles: string[] }

/** More processes at a time than cores only makes tests that watch the clock wait for each other. */
const concurrency = Math.max(1, Math.min(4, availableParallelism()))
const fileTimeoutMs = 15 * 60_000
/** More than this is no unsteadiness. */
const maxRetriedFiles = 6

async function runFiles(files: string[], atOnce: number): Promise<Run> {
  const failedFiles = new Set<string>()
  const result: Counts = { passed: 0, failed: 0, skipped: 0 }
  const stream = run({ files, concurrency: atOnce, timeout: fileTimeoutMs })
  stream.on('test:fail', ({ file }) => {
    if (file !== undefined) failedFiles.add(file)
  })
  stream.on('test:summary', ({ file, counts }) => {
    if (file !== undefined) return
    result.passed = counts.passed
    result.failed = counts.tests - counts.passed - counts.skipped - counts.todo
    result.skipped = counts.skipped
  })
  const printed = stream.compose(spec)
  printed.pipe(process.stdout, { end: false })
  await finished(printed, { writable: false })
  return { ...result, failedFiles: [...failedFiles] }
}

const wanted = process.argv.slice(2)
const roots = wanted.length > 0 ? wanted : ['test']
const files = roots.flatMap((root) => (root.endsWith('.ts') ? [root] : globSync(`${root}/**/*.test.ts`))).sort()
if (files.length === 0) {
  console.error(`no test files under ${roots.join(', ')}`)
  process.exit(2)
}

const summary: Run = await runFiles(files, concurrency)
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
if (unsteady.length > 0) console.log(`\nunsteady, passed by themselves: ${unsteady.join(', ')}`)
console.log(`\n${summary.passed} passed, ${summary.failed} failed, ${summary.skipped} skipped`)
if (process.env['TEST_SUMMARY']) {
  const { passed, failed, skipped } = summary
  writeFileSync(process.env['TEST_SUMMARY'], JSON.stringify({ passed, failed, skipped }))
}
process.exit(summary.failed > 0 || summary.failedFiles.length > 0 ? 1 : 0)
