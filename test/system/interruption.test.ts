/** Ctrl-C: the first ends everything well, the second ends at once; either way the next delivery works. */
import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import type { StatusDocument } from '../../src/reporting/index.ts'
import { eventually } from '../process/eventually.ts'
import { openProject, type ProjectUnderTest } from './project-under-test.ts'
import { configurationText, smallShop, webAnswering } from './small-shop.ts'

/** A build that tells its pid and then takes longer than any test. */
const endlessBuild = (pidFile: string): object => ({
  build: { run: `echo $$ > "$PID_FILE"; sleep 600 & wait`, env: { PID_FILE: pidFile } },
})

const isAlive = (pid: number): boolean => {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false
  }
}

async function pidIn(file: string): Promise<number> {
  await eventually(() => existsSync(file))
  return await eventually(async () => Number((await readFile(file, 'utf8')).trim()) || null)
}

type LedgerEvent = { kind: string; reasons: Array<{ code: string }> }

const events = async (project: ProjectUnderTest): Promise<LedgerEvent[]> =>
  (await project.json<{ events: LedgerEvent[] }>(0, ['log', 'stage'])).events

describe('Ctrl-C', { concurrency: false }, () => {
  test('during a build ends it and its processes, records nothing and leaves the way free', async () => {
    await using project = await openProject({ files: smallShop() })
    const pidFile = join(project.home, 'build.pid')
    await project.push('a slow build', {
      'trunkline.yaml': configurationText({ services: { web: endlessBuild(pidFile) } }),
    })
    const delivery = project.start(['deliver'])
    const pid = await pidIn(pidFile)
    delivery.pressCtrlC()
    const ended = await delivery.ended
    assert.equal(ended.exitCode, 130, ended.stderr)
    assert.match(ended.stderr, /cancelled/)
    assert.doesNotMatch(ended.stderr, /bug in Trunkline/)
    await eventually(() => !isAlive(pid))
    assert.deepEqual(await events(project), [])

    await project.push('a fast build', { 'trunkline.yaml': configurationText() })
    assert.equal((await project.json(0, ['deliver'])).outcome, 'succeeded')
  })

  test('during a rollout is written down, gives the lease back and leaves the old version serving', async () => {
    await using project = await openProject({ files: smallShop() })
    assert.equal((await project.json(0, ['deliver'])).outcome, 'succeeded')
    // It starts and never answers.
    await project.push('never ready', { 'web/main.js': 'setInterval(() => {}, 1000)\n' })
    const delivery = project.start(['deliver'])
    await project.reaches('stage', 'started')
    delivery.pressCtrlC()
    const ended = await delivery.ended
    assert.equal(ended.exitCode, 130, ended.stderr)
    const [last] = await events(project)
    assert.equal(last?.kind, 'aborted')
    assert.equal(last?.reasons[0]?.code, 'cancelled')
    assert.equal(await (await fetch(await project.address('stage', 'web'))).text(), 'one')

    await project.push('ready', { 'web/main.js': webAnswering('two') })
    const startedMs = performance.now()
    assert.equal((await project.json(0, ['deliver'])).outcome, 'succeeded')
    assert.ok(performance.now() - startedMs < 25_000, 'nobody waited for the lease of who had gone')
    assert.equal(await (await fetch(await project.address('stage', 'web'))).text(), 'two')
    const { environments } = await project.json<StatusDocument>(0, ['status', 'stage'])
    assert.equal(environments[0]?.health, 'healthy')
  })

  test('twice ends at once, and the next delivery takes over', async () => {
    await using project = await openProject({ files: smallShop() })
    assert.equal((await project.json(0, ['deliver'])).outcome, 'succeeded')
    const pidFile = join(project.home, 'build.pid')
    await project.push('a slow build', {
      'trunkline.yaml': configurationText({ services: { web: endlessBuild(pidFile) } }),
    })
    const delivery = project.start(['deliver'])
    const pid = await pidIn(pidFile)
    delivery.pressCtrlC()
    delivery.pressCtrlC()
    assert.equal((await delivery.ended).exitCode, 130)
    await eventually(() => !isAlive(pid))
    await project.push('a fast build', { 'trunkline.yaml': configurationText() })
    assert.equal((await project.json(0, ['deliver'])).outcome, 'succeeded')
  })

  test('ends following a log, which is no failure', async () => {
    const talking = "console.log('hello from web')\n"
    await using project = await openProject({ files: { ...smallShop(), 'web/main.js': talking + webAnswering('one') } })
    assert.equal((await project.json(0, ['deliver'])).outcome, 'succeeded')
    const following = project.start(['logs', 'stage', 'web', '--follow', '--json'])
    const line = await new Promise<string>((resolve) => following.process.stdout?.once('data', resolve))
    assert.equal(JSON.parse(line).text, 'hello from web')
    following.pressCtrlC()
    const ended = await following.ended
    assert.equal(ended.exitCode, 0, ended.stderr)
  })
})

test('a reader that goes away (`| head -1`) is no error', async () => {
  await using project = await openProject({ files: smallShop() })
  for (const words of [['plan', '--verbose', '--json'], ['--help'], ['status', '--json']]) {
    const run = project.start(words)
    run.process.stdout?.destroy()
    const ended = await run.ended
    assert.equal(ended.exitCode, 0, ended.stderr)
    assert.equal(ended.stderr, '')
  }
})
