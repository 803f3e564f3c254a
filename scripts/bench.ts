/** `npm run bench`: every benchmark under bench/, one after the other; `npm run bench -- router` one of them. */
import { spawnSync } from 'node:child_process'
import { globSync } from 'node:fs'
import { basename } from 'node:path'

const [wanted, ...parameters] = process.argv.slice(2)
const files = globSync('bench/*.ts')
  .sort()
  .filter((file) => wanted === undefined || basename(file, '.ts') === wanted)
if (files.length === 0) {
  console.error(`no benchmark ${wanted ?? ''} under bench/`)
  process.exit(2)
}
for (const file of files) {
  console.log(`\n== ${basename(file, '.ts')}`)
  const { status } = spawnSync(process.execPath, [file, ...parameters], { stdio: 'inherit' })
  if (status !== 0) process.exit(status ?? 1)
}
