/** A canary as its user has it: watched, cancelled, left behind by a killed delivery, rolled back, and found wanting. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { Plan } from '../../src/model/index.ts'
import type { StatusDocument } from '../../src/reporting/index.ts'
import { openProject, type ProjectUnderTest } from './project-under-test.ts'
import { configurationText, smallShop, webAnswering } from './small-shop.ts'

const canaryFor = (pause: string): string =>
  configurationText({
    environments: {
      prod: null,
      stage: {
        target: { fleet: { hosts: ['local'], replicas: 2 } },
        rollout: { canary: { steps: [{ weight: 50, pause }] } },
        verify: [{ name: 'web is itself', http: '/', service: 'web', contains: 'version', timeout: '3s' }],
        onFailure: ['notify'],
      },
    },
  })

const release = (project: ProjectUnderTest, text: string, pause: string) =>
  project.push(text, { 'web/main.js': webAnswering(text), 'trunkline.yaml': canaryFor(pause) })

async function answers(project: ProjectUnderTest): Promise<string[]> {
  const url = await project.address('stage', 'web')
  const seen = new Set<string>()
  for (let turn = 0; turn < 12; turn++) seen.add(await (await fetch(url)).text())
  return [...seen].sort()
}

const newSetOf = async (project: ProjectUnderTest) => {
  const { environments } = await project.json<StatusDocument>(0, ['status', 'stage'])
  return environments[0]?.services.find(({ name }) => name === 'web')?.newSet
}

describe('a canary', () => {
  test('is planned, watched and cancelled; a killed one is rolled back; a bad one gives its requests back', async () => {
    const first = { ...smallShop(), 'web/main.js': webAnswering('version 1'), 'trunkline.yaml': canaryFor('1s') }
    await using project = await openProject({ files: first })
    assert.equal((await project.json(0, ['deliver'])).outcome, 'succeeded')

    await release(project, 'version 2', '10m')
    const plan = await project.json<Plan>(0, ['plan', '--env', 'stage'])
    assert.ok(
      plan.environments[0]?.services
        .flatMap(({ reasons }) => reasons)
        .some(({ message }) => message === 'canary: 50 % for 10m (web is itself), 100 % (web is itself)'),
    )
    const watched = project.start(['deliver'])
    await watched.says(/web: 50 %, watching/)
    assert.deepEqual(await newSetOf(project), { weight: 50 })
    assert.match((await project.trunkline(['status'])).stdout, /web in stage 2 of 2: to 100 % of new requests/)
    assert.deepEqual(await answers(project), ['version 1', 'version 2'])
    assert.equal((await project.trunkline(['cancel', 'stage'])).exitCode, 0)
    assert.equal((await watched.ended).exitCode, 1)
    assert.deepEqual(await answers(project), ['version 1'])

    await release(project, 'version 3', '1s')
    assert.equal((await project.json(0, ['deliver'])).outcome, 'succeeded')
    assert.deepEqual(await answers(project), ['version 3'])
    assert.equal(await newSetOf(project), undefined)
    assert.match(
      (await project.trunkline(['log', 'stage'])).stdout,
      /verified .*web at 100 %, stage 2 of 2\b[\s\S]*web at 50 %, stage 1 of 2\b/,
    )
    assert.equal((await project.trunkline(['verify-ledger'])).exitCode, 0)

    await release(project, 'version 4', '10m')
    const killed = project.start(['deliver'])
    await killed.says(/web: 50 %, watching/)
    killed.process.kill('SIGKILL')
    await killed.ended
    assert.deepEqual(await answers(project), ['version 3', 'version 4'], 'nobody has taken it back')
    assert.equal((await project.json(0, ['rollback', 'stage'])).outcome, 'succeeded')
    assert.deepEqual(await answers(project), ['version 3'])

    await release(project, 'broken 5', '1s')
    const failed = await project.json(1, ['deploy', 'stage'])
    assert.equal(failed.outcome, 'failed')
    assert.ok(
      failed.environments[0]?.reasons.some(({ message }) => message === 'web is itself failed when web was at 50 %'),
      JSON.stringify(failed.environments[0]?.reasons),
    )
    assert.deepEqual(await answers(project), ['version 3'])
  })
})
