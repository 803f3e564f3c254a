/** Invariant 6: one deployment per environment, a queue of one, and refs that moved on are superseded. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { codes, createBench, gate, outcomes, shopConfig } from '../fixtures/world.ts'

const short = (commit: string) => commit.slice(0, 7)
const quickLease = (ttl: string) =>
  shopConfig((shop) => {
    shop['state'] = { leaseTtl: ttl }
  })
/** Of the bench's clock: a controller at work is told from a dead one by its renewal, after a third of this. */
const ttl = '12s'

describe('6. one deployment per environment', () => {
  test('while one controller is at work another’s release waits, and the holder goes on with it afterwards', async () => {
    await using bench = await createBench({ config: quickLease(ttl) })
    await bench.deliver('main')
    const [one, two] = [await bench.controller({ name: 'one' }), await bench.controller({ name: 'two' })]
    const middle = gate()
    one.onBoundary = (name) => (name === 'before stage/rollout:carts' ? middle.pass() : undefined)
    const first = await bench.push('main', { 'carts/main.txt': 'two' })
    const under = one.deliver('main')
    await middle.reached
    const second = await bench.push('main', { 'carts/main.txt': 'three' })
    const queued = await two.deliver('main')
    assert.deepEqual(outcomes(queued), { stage: 'waiting' })
    assert.deepEqual(codes(queued, 'stage'), ['environment-busy'])
    assert.equal((await bench.state('stage')).running?.commit === first, false)
    middle.open()
    assert.deepEqual(outcomes(await under), { stage: 'succeeded' }, 'its own answer is about its own release')
    const state = await bench.state('stage')
    assert.equal(state.running?.commit, second)
    assert.equal(state.waiting, null)
    for (const service of Object.values(state.running?.services ?? {})) assert.ok(service.inputHash)
  })

  test('a newer release replaces the one that waits', async () => {
    await using bench = await createBench({ config: quickLease(ttl) })
    await bench.deliver('main')
    const one = await bench.controller({ name: 'one' })
    const middle = gate()
    one.onBoundary = (name) => (name === 'before stage/rollout:carts' ? middle.pass() : undefined)
    await bench.push('main', { 'carts/main.txt': 'two' })
    const under = one.deliver('main')
    await middle.reached
    const skipped = await bench.push('main', { 'carts/main.txt': 'three' })
    await (await bench.controller({ name: 'two' })).deliver('main')
    const newest = await bench.push('main', { 'carts/main.txt': 'four' })
    await (await bench.controller({ name: 'three' })).deliver('main')
    middle.open()
    await under
    assert.equal((await bench.state('stage')).running?.commit, newest)
    const versions = (await bench.history('stage')).map(
      ({ event }) => event.kind === 'started' && event.candidate.version,
    )
    assert.ok(!versions.includes(short(skipped)), 'what was replaced never ran')
  })

  test('what waits at a gate is replaced by a newer release that goes through', async () => {
    await using bench = await createBench()
    await bench.deliver('main')
    await bench.push('main', { 'carts/main.txt': 'two' })
    bench.target('stage').reachable = false
    await bench.deliver('main')
    assert.deepEqual(outcomes(await bench.deliver(await bench.tag('v1'))), { prod: 'waiting' })
    bench.target('stage').reachable = true
    const good = await bench.clone.head('HEAD~1')
    assert.deepEqual(outcomes(await bench.deliver(await bench.tag('v2', good))), { prod: 'succeeded' })
    assert.equal((await bench.state('prod')).waiting, null, 'v1 does not come back over v2')
    await bench.advance()
    assert.equal((await bench.state('prod')).running?.version, 'v2')
  })

  test('a docs-only release that arrives during the deployment of the same bytes is not forgotten', async () => {
    await using bench = await createBench({ config: quickLease(ttl) })
    const one = await bench.controller({ name: 'one' })
    const middle = gate()
    one.onBoundary = (name) => (name === 'before stage/rollout:carts' ? middle.pass() : undefined)
    const under = one.deliver('main')
    await middle.reached
    const docs = await bench.push('main', { 'README.md': 'words' })
    await (await bench.controller({ name: 'two' })).deliver('main')
    middle.open()
    await under
    assert.equal((await bench.state('stage')).running?.commit, docs)
  })

  test('a commit that is no longer its ref’s tip is superseded: exit 0 and no effect', async () => {
    await using bench = await createBench()
    const old = await bench.clone.head()
    await bench.push('main', { 'carts/main.txt': 'two' })
    const result = await bench.deliver('main', { commit: old })
    assert.equal(result.outcome, 'superseded')
    assert.deepEqual(bench.builder.work, [])
    assert.deepEqual(await bench.kinds('stage'), [])
  })

  test('it is looked at again when the lease is taken', async () => {
    await using bench = await createBench()
    bench.onBoundary = async (name) => {
      if (name === 'recorded') await bench.push('main', { 'carts/main.txt': 'two' })
    }
    const result = await bench.deliver('main')
    assert.deepEqual(outcomes(result), { stage: 'superseded' })
    assert.deepEqual(bench.target('stage').effects(), [])
  })

  test('a force-push back to an older commit does not deploy what is gone from the branch', async () => {
    await using bench = await createBench()
    const old = await bench.clone.head()
    const gone = await bench.push('main', { 'carts/main.txt': 'two' })
    await bench.clone.git('reset', '--quiet', '--hard', old)
    await bench.clone.push('origin', '+main')
    assert.equal((await bench.deliver('main', { commit: gone })).outcome, 'superseded')
    assert.deepEqual(outcomes(await bench.deliver('main')), { stage: 'succeeded' })
  })

  test('going back takes `deploy` or `rollback`', async () => {
    await using bench = await createBench()
    const old = await bench.clone.head()
    await bench.deliver('main')
    await bench.push('main', { 'carts/main.txt': 'two' })
    await bench.deliver('main')
    assert.deepEqual(outcomes(await bench.deploy('stage', old)), { stage: 'succeeded' })
    assert.equal((await bench.state('stage')).running?.commit, old)
  })

  test('what a dead controller had begun ends in the history where what runs already is deployed instead', async () => {
    await using bench = await createBench()
    const good = await bench.clone.head()
    await bench.deliver('main')
    const dying = await bench.controller()
    dying.onBoundary = (name) => {
      if (name === 'started stage') throw new Error('dies')
    }
    await bench.push('main', { 'carts/main.txt': 'two' })
    await assert.rejects(dying.deliver('main'), /dies/)
    const begun = (await bench.state('stage')).deployment?.id
    assert.ok(begun)
    const back = await bench.deploy('stage', good)
    assert.deepEqual(codes(back, 'stage'), ['already-running'])
    const [last, before] = (await bench.history('stage')).map(({ event }) => event)
    assert.equal(last?.kind === 'succeeded' && last.deployment, null)
    assert.equal(
      before?.kind === 'aborted' && before.deployment,
      begun,
      'two are never under way, for whoever reads it',
    )
    assert.deepEqual(codes(await bench.deploy('stage', good), 'stage'), ['already-running'])
    assert.equal((await bench.history('stage'))[0]?.event.seq, last?.seq, 'once is enough')
  })

  test('two environments are deployed side by side', async () => {
    const config = shopConfig((shop) => {
      shop.environments['second'] = { on: { branch: 'main' }, target: { fleet: { hosts: ['local'] } } }
    })
    await using bench = await createBench({ config })
    const [one, two] = [gate(), gate()]
    bench.onBoundary = async (name) => {
      if (name === 'started stage') await one.pass()
      if (name === 'started second') await two.pass()
    }
    const delivery = bench.deliver('main')
    await Promise.all([one.reached, two.reached])
    one.open()
    two.open()
    assert.deepEqual(outcomes(await delivery), { stage: 'succeeded', second: 'succeeded' })
  })

  test('a fault in one environment leaves the other’s deployment to end as it would', async () => {
    const config = shopConfig((shop) => {
      shop.environments['second'] = { on: { branch: 'main' }, target: { fleet: { hosts: ['local'] } } }
    })
    await using bench = await createBench({ config })
    const { erroredError } = await import('../../src/model/index.ts')
    bench.target('second').fault('fingerprint', erroredError('NO_ANSWER', 'the platform hangs'), 10)
    const result = await bench.deliver('main')
    assert.deepEqual(outcomes(result), { stage: 'succeeded', second: 'errored' })
  })
})
