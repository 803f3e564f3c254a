/** `--json` (design section 8): exactly one document on standard output, of the promised shape, with the promised exit code. */
import assert from 'node:assert/strict'
import { after, describe, test } from 'node:test'
import type { EnvironmentResult } from '../../src/delivery/index.ts'
import type { Plan } from '../../src/model/index.ts'
import { isHash, isObjectId } from '../../src/model/index.ts'
import type { DiffDocument, StatusDocument, WhereDocument, WhyDocument } from '../../src/reporting/index.ts'
import { type ErrorDocument, openProject } from './project-under-test.ts'
import { configurationText, smallShop, webAnswering } from './small-shop.ts'

const checks = { web: { checks: { fit: 'test "$(cat web/fit.txt)" = yes' } } }
const environments = { prod: { approval: {} } }
const tasks = {
  greet: { service: 'web', run: 'echo hello' },
  fail: { service: 'web', run: 'echo alas; exit 3' },
}
const configuration = { services: checks, environments, tasks }

describe('--json', { concurrency: false }, async () => {
  const project = await openProject({ files: { ...smallShop(configuration), 'web/fit.txt': 'yes\n' } })
  after(() => project[Symbol.asyncDispose]())

  test('plan', async () => {
    const plan = await project.json<Plan>(0, ['plan'])
    assert.deepEqual(keysOf(plan), ['commit', 'environments', 'hash', 'ref', 'release', 'services', 'steps'])
    assert.ok(isObjectId(plan.commit) && isHash(plan.hash))
    assert.equal(plan.ref, 'refs/heads/main')
    assert.equal(plan.release, null, 'nothing was built yet')
    for (const service of plan.services) {
      assert.deepEqual(keysOf(service), ['action', 'artifact', 'inputHash', 'name', 'reasons'])
      assert.equal(service.action, 'build')
      assert.equal(service.artifact, null)
      assert.ok(service.reasons.length > 0)
    }
    const [stage] = plan.environments
    assert.equal(stage?.name, 'stage')
    assert.equal(stage?.action, 'deploy')
    assert.ok(stage && stage.reasons.length > 0)
    for (const service of stage.services) {
      for (const key of ['name', 'from', 'to', 'action']) assert.ok(key in service, key)
    }
    const ids = plan.steps.map(({ id }) => id)
    assert.equal(new Set(ids).size, ids.length)
    for (const step of plan.steps) {
      assert.deepEqual(keysOf(step), ['id', 'kind', 'needs', 'reasons'])
      for (const need of step.needs) assert.ok(ids.includes(need), `${step.id} needs ${need}`)
    }
    assert.deepEqual((await project.json<Plan>(0, ['plan'])).hash, plan.hash, 'the same facts give the same plan')
  })

  test('deliver: succeeded, then nothing; progress is on standard error where it is not JSON', async () => {
    const first = await project.json(0, ['deliver'])
    assert.deepEqual(keysOf(first), ['commit', 'environments', 'outcome', 'reasons', 'release'])
    assert.equal(first.outcome, 'succeeded')
    assert.ok(isHash(first.release ?? '') && isObjectId(first.commit ?? ''))
    assertResult(first.environments[0], 'stage', 'succeeded')
    assert.match(first.environments[0]?.deployment ?? '', /^d-stage-[0-9a-f]{12}$/)
    const again = await project.trunkline(['deliver', '--json'])
    assert.equal(again.stderr, '', 'with --json there is nothing else to say')
    assert.equal(JSON.parse(again.stdout).outcome, 'nothing')
    const told = await project.trunkline(['deliver'])
    assert.deepEqual([told.exitCode, told.stdout], [0, ''])
    assert.match(told.stderr, /already runs release/)
    assert.doesNotMatch(told.stderr, /\x1b/)
  })

  test('deliver: waiting, and refused, and failed, each with its exit code', async () => {
    await project.clone.tag('v1')
    await project.clone.push('origin', 'v1')
    const waiting = await project.json(0, ['deliver', '--ref', 'v1'])
    assert.equal(waiting.outcome, 'waiting')
    assertResult(waiting.environments[0], 'prod', 'waiting')

    await project.push('unfit', { 'web/fit.txt': 'no\n' })
    const failed = await project.json(1, ['deliver'])
    assert.equal(failed.outcome, 'failed')
    assert.equal(failed.release, null)
    assert.ok(failed.reasons.some(({ code }) => code === 'check-red'))

    await project.clone.tag('v2')
    await project.clone.push('origin', 'v2')
    const refused = await project.json(3, ['deliver', '--ref', 'v2'])
    assert.equal(refused.outcome, 'refused')
    assertResult(refused.environments[0], 'prod', 'refused')
  })

  test('deliver: superseded is no failure', async () => {
    const old = await project.clone.head('HEAD~1')
    const result = await project.json(0, ['deliver', '--ref', 'main', '--commit', old])
    assert.equal(result.outcome, 'superseded')
    assert.deepEqual(result.environments, [])
    assert.equal(result.reasons[0]?.code, 'superseded')
  })

  test('check: green and red', async () => {
    const red = await project.json<{ outcome: string; checks: unknown[] }>(1, ['check'])
    assert.equal(red.outcome, 'failed')
    assert.deepEqual(red.checks, [{ service: 'web', check: 'fit', verdict: 'red' }])
    const green = await project.json<{ outcome: string; checks: unknown[] }>(0, ['check', 'HEAD~1'])
    assert.equal(green.outcome, 'nothing')
    assert.deepEqual(green.checks, [{ service: 'web', check: 'fit', verdict: 'known-green' }])
  })

  test('status', async () => {
    const status = await project.json<StatusDocument>(0, ['status'])
    assert.deepEqual(keysOf(status), ['environments'])
    const [stage, prod] = status.environments
    for (const key of 'name release commit version health held yanked deployment services'.split(' ')) {
      assert.ok(stage && key in stage && prod && key in prod, key)
    }
    assert.equal(stage?.health, 'healthy')
    assert.equal(prod?.release, null)
    assert.notEqual(prod?.waiting, null)
    const web = stage?.services.find(({ name }) => name === 'web')
    // `detail` is there while there is something to say, such as that an old instance is still being drained.
    const { detail: _detail, ...always } = web ?? { detail: '' }
    assert.deepEqual(keysOf(always), ['artifact', 'inputHash', 'instances', 'name', 'url'])
    assert.deepEqual(web?.instances, { ready: 1, desired: 1 })
    assert.match(web?.url ?? '', /^http:\/\/127\.0\.0\.1:\d+/)
    assert.equal(stage?.services.find(({ name }) => name === 'worker')?.url, null)
  })

  test('log', async () => {
    type Log = { events: Array<Record<string, unknown>> }
    const { events } = await project.json<Log>(0, ['log', 'stage'])
    for (const event of events) {
      for (const key of 'seq oid at actor environment kind release commit'.split(' ')) assert.ok(key in event, key)
      assert.equal(event['environment'], 'stage')
    }
    const kinds = events.map(({ kind }) => kind)
    assert.deepEqual(kinds, ['failed', 'succeeded', 'verified', 'started'])
    assert.deepEqual(
      events.map(({ seq }) => seq),
      [4, 3, 2, 1],
    )
    assert.equal((await project.json<Log>(0, ['log', '--lines', '2'])).events.length, 2)
  })

  test('deploy, rollback and advance', async () => {
    const back = await project.push('fit, and new', { 'web/fit.txt': 'yes\n', 'web/main.js': webAnswering('two') })
    const plan = await project.json<Plan>(0, ['plan'])
    const web = plan.environments[0]?.services.find(({ name }) => name === 'web')
    assert.equal(web?.to, null, 'no digest stands for bytes that are yet to be built')
    assert.doesNotMatch(JSON.stringify(web), /"digest"/)
    const deployed = await project.json(0, ['deploy', 'stage', back])
    assert.equal(deployed.outcome, 'succeeded')
    assertResult(deployed.environments[0], 'stage', 'succeeded')
    const rolledBack = await project.json(0, ['rollback', 'stage'])
    assert.equal(rolledBack.outcome, 'succeeded')
    assertResult(rolledBack.environments[0], 'stage', 'succeeded')
    const advanced = await project.json(0, ['advance', '--env', 'stage'])
    assert.equal(advanced.outcome, 'nothing')
    assert.deepEqual(advanced.environments, [])
  })

  test('where, why and diff', async () => {
    const where = await project.json<WhereDocument>(0, ['where', 'v1'])
    assert.deepEqual(
      where.environments.map(({ name, state }) => [name, state]),
      [
        ['stage', 'running'],
        ['prod', 'waiting'],
      ],
    )
    const why = await project.json<WhyDocument>(0, ['why', 'web'])
    assert.equal(why.service, 'web')
    assert.ok(why.inputs.some(({ input, rule }) => input === 'web/**' && rule === 'path'))
    const diff = await project.json<DiffDocument>(0, ['diff', 'stage', 'HEAD'])
    assert.deepEqual(
      diff.services.map(({ name, change }) => [name, change]),
      [
        ['web', 'changed'],
        ['worker', 'same'],
      ],
    )
  })

  test('decisions', async () => {
    assert.deepEqual(await project.json(0, ['hold', 'stage', '-m', 'stocktaking']), {
      environment: 'stage',
      held: true,
    })
    assert.deepEqual(await project.json(0, ['resume', 'stage']), { environment: 'stage', held: false })
    const rejected = await project.json<{ rejected: boolean }>(0, ['reject', 'prod', '-m', 'not today'])
    assert.equal(rejected.rejected, true)
    for (const words of [
      ['approve', 'prod'],
      ['reject', 'prod'],
      ['cancel', 'prod'],
      ['retry', 'prod'],
    ]) {
      const { error } = await project.json<ErrorDocument>(2, words)
      assert.match(error.code, /^NOTHING_TO_/)
    }
  })

  test('run: its output is in the document, and its end is the exit code', async () => {
    type Run = { outcome: string; output: string[]; task: string }
    const ran = await project.json<Run>(0, ['run', 'stage', 'greet'])
    assert.deepEqual([ran.outcome, ran.output, ran.task], ['succeeded', ['hello'], 'greet'])
    const failed = await project.json<Run>(1, ['run', 'stage', 'fail'])
    assert.deepEqual([failed.outcome, failed.output], ['failed', ['alas']])
  })

  test('doctor, completion and logs', async () => {
    const { ok, findings } = await project.json<{ ok: boolean; findings: Array<{ verdict: string }> }>(0, ['doctor'])
    assert.ok(ok && findings.length > 5)
    assert.equal((await project.json<{ shell: string }>(0, ['completion', 'bash'])).shell, 'bash')
    assert.deepEqual(await project.json(0, ['logs', 'stage', 'web']), { lines: [] })
  })

  test('errors of every kind', async () => {
    const usage = await project.json<ErrorDocument>(2, ['deploy', 'nowhere'])
    assert.deepEqual(keysOf(usage.error), ['code', 'hint', 'message'])
    const refused = await project.json<ErrorDocument>(3, ['run', 'prod', 'greet'])
    assert.equal(refused.error.code, 'NOTHING_RUNS')
    await project.clone.git('remote', 'set-url', 'origin', `${project.remote.directory}-gone`)
    const errored = await project.json<ErrorDocument>(4, ['deliver'])
    assert.equal(errored.error.code, 'REMOTE_UNREACHABLE')
    await project.clone.git('remote', 'set-url', 'origin', project.remote.directory)
    await project.push('a mistake', { 'trunkline.yaml': configurationText({ ...configuration, proejct: 1 }) })
    const mistaken = await project.json<ErrorDocument>(2, ['plan'])
    assert.equal(mistaken.error.location?.file, 'trunkline.yaml')
    assert.equal(mistaken.error.problems?.length, 1)
  })
})

const keysOf = (value: object): string[] => Object.keys(value).toSorted()

function assertResult(result: EnvironmentResult | undefined, name: string, outcome: string): void {
  assert.deepEqual(keysOf(result ?? {}), ['deployment', 'name', 'outcome', 'reasons'])
  assert.deepEqual([result?.name, result?.outcome], [name, outcome])
}
