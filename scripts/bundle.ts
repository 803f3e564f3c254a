/**
 * Builds what is published: `dist/`, the command and its processes as JavaScript with nothing left to install. Chunks
 * are split where the sources import lazily, so that a command loads what it uses.
 */
import { chmodSync, existsSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { rolldown } from 'rolldown'

const root = fileURLToPath(new URL('..', import.meta.url))
const dist = join(root, 'dist')
/** Made beside, then put in place: who runs from `dist/` meanwhile sees a whole one. */
const fresh = join(root, `dist-${process.pid}`)

const isOfAws = (id: string): boolean => /node_modules\/@(?:aws-sdk|smithy|aws)\//.test(id)

const build = await rolldown({
  cwd: root,
  input: {
    trunkline: 'scripts/bundle/trunkline.ts',
    agent: 'scripts/bundle/agent.ts',
    bridge: 'scripts/bundle/bridge.ts',
    lifecycle: 'scripts/bundle/lifecycle.ts',
    router: 'scripts/bundle/router.ts',
    holder: 'scripts/bundle/holder.ts',
  },
  platform: 'node',
  // Clients of AWS as modules: what of them is never asked for stays out.
  resolve: { mainFields: ['module', 'main'] },
  transform: { target: 'node20' },
  logLevel: 'warn',
})
const { output } = await build.write({
  dir: fresh,
  format: 'esm',
  entryFileNames: '[name].js',
  // Tests see by the name whether the SDK of AWS was loaded.
  chunkFileNames: ({ moduleIds }) => (moduleIds.some(isOfAws) ? 'aws-sdk-[name]-[hash].js' : '[name]-[hash].js'),
  // Names stay: a stack that someone reports must be readable.
  minify: { compress: true, mangle: false, codegen: { removeWhitespace: true } },
})
await build.close()

const packages = new Set<string>()
for (const chunk of output) {
  if (chunk.type !== 'chunk') continue
  for (const module of chunk.moduleIds) {
    const found = /node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(module)?.[1]
    if (found !== undefined) packages.add(found)
  }
}
writeFileSync(join(fresh, 'THIRD-PARTY-NOTICES.txt'), notices([...packages].sort()))
const size = readdirSync(fresh).reduce((sum, name) => sum + statSync(join(fresh, name)).size, 0)
chmodSync(join(fresh, 'trunkline.js'), 0o755)
const old = `${fresh}-old`
if (existsSync(dist)) renameSync(dist, old)
renameSync(fresh, dist)
rmSync(old, { recursive: true, force: true })
console.log(
  `dist/: ${output.length} files, ${(size / 1024 / 1024).toFixed(1)} MiB, from ${packages.size} packages and our own`,
)

/** The licences of the packages whose code is in the bundle, as they ask for. */
function notices(names: readonly string[]): string {
  const parts = names.map((name) => {
    const folder = join(root, 'node_modules', name)
    const { version, license } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'))
    const file = readdirSync(folder).find((entry) => /^licen[cs]e/i.test(entry))
    const text = file === undefined ? `Licence: ${license}` : readFileSync(join(folder, file), 'utf8').trim()
    return `${name} ${version}\n\n${text}\n`
  })
  return `The published Trunkline contains code of these packages.\n\n${parts.join(`\n${'-'.repeat(72)}\n\n`)}`
}
