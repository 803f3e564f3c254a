/** What is loaded of the SDK of AWS, and when. */
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { promisify } from 'node:util'
import { openProject } from '../system/project-under-test.ts'

const ofAws = /node_modules\/(@(?:aws-sdk|smithy|aws)\/[\w-]+)\//

/** A module that every process loads first, and that tells at its end what was loaded after it. */
const telling = `data:text/javascript,${encodeURIComponent(`
import { createRequire } from 'node:module'
import { writeFileSync } from 'node:fs'
const { cache } = createRequire('/')
process.on('exit', () => writeFileSync(process.env.LOADED_INTO + '/' + process.pid, Object.keys(cache).join('\\n')))
`)}`

/** Packages of AWS that the processes of `work` loaded. */
async function loadedBy(work: (environment: Record<string, string>) => Promise<unknown>): Promise<string[]> {
  const folder = await mkdtemp(join(tmpdir(), 'trunkline-loaded-'))
  try {
    await work({ NODE_OPTIONS: `--import=${telling}`, LOADED_INTO: folder })
    const told = await readdir(folder)
    assert.ok(told.length > 0, 'no process told what it loaded')
    const lines = (await Promise.all(told.map((name) => readFile(join(folder, name), 'utf8')))).join('\n').split('\n')
    return [...new Set(lines.flatMap((line) => ofAws.exec(line)?.[1] ?? []))].sort()
  } finally {
    await rm(folder, { recursive: true })
  }
}

const clientsIn = (packages: readonly string[]) =>
  packages.flatMap((name) => /^@aws-sdk\/client-(.+)$/.exec(name)?.[1] ?? [])

const project = (more: string) => `project: shop
${more}
services:
  carts: { path: carts, artifact: { zip: {} }, run: { lambda: { handler: index.main, runtime: nodejs22.x } } }
environments:
  prod: { on: { tag: "v*" }, target: { lambda: { bucket: shop-functions } } }
`
const fleet = `project: shop
services: { web: { path: web, run: { command: node main.js } } }
environments: { stage: { on: { branch: main }, target: { fleet: { hosts: [local] } } } }
`

describe('of the SDK of AWS', () => {
  test('a plan without AWS loads nothing', async () => {
    await using shop = await openProject({ files: { 'trunkline.yaml': fleet, 'web/main.js': '' } })
    assert.deepEqual(await loadedBy((environment) => shop.json(0, ['plan'], { environment })), [])
  })

  test('a plan that comes to nothing in AWS loads nothing', async () => {
    const files = {
      'trunkline.yaml': project('aws: { region: eu-west-1 }'),
      'carts/index.js': 'exports.main = () => 1',
    }
    await using shop = await openProject({ files })
    assert.deepEqual(await loadedBy((environment) => shop.json(0, ['plan'], { environment })), [])
  })

  /** What a target loads when it is opened; what it seldom needs comes later. */
  const clients: Record<string, readonly string[]> = {
    cloudformation: ['cloudformation', 's3', 'ssm'],
    codedeploy: ['auto-scaling', 'codedeploy', 'elastic-load-balancing-v2', 's3'],
    codepipeline: ['codepipeline', 's3', 'ssm'],
    ecs: ['cloudwatch-logs', 'ecs', 'ssm'],
    fleet: [],
    gitops: [],
    kubernetes: [],
    lambda: ['lambda', 's3', 'ssm'],
    site: ['cloudfront', 's3'],
    terraform: [],
  }

  test('each target has a line here', async () => {
    const folders = await readdir(join(import.meta.dirname, '../../src/targets'), { withFileTypes: true })
    const names = folders.filter((each) => each.isDirectory()).map(({ name }) => name)
    assert.deepEqual(names.sort(), Object.keys(clients).sort())
  })

  for (const [target, expected] of Object.entries(clients)) {
    test(`the target ${target} loads ${expected.join(', ') || 'nothing'}`, async () => {
      const module = join(import.meta.dirname, `../../src/targets/${target}/index.ts`)
      const load = ['--disable-warning=ExperimentalWarning', '-e', `import(${JSON.stringify(module)})`]
      const packages = await loadedBy(async (environment) =>
        promisify(execFile)(process.execPath, load, { env: { ...process.env, ...environment }, timeout: 120_000 }),
      )
      assert.deepEqual(clientsIn(packages), expected)
      if (expected.length === 0) assert.deepEqual(packages, [])
    })
  }
})
