/**
 * State written by the first 0.1.0 is still read, and written on. `state-0.1.0.fast-export` is a whole remote as that
 * version left it (`git fast-export --all`): deliveries, an approval, a failure with its yank, a rollback, a hold.
 */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdtemp, readFile, realpath, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { systemClock } from '../../src/clock/index.ts'
import type { DeliveryResult } from '../../src/delivery/index.ts'
import { homeAt } from '../../src/home/index.ts'
import type { StatusDocument } from '../../src/reporting/index.ts'
import { shutDownFleet } from '../../src/targets/fleet/administration.ts'
import { trunklineProgram } from '../system/project-under-test.ts'

const recorded = fileURLToPath(new URL('state-0.1.0.fast-export', import.meta.url))

let folder: string
let clone: string
let environment: NodeJS.ProcessEnv

before(async () => {
  folder = await realpath(await mkdtemp(join(tmpdir(), 'trunkline-upgrade-')))
  clone = join(folder, 'clone')
  environment = {
    PATH: process.env['PATH'],
    HOME: folder,
    TRUNKLINE_HOME: join(folder, 'home'),
    GIT_AUTHOR_NAME: 'Ben',
    GIT_AUTHOR_EMAIL: 'ben@example.com',
    GIT_COMMITTER_NAME: 'Ben',
    GIT_COMMITTER_EMAIL: 'ben@example.com',
  }
  const remote = join(folder, 'remote.git')
  run('git', ['init', '-q', '--bare', '-b', 'main', remote], folder)
  run('git', ['fast-import', '--quiet'], remote, await readFile(recorded))
  run('git', ['clone', '-q', remote, clone], folder)
})
after(async () => {
  const home = homeAt({ TRUNKLINE_HOME: join(folder, 'home') })
  await shutDownFleet({ home, clock: systemClock }, 'stop', AbortSignal.timeout(60_000))
  await rm(folder, { recursive: true, force: true, maxRetries: 5 })
})

test('status says what ran, what waits, and what is held', () => {
  const { environments } = json<StatusDocument>(0, 'status')
  const [stage, prod] = ['stage', 'prod'].map((name) => environments.find((environment) => environment.name === name))
  assert.equal(stage?.commit?.slice(0, 7), 'ed045d4')
  assert.equal(prod?.version, 'v1')
  assert.ok(prod?.held, 'prod is held')
})

test('the history is there to its first event', () => {
  const { events } = json<{ events: Array<{ seq: number; kind: string; commit: string | null }> }>(0, 'log', 'stage')
  assert.equal(events.length, 17)
  assert.deepEqual(new Set(events.map(({ kind }) => kind)), new Set(everyKind))
  assert.deepEqual(
    events.map(({ seq }) => seq),
    events.map((_, index) => events.length - index),
  )
})

const everyKind = ['started', 'hook-started', 'hook-ended', 'verified', 'succeeded', 'failed', 'rolled-back', 'yanked']

test('records, yanks and approvals of then count now', () => {
  const where = json<{ commit: string }>(0, 'where', 'v1')
  assert.equal(where.commit, run('git', ['rev-parse', 'v1'], clone).trim())
  const failed = run('git', ['rev-parse', 'HEAD~1'], clone).trim()
  const refused = json<DeliveryResult>(3, 'deploy', 'stage', failed)
  assert.equal(refused.outcome, 'refused')
  assert.match(JSON.stringify(refused.environments), /yanked/)
})

test('it is written on: resumed, and delivered to', () => {
  json(0, 'resume', 'prod')
  run('sh', ['-c', "printf 'module.exports = 1\\n' >> web/main.js && printf '// again\\n' >> api/main.js"], clone)
  run('git', ['commit', '-qam', 'Go on'], clone)
  run('git', ['push', '-q', 'origin', 'main'], clone)
  assert.equal(json<DeliveryResult>(0, 'deliver').outcome, 'succeeded')
  const { events } = json<{ events: Array<{ seq: number; kind: string }> }>(0, 'log', 'stage')
  assert.ok(events.length > 17)
  assert.equal(events[0]?.kind, 'succeeded')
})

function json<Document>(exitCode: number, command: string, ...words: string[]): Document {
  const ended = spawnSync(trunklineProgram, [command, '--json', ...words], {
    cwd: clone,
    env: environment,
    encoding: 'utf8',
    timeout: 120_000,
  })
  assert.equal(ended.status, exitCode, `${command}: ${ended.stdout}${ended.stderr}`)
  return JSON.parse(ended.stdout) as Document
}

function run(program: string, words: readonly string[], cwd: string, input?: Buffer): string {
  const ended = spawnSync(program, words, { cwd, env: environment, timeout: 60_000, ...(input ? { input } : {}) })
  assert.equal(ended.status, 0, `${program} ${words.join(' ')}: ${ended.stderr}`)
  return ended.stdout.toString('utf8')
}
