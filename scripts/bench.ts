/**
 * `npm run bench`: every benchmark under bench/, one after the other; `npm run bench -- router` one of them. What follows
 * a name is its own. With `--json` all reports are one JSON document.
 */
import { spawnSync } from 'node:child_process'
import { globSync } from 'node:fs'
import { basename } from 'node:path'

const isJson = process.argv.includes('--json')
const [wanted, ...parameters] = process.argv.slice(2).filter((word) => word !== '--json')
const files = globSync('bench/*.ts')
  .sort()
  .filter((file) => wanted === undefined || basename(file, '.ts') === wanted)
if (files.length === 0) {
  console.error(`no benchmark ${wanted ?? ''} under bench/`)
  process.exit(2)
}
/** More than any of them takes on a slow machine. */
const timeoutMs = 10 * 60_000
const reports: unknown[] = []
let failed = 0
for (const file of files) {
  const name = basename(file, '.ts')
  if (!isJson) console.log(`\n== ${name}`)
  const { status, stdout } = spawnSync(
    process.execPath,
    ['--disable-warning=ExperimentalWarning', file, ...parameters, ...(isJson ? ['--json'] : [])],
    { stdio: ['ignore', isJson ? 'pipe' : 'inherit', 'inherit'], timeout: timeoutMs, maxBuffer: 1 << 26 },
  )
  if (status !== 0) failed += 1
  if (isJson) reports.push(status === 0 ? parsed(name, String(stdout)) : { bench: name, failed: true })
}
if (isJson) console.log(JSON.stringify(reports, null, 2))
if (failed > 0) {
  console.error(`${failed} of ${files.length} benchmarks failed`)
  process.exit(1)
}

/** A benchmark without a report of its own is kept as the text it prints. */
function parsed(bench: string, output: string): unknown {
  try {
    return JSON.parse(output)
  } catch {
    return { bench, text: output }
  }
}
