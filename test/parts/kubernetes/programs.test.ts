import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { zstdCompressSync } from 'node:zlib'
import { cachedPart, findPart, kubernetesMissing, sourceOf } from './programs.ts'

const folder = mkdtempSync(join(tmpdir(), 'trunkline-programs-'))
after(() => rmSync(folder, { recursive: true, force: true }))

/** An archive whose binary says that it was built with these modules. */
function world(name: string, modules: string): NodeJS.ProcessEnv {
  const [archives, content] = [join(folder, name, 'archives'), join(folder, name, 'content')]
  for (const each of [archives, content]) mkdirSync(each, { recursive: true })
  writeFileSync(join(content, 'knative'), `code ${modules} code`)
  const tar = execFileSync('tar', ['-c', '-C', content, '.'])
  writeFileSync(join(archives, 'knative.tar.zst'), zstdCompressSync(tar))
  return { ...process.env, XDG_CACHE_HOME: join(folder, name, 'cache'), TRUNKLINE_PARTS: archives }
}

const required = [...readFileSync(join(sourceOf('knative'), 'go.mod'), 'utf8').matchAll(/^\t(\S+) (v\S+)$/gm)]
const listed = required.map(([, module, version]) => `dep\t${module}\t${version}\n`).join('')
const unsupported = (process.platform !== 'linux' || process.arch !== 'x64') && 'archives are for Linux on x64'

test('an archive of the right versions is unpacked into the cache, once', { skip: unsupported }, async () => {
  const environment = world('right', listed)
  assert.equal(kubernetesMissing(['knative'], environment), false)
  assert.equal(await findPart('knative', environment), cachedPart('knative', environment))
  rmSync(environment['TRUNKLINE_PARTS'] ?? '', { recursive: true })
  const unpacked = await findPart('knative', environment)
  assert.deepEqual(readdirSync(unpacked ?? ''), ['knative'])
})

test('an archive of other versions is refused and leaves nothing in the cache', { skip: unsupported }, async () => {
  const environment = world('other', listed.replaceAll('v0.50.0', 'v0.49.0'))
  await assert.rejects(findPart('knative', environment), /was not built with knative\.dev\/serving v0\.50\.0/)
  assert.deepEqual(readdirSync(join(environment['XDG_CACHE_HOME'] ?? '', 'trunkline-parts')), [])
})
