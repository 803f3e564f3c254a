/** A lifecycle's process: `main.ts <file that describes it>`. Its output is the job's; the last line says what failed. */
import { readFileSync } from 'node:fs'
import { TrunklineError } from '../../../model/index.ts'
import { markerVariable } from '../agent/detached-process.ts'
import { lifecycleSchema, runLifecycle } from './run-lifecycle.ts'

const file = process.argv[2]
if (file === undefined) {
  process.stderr.write('usage: main.ts FILE\n')
  process.exit(2)
}
const lifecycle = lifecycleSchema.parse(JSON.parse(readFileSync(file, 'utf8')))
const env: Record<string, string> = {}
for (const [name, value] of Object.entries(process.env)) {
  // What scripts leave running is theirs, not a part of this job that ends with it.
  if (value !== undefined && name !== markerVariable) env[name] = value
}
const say = (line: string) => process.stdout.write(`${line}\n`)
try {
  await runLifecycle(lifecycle, { env, log: say })
} catch (error) {
  say(
    error instanceof TrunklineError
      ? error.message
      : error instanceof Error
        ? (error.stack ?? error.message)
        : String(error),
  )
  process.exit(1)
}
