/** Invariant 14: every step, and every thing not done, carries the reason with its evidence. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { Plan, Reason } from '../../src/model/index.ts'
import { type Bench, createBench, shopConfig } from '../fixtures/world.ts'

const everyReason = (plan: Plan): Array<[what: string, reasons: Reason[]]> => [
  ...plan.services.map((service): [string, Reason[]] => [`service ${service.name}`, service.reasons]),
  ...plan.environments.map((environment): [string, Reason[]] => [
    `environment ${environment.name}`,
    environment.reasons,
  ]),
  ...plan.environments.flatMap((environment) =>
    environment.services.map((service): [string, Reason[]] => [`${environment.name} ${service.name}`, service.reasons]),
  ),
  ...plan.steps.map((step): [string, Reason[]] => [`step ${step.id}`, step.reasons]),
]

function assertExplained(plan: Plan): void {
  for (const [what, reasons] of everyReason(plan)) {
    assert.ok(reasons.length > 0, `${what} has a reason`)
    for (const { code, message } of reasons) {
      assert.match(code, /^[a-z][a-z0-9-]+$/, `${what}: the code can be searched for`)
      assert.match(message, /\S+ \S+/, `${what}: the message is a sentence`)
    }
  }
  const ids = new Set(plan.steps.map((step) => step.id))
  assert.equal(ids.size, plan.steps.length, 'ids of steps are unique')
  for (const step of plan.steps)
    for (const need of step.needs) assert.ok(ids.has(need), `${step.id} needs ${need}, which is there`)
}

const planMain = async (bench: Bench) => await bench.plan(await bench.clone.head(), { ref: 'refs/heads/main' })
const reasonsOf = (plan: Plan, service: string) => plan.services.find((known) => known.name === service)?.reasons ?? []

describe('14. the plan explains itself', () => {
  test('before the first delivery', async () => {
    await using bench = await createBench()
    const plan = await planMain(bench)
    assertExplained(plan)
    assert.equal(plan.release, null)
    assert.deepEqual(
      plan.services.map((service) => service.action),
      ['build', 'build'],
    )
    assert.deepEqual(
      plan.environments.map(({ name, action }) => [name, action]),
      [['stage', 'deploy']],
    )
    assert.deepEqual(bench.builder.work, [], 'a plan does nothing')
    assert.deepEqual(await bench.kinds('stage'), [])
  })

  test('a rebuild names the file and the input that made it one; what is reused says from which commit', async () => {
    await using bench = await createBench()
    const first = await bench.clone.head()
    await bench.deliver('main')
    await bench.push('main', { 'carts/main.txt': 'two' })
    const plan = await planMain(bench)
    assertExplained(plan)
    const why = reasonsOf(plan, 'carts').find((known) => known.file === 'carts/main.txt')
    assert.ok(why?.input && why.rule, 'the file, the input it matched and the rule')
    const reused = reasonsOf(plan, 'products').find((known) => known.code === 'already-built')
    assert.equal(reused?.commit, first)
    assert.ok(reused?.digest?.startsWith('sha256:'))
    const stage = plan.environments[0]
    assert.deepEqual(
      stage?.services.map(({ name, action }) => [name, action]),
      [
        ['carts', 'deploy'],
        ['products', 'none'],
      ],
    )
  })

  test('a docs-only commit: nothing is to be done, and it says why not', async () => {
    await using bench = await createBench()
    await bench.deliver('main')
    await bench.push('main', { 'README.md': 'words' })
    const plan = await planMain(bench)
    assertExplained(plan)
    assert.deepEqual(
      plan.environments.map(({ action }) => action),
      ['none'],
    )
    assert.deepEqual(
      plan.services.map(({ action }) => action),
      ['reuse', 'reuse'],
    )
    assert.ok(plan.release)
  })

  test('a tag that has to wait, and one that is refused, say for what', async () => {
    await using bench = await createBench()
    await bench.push('main', { 'carts/main.txt': 'BROKEN' })
    const tag = await bench.tag('v1')
    const commit = await bench.clone.head()
    const waits = await bench.plan(commit, { ref: tag })
    assertExplained(waits)
    assert.deepEqual(
      waits.environments.map(({ action }) => action),
      ['wait'],
    )
    await bench.deliver('main')
    const refused = await bench.plan(commit, { ref: tag })
    assertExplained(refused)
    assert.deepEqual(
      refused.environments.map(({ action }) => action),
      ['refuse'],
    )
    assert.equal(refused.environments[0]?.reasons[0]?.digest, refused.release)
  })

  test('hooks, removals, drift, changed settings, variables and verification each have a reason of their own', async () => {
    const config = shopConfig((shop) => {
      Object.assign(shop.environments['stage'] ?? {}, {
        hooks: { before: [{ name: 'migrate', run: 'migrate', service: 'products' }] },
      })
    })
    await using bench = await createBench({ config })
    await bench.deliver('main')
    bench.target('stage').drift('carts')
    await bench.configure(
      shopConfig((shop) => {
        delete shop.services['products']
        shop.environments['stage'] = {
          ...shop.environments['stage'],
          target: { fleet: { hosts: ['local'], replicas: 3 } },
        }
      }),
    )
    const plan = await planMain(bench)
    assertExplained(plan)
    const found = new Set(everyReason(plan).flatMap(([, reasons]) => reasons.map((known) => known.code)))
    for (const code of ['drift', 'target-settings-changed', 'not-in-release', 'verify-after-change'])
      assert.ok(found.has(code), `${code} is among ${[...found].join(', ')}`)
  })

  test('the same facts give the same plan, hash and all', async () => {
    await using bench = await createBench()
    await bench.deliver('main')
    await bench.push('main', { 'carts/main.txt': 'two' })
    const [one, two] = [await planMain(bench), await planMain(bench)]
    assert.deepEqual(one, two)
  })

  test('every answer of a delivery has reasons where it did not simply succeed', async () => {
    await using bench = await createBench()
    await bench.push('main', { 'carts/main.txt': 'BROKEN' })
    for (const result of [
      await bench.deliver(await bench.tag('v1')),
      await bench.deliver('main'),
      await bench.deliver('main'),
      await bench.deliver('refs/tags/v1'),
      await bench.advance(),
    ]) {
      const reasons = [...result.reasons, ...result.environments.flatMap((environment) => environment.reasons)]
      assert.ok(result.outcome === 'succeeded' || reasons.length > 0, result.outcome)
    }
  })

  test('what the plan says of an environment is the hash that is approved', async () => {
    const config = shopConfig((shop) => {
      Object.assign(shop.environments['prod'] ?? {}, { approval: { quorum: 1 } })
    })
    await using bench = await createBench({ config })
    await bench.deliver('main')
    const tag = await bench.tag('v1')
    await bench.deliver(tag)
    const plan = await bench.plan(await bench.clone.head(), { ref: tag })
    assert.equal(plan.environments[0]?.plan, (await bench.state('prod')).waiting?.plan)
    assert.equal(plan.environments[0]?.action, 'wait')
  })
})
