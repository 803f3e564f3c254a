/** Takes the types out of app/src: dist/ runs on any Node from 20 on, and nothing else is needed there. */
import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { stripTypeScriptTypes } from 'node:module'
import { join } from 'node:path'

const root = join(import.meta.dirname, '..')
const from = join(root, 'app/src')
const to = join(root, 'dist')

await rm(to, { recursive: true, force: true })
await mkdir(to)
await writeFile(join(to, 'package.json'), '{ "type": "module" }\n')
for (const file of (await readdir(from)).sort()) {
  const script = stripTypeScriptTypes(await readFile(join(from, file), 'utf8'), { mode: 'strip' })
  await writeFile(join(to, file.replace(/\.ts$/, '.js')), script.replace(/(from '\.\/[^']+)\.ts'/g, "$1.js'"))
}
