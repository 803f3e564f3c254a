/** What is published: packed by npm, installed where there is nothing, and used for a whole delivery. */
import assert from 'node:assert/strict'
import { mkdir, mkdtemp, readdir, readFile, realpath, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { runProcess } from '../../src/process/index.ts'
import { programVersion } from '../../src/program/index.ts'
import { openProject } from '../system/project-under-test.ts'

const checkout = fileURLToPath(new URL('../..', import.meta.url))
const maxPackageBytes = 15 * 1024 * 1024

let folder: string
let archive: string
let installed: string

before(async () => {
  folder = await realpath(await mkdtemp(join(tmpdir(), 'trunkline-package-')))
  const packed = await run(['npm', 'pack', '--silent', '--pack-destination', folder], checkout)
  archive = join(folder, packed.trim().split('\n').at(-1) ?? '')
  installed = join(folder, 'installed')
  await mkdir(installed)
  await writeFile(join(installed, 'package.json'), '{ "name": "anyone", "version": "1.0.0" }\n')
  // Offline: there is nothing to ask a registry for.
  await run(['npm', 'install', '--offline', '--ignore-scripts', '--no-audit', '--no-fund', archive], installed)
})
after(() => rm(folder, { recursive: true, force: true, maxRetries: 5 }))

test('the package is small, and what is installed with it is itself', async () => {
  assert.ok((await stat(archive)).size < maxPackageBytes)
  assert.deepEqual(
    (await readdir(join(installed, 'node_modules'))).filter((name) => !name.startsWith('.')),
    ['trunkline'],
  )
  const manifest = JSON.parse(await readFile(join(installed, 'node_modules/trunkline/package.json'), 'utf8'))
  for (const kind of ['dependencies', 'optionalDependencies', 'peerDependencies'])
    assert.equal(manifest[kind], undefined)
  const notices = await readFile(join(installed, 'node_modules/trunkline/dist/THIRD-PARTY-NOTICES.txt'), 'utf8')
  for (const name of ['commander', 'undici', 'yaml', 'zod']) assert.match(notices, new RegExp(`^${name} \\d`, 'm'))
})

test('no part of it names the machine it was made on', async () => {
  const dist = join(installed, 'node_modules/trunkline/dist')
  for (const name of await readdir(dist)) {
    const text = await readFile(join(dist, name), 'utf8')
    assert.ok(!text.includes(checkout) && !text.includes(folder), name)
  }
})

test('the installed command says its version, and delivers a repository on the Node that is there', async () => {
  const program = join(installed, 'node_modules/.bin/trunkline')
  assert.equal(await run([program, '--version'], installed), `${programVersion}\n`)
  await using project = await openProject({ program, files: twoServices })
  const first = await project.json(0, ['deliver'])
  assert.equal(first.outcome, 'succeeded')
  const answer = await fetch(await project.address('stage', 'web'))
  assert.equal(await answer.text(), 'one')

  await project.push('say two', { 'web/main.js': server('two') })
  assert.equal((await project.json(0, ['deliver'])).outcome, 'succeeded')
  assert.equal(await (await fetch(await project.address('stage', 'web'))).text(), 'two')
  assert.equal((await project.json(0, ['rollback', 'stage'])).outcome, 'succeeded')
  assert.equal(await (await fetch(await project.address('stage', 'web'))).text(), 'one')
})

test('a plan that asks AWS nothing loads nothing of AWS', async () => {
  const dist = join(installed, 'node_modules/trunkline/dist')
  const ofAws = (name: string) => name.startsWith('aws-sdk-')
  assert.ok((await readdir(dist)).filter(ofAws).length > 20, 'clients of AWS are in the package')

  for (const [index, files] of [twoServices, functionsByTag].entries()) {
    await using project = await openProject({ program: join(installed, 'node_modules/.bin/trunkline'), files })
    const coverage = join(folder, `loaded-${index}`)
    await project.json(0, ['plan'], { environment: { NODE_V8_COVERAGE: coverage } })
    const loaded = await loadedIn(coverage)
    assert.ok(
      loaded.some((name) => name.startsWith('main-')),
      `loaded: ${loaded.join(' ')}`,
    )
    assert.deepEqual(loaded.filter(ofAws), [])
  }
})

async function loadedIn(coverage: string): Promise<string[]> {
  const loaded = new Set<string>()
  for (const name of await readdir(coverage)) {
    const { result } = JSON.parse(await readFile(join(coverage, name), 'utf8'))
    for (const { url } of result) loaded.add(String(url).split('/').at(-1) ?? '')
  }
  return [...loaded]
}

const functionsByTag = {
  'trunkline.yaml': `project: packaged
aws: { region: eu-west-1 }
services:
  carts: { path: carts, artifact: { zip: {} }, run: { lambda: { handler: index.main, runtime: nodejs22.x } } }
environments:
  prod: { on: { tag: "v*" }, target: { lambda: { bucket: functions } } }
`,
  'carts/index.js': 'exports.main = () => 1',
}

const server = (word: string): string =>
  `require('node:http').createServer((_, answer) => answer.end('${word}')).listen(process.env.PORT, '127.0.0.1')\n`

const twoServices = {
  'trunkline.yaml': `project: packaged
services:
  web:
    path: web
    build: mkdir web/dist && cp web/main.js web/dist/
    artifact: { bundle: { include: ['dist/**'] } }
    run: { command: node dist/main.js, port: PORT, health: / }
  api:
    path: api
    checks: { syntax: node --check api/main.js }
    artifact: { bundle: { include: [main.js] } }
    run: { command: node main.js, port: PORT, health: / }
environments:
  stage:
    on: { branch: main }
    target: { fleet: { hosts: [local], replicas: 1 } }
    verify: [{ name: it answers, http: /, service: web }]
`,
  'web/main.js': server('one'),
  'api/main.js': server('api'),
}

async function run(argv: readonly [string, ...string[]], cwd: string): Promise<string> {
  const end = await runProcess({ argv, cwd, env: await environment(), timeoutMs: 180_000 })
  assert.equal(end.exitCode, 0, `${argv.join(' ')}: ${end.stderr}`)
  return end.stdout.toString('utf8')
}

/** As on a machine where nothing was ever configured. */
async function environment(): Promise<Record<string, string>> {
  const home = join(folder, 'home')
  await mkdir(home, { recursive: true })
  return { PATH: process.env['PATH'] ?? '', HOME: home }
}
