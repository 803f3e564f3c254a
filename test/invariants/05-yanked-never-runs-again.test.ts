/** Invariant 5: not by tag, branch, rollback, retry or resume. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { codes, createBench, outcomes, shopConfig } from '../fixtures/world.ts'

const withStageOverlay = shopConfig((shop) =>
  Object.assign(shop.environments['stage'] ?? {}, { deployInputs: ['deploy/stage/**'] }),
)

describe('5. yanked never runs again', () => {
  test('not by branch, tag, deploy, retry, resume or rollback', async () => {
    await using bench = await createBench()
    const good = await bench.clone.head()
    await bench.deliver('main')
    const bad = await bench.push('main', { 'carts/main.txt': 'BROKEN' })
    assert.deepEqual(outcomes(await bench.deliver('main')), { stage: 'failed' })
    const running = bench.target('stage').running()
    const effects = bench.target('stage').effects().length

    assert.deepEqual(outcomes(await bench.deliver('main')), { stage: 'refused' }, 'by branch')
    assert.deepEqual(outcomes(await bench.deliver(await bench.tag('v1.0.0'))), { prod: 'refused' }, 'by tag')
    assert.deepEqual(outcomes(await bench.deploy('stage', bad)), { stage: 'refused' }, 'by deploy')
    assert.deepEqual(outcomes(await bench.retry('stage')), { stage: 'refused' }, 'by retry')
    await bench.hold('stage')
    await bench.resume('stage')
    assert.equal((await bench.advance()).outcome, 'nothing', 'by resume')
    await assert.rejects(bench.rollback('stage', { to: bad }), { code: 'UNKNOWN_RELEASE' }, 'by rollback')
    assert.deepEqual(bench.target('stage').running(), running)
    assert.equal(bench.target('stage').effects().length, effects)
    assert.equal((await bench.state('stage')).running?.commit, good)
  })

  test('not by rollback to a release that was healthy and is yanked since, and the way back passes it over', async () => {
    await using bench = await createBench()
    const oldest = await bench.clone.head()
    await bench.deliver('main')
    const middle = await bench.push('main', { 'carts/main.txt': 'two' })
    await bench.deliver('main')
    await bench.push('main', { 'carts/main.txt': 'three' })
    await bench.deliver('main')
    await bench.yank(middle)
    assert.deepEqual(outcomes(await bench.rollback('stage', { to: middle })), { stage: 'refused' })
    await bench.push('main', { 'carts/main.txt': 'BROKEN' })
    await bench.yank((await bench.state('stage')).running?.release ?? '')
    assert.deepEqual(outcomes(await bench.deliver('main')), { stage: 'failed' })
    assert.equal((await bench.state('stage')).running?.commit, oldest, 'the newest release that is not yanked')
  })

  test('not by going on with a deployment that a dead controller left', async () => {
    await using bench = await createBench()
    await bench.deliver('main')
    const dead = await bench.controller({ name: 'dead' })
    dead.onBoundary = async (name) => {
      if (name === 'after stage/rollout:carts') throw new Error('dies')
    }
    const bad = await bench.push('main', { 'carts/main.txt': 'two' })
    await assert.rejects(dead.deliver('main'), /dies/)
    await bench.yank(bad)
    assert.deepEqual(outcomes(await bench.advance()), { stage: 'refused' })
    assert.equal((await bench.state('stage')).deployment?.phase, 'aborted')
    assert.equal((await bench.advance()).outcome, 'nothing')
  })

  test('an automatic yank names the release and its failed view, and no digest that a healthy release shares', async () => {
    await using bench = await createBench()
    await bench.deliver('main')
    await bench.push('main', { 'carts/main.txt': 'BROKEN' })
    const failed = await bench.deliver('main')
    const [yank, ...others] = await bench.yanks()
    assert.deepEqual(others, [])
    assert.ok(yank?.subject.kind === 'release')
    assert.equal(yank.subject.release, failed.release)
    assert.deepEqual(
      yank.subject.views.map((view) => view.environment),
      ['stage'],
    )
    // products did not change: a release with those bytes is fine.
    await bench.push('main', { 'carts/main.txt': 'fixed' })
    assert.deepEqual(outcomes(await bench.deliver('main')), { stage: 'succeeded' })
  })

  test('the failed view is banned under another release’s name, too', async () => {
    const config = shopConfig((shop) =>
      Object.assign(shop.environments['prod'] ?? {}, { deployInputs: ['deploy/prod/**'] }),
    )
    await using bench = await createBench({ config })
    await bench.push('main', { 'carts/main.txt': 'BROKEN' })
    const failed = await bench.deliver('main')
    await bench.push('main', { 'deploy/prod/size.txt': 'large' })
    const result = await bench.deliver('main')
    assert.notEqual(result.release, failed.release)
    assert.deepEqual(codes(result, 'stage'), ['view-yanked'])
    assert.deepEqual(codes(await bench.deliver(await bench.tag('v1')), 'prod'), ['upstream-failed'])
  })

  test('`yank <digest>` bans every release that contains it, and no other', async () => {
    await using bench = await createBench()
    const first = await bench.clone.head()
    await bench.deliver('main')
    const second = await bench.push('main', { 'products/main.txt': 'two' })
    await bench.deliver('main')
    const third = await bench.push('main', { 'carts/main.txt': 'two' })
    await bench.deliver('main')
    const record = await bench.deploy('stage', first)
    assert.equal(record.outcome, 'succeeded')
    const carts = bench.target('stage').running()['carts'] ?? ''
    await bench.deploy('stage', third)
    assert.deepEqual(await bench.yank(carts), [], 'nothing runs it now')
    assert.deepEqual(codes(await bench.deploy('stage', first), 'stage'), ['artifact-yanked'])
    assert.deepEqual(codes(await bench.deploy('stage', second), 'stage'), ['artifact-yanked'])
    assert.deepEqual(outcomes(await bench.deploy('stage', third)), { stage: 'nothing' })
  })

  test('unyank asks for verification anew, for a release', async () => {
    await using bench = await createBench()
    const commit = await bench.clone.head()
    await bench.deliver('main')
    await bench.yank(commit)
    await bench.unyank(commit)
    const result = await bench.deliver(await bench.tag('v1.0.0'))
    assert.deepEqual(codes(result, 'prod'), ['upstream-pending'])
    const verifications = () => bench.builder.work.filter((done) => done === 'verify reject BROKEN').length
    const before = verifications()
    assert.equal(outcomes(await bench.deliver('main'))['stage'], 'succeeded')
    assert.equal(verifications(), before + 1)
    assert.equal((await bench.state('prod')).running?.version, 'v1.0.0')
  })

  test('unyank asks for verification anew, for an artifact', async () => {
    await using bench = await createBench()
    await bench.deliver('main')
    const carts = bench.target('stage').running()['carts'] ?? ''
    await bench.yank(carts)
    await bench.unyank(carts)
    assert.deepEqual(codes(await bench.deliver(await bench.tag('v1.0.0')), 'prod'), ['upstream-pending'])
  })

  test('verification anew counts where nothing is declared to verify, too', async () => {
    const config = shopConfig((shop) => {
      delete shop.environments['stage']?.['verify']
    })
    await using bench = await createBench({ config })
    const commit = await bench.clone.head()
    await bench.deliver('main')
    await bench.yank(commit)
    await bench.unyank(commit)
    await bench.deliver(await bench.tag('v1.0.0'))
    await bench.deliver('main')
    assert.equal((await bench.state('prod')).running?.version, 'v1.0.0')
  })

  test('an environment that runs what is yanked is told, and never rolls by itself', async () => {
    await using bench = await createBench({ config: withStageOverlay })
    const commit = await bench.clone.head()
    await bench.deliver('main')
    const effects = bench.target('stage').effects().length
    assert.deepEqual(await bench.yank(commit, 'it eats orders'), ['stage'])
    assert.equal(bench.target('stage').effects().length, effects)
    const told = bench.notifications.find((notification) => notification.kind === 'yanked')
    assert.ok(told?.reasons.some((known) => known.message.includes('it eats orders')))
    assert.equal((await bench.kinds('stage')).at(-1), 'yanked')
    assert.equal((await bench.advance()).outcome, 'nothing')
  })

  test('`yank main` means main now, whatever main was when it was yanked before', async () => {
    await using bench = await createBench()
    const first = await bench.deliver('main')
    await bench.yank('main')
    await bench.push('main', { 'carts/main.txt': 'two' })
    const second = await bench.deliver('main')
    await bench.yank('main')
    const banned = (await bench.yanks()).map((yank) => yank.subject.kind === 'release' && yank.subject.release)
    assert.deepEqual(banned.sort(), [first.release, second.release].sort())
  })
})
