/** Invariant 9: an approval is for one plan hash, and void when what that covers moves. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { erroredError, type Preview } from '../../src/model/index.ts'
import { ada, type Bench, ben, cleo, codes, outcomes } from '../fixtures/world.ts'
import { approved, approvingConfig, createApproving, person, waitsForApproval } from './approving.ts'

/** It waits again, and says why the approval no longer counts. */
async function voided(bench: Bench): Promise<string> {
  const effects = bench.target('prod').effects().length
  const result = await bench.advance('prod')
  assert.deepEqual(outcomes(result), { prod: 'waiting' })
  assert.equal(bench.target('prod').effects().length, effects)
  const why = result.environments[0]?.reasons.find((known) => known.code === 'approval-void')
  return why?.message ?? ''
}

describe('9. an approval binds to a plan hash', () => {
  test('without an approval it waits, with one it goes through, and the approval is used up', async () => {
    await using bench = await createApproving()
    await waitsForApproval(bench, 'v1')
    assert.deepEqual(outcomes(await bench.advance()), { prod: 'waiting' })
    assert.deepEqual(bench.target('prod').effects(), [])
    assert.ok(bench.notifications.some((told) => told.kind === 'waiting' && told.environment === 'prod'))
    await (await person(bench, ben)).approve('prod')
    assert.deepEqual(outcomes(await bench.advance()), { prod: 'succeeded' })
    assert.deepEqual((await bench.state('prod')).approvals, [])
  })

  test('unrelated commits on trunk, and another environment that moves, void nothing', async () => {
    await using bench = await createApproving()
    await approved(bench, 'v1')
    await bench.push('main', { 'README.md': 'busy' })
    await bench.deliver('main')
    await bench.push('main', { 'carts/main.txt': 'busy, too' })
    await bench.deliver('main')
    assert.deepEqual(outcomes(await bench.advance('prod')), { prod: 'succeeded' })
    assert.equal((await bench.state('prod')).running?.version, 'v1')
  })

  test('time voids nothing until it expires', async () => {
    await using bench = await createApproving()
    await approved(bench, 'v1')
    bench.clock.skip(6 * 24 * 3_600_000)
    assert.deepEqual(outcomes(await bench.advance('prod')), { prod: 'succeeded' })

    await bench.push('main', { 'carts/main.txt': 'two' })
    await bench.deliver('main')
    await approved(bench, 'v2')
    bench.clock.skip(8 * 24 * 3_600_000)
    const late = await bench.advance('prod')
    assert.deepEqual(outcomes(late), { prod: 'waiting' })
    assert.ok(codes(late, 'prod').includes('approval-expired'))
  })

  test('a docs-only commit has the same plan: what was approved for one tag counts for the next', async () => {
    await using bench = await createApproving()
    await approved(bench, 'v1')
    await bench.push('main', { 'README.md': 'better words' })
    await bench.deliver('main')
    assert.deepEqual(outcomes(await bench.deliver(await bench.tag('v1.0.1'))), { prod: 'succeeded' })
  })

  test('a changed secret voids it, and it says what moved', async () => {
    await using bench = await createApproving()
    await approved(bench, 'v1')
    bench.environment['PROD_TOKEN'] = 'another-secret-value'
    assert.match(await voided(bench), /since then moved: variables$/)
  })

  test('a changed policy voids it, and it says what moved', async () => {
    await using bench = await createApproving()
    await approved(bench, 'v1')
    await bench.configure(approvingConfig({ onFailure: ['notify'] }))
    assert.match(await voided(bench), /since then moved: policy$/)
  })

  test('a changed preview voids it, and it says what moved', async () => {
    await using bench = await createApproving()
    await approved(bench, 'v1')
    bench.target('prod').previews = { carts: { digest: 'a change set', changes: [] } }
    assert.match(await voided(bench), /since then moved: previews$/)
  })

  test('what would lose data needs approval, even where nobody asks for one, and only that is carried out', async () => {
    await using bench = await createApproving(approvingConfig({ approval: undefined }))
    const database = (subject: string): Preview => ({
      digest: subject,
      changes: [{ action: 'replace', subject, because: ['Engine'], stateful: true }],
    })
    bench.target('prod').previews = { carts: database('DBInstance One') }
    const waits = await bench.deliver(await bench.tag('v1'))
    assert.deepEqual(outcomes(waits).prod, 'waiting')
    assert.ok(codes(waits, 'prod').includes('loses-data'))
    await (await person(bench, ben)).approve('prod')
    bench.target('prod').previews = { carts: database('DBInstance Two') }
    assert.match(await voided(bench), /since then moved: previews$/)
    bench.target('prod').previews = { carts: database('DBInstance One') }
    assert.deepEqual(outcomes(await bench.advance('prod')), { prod: 'succeeded' })
  })

  test('who goes on with what erred does what was approved, or asks again', async () => {
    await using bench = await createApproving()
    const carts = { digest: 'one', changes: [] }
    bench.target('prod').previews = { carts }
    await approved(bench, 'v1')
    bench.target('prod').fault('ensure', erroredError('AWAY', 'the platform is away'), 8)
    assert.deepEqual(outcomes(await bench.advance('prod')), { prod: 'errored' })
    bench.target('prod').previews = { carts: { ...carts, digest: 'two' } }
    assert.deepEqual(outcomes(await bench.retry('prod')), { prod: 'waiting' })
    bench.target('prod').previews = { carts }
    assert.deepEqual(outcomes(await bench.retry('prod')), { prod: 'succeeded' })
  })

  test('a way back that would lose data is refused until its service is named', async () => {
    await using bench = await createApproving(approvingConfig({ approval: undefined }))
    await bench.deliver(await bench.tag('v1'))
    await bench.push('main', { 'carts/main.txt': 'two' })
    await bench.deliver('main')
    await bench.deliver(await bench.tag('v2'))
    bench.target('prod').previews = {
      carts: { digest: 'back', changes: [{ action: 'remove', subject: 'Table Orders', stateful: true }] },
    }
    const refused = await bench.rollback('prod', { to: 'v1' })
    assert.deepEqual(outcomes(refused), { prod: 'refused' })
    assert.ok(codes(refused, 'prod').includes('rollback-loses-data'))
    assert.deepEqual(outcomes(await bench.rollback('prod', { to: 'v1', force: ['carts'] })), { prod: 'succeeded' })
  })

  test('another running release voids it, and it says what moved', async () => {
    await using bench = await createApproving()
    await approved(bench, 'v1')
    await bench.advance('prod')
    await bench.push('main', { 'carts/main.txt': 'two' })
    await bench.deliver('main')
    await approved(bench, 'v2')
    await bench.advance('prod')
    await bench.push('main', { 'products/main.txt': 'three' })
    await bench.deliver('main')
    await approved(bench, 'v3')
    await bench.rollback('prod', { to: 'v1' })
    assert.match(await voided(bench), /since then moved: from release, steps$/)
    const { waiting } = await bench.state('prod')
    assert.ok(
      waiting?.reasons.some((known) => known.message.includes('moved: from release')),
      'the page keeps saying it',
    )
  })

  test('drift on the target voids it: other steps are to be done', async () => {
    await using bench = await createApproving()
    await approved(bench, 'v1')
    await bench.advance('prod')
    await bench.push('main', { 'carts/main.txt': 'two' })
    await bench.deliver('main')
    await approved(bench, 'v2')
    bench.target('prod').drift('products')
    assert.match(await voided(bench), /since then moved: steps$/)
  })

  test('the author’s own approval does not count', async () => {
    await using bench = await createApproving()
    await waitsForApproval(bench, 'v1')
    await assert.rejects((await person(bench, ada)).approve('prod'), { code: 'MAY_NOT_APPROVE', kind: 'refused' })
    assert.deepEqual((await bench.state('prod')).approvals, [])
  })

  test('who is not listed cannot approve', async () => {
    await using bench = await createApproving()
    await waitsForApproval(bench, 'v1')
    const stranger = await person(bench, { name: 'Eve', email: 'eve@example.com' })
    await assert.rejects(stranger.approve('prod'), { code: 'MAY_NOT_APPROVE' })
  })

  test('who leaves the list afterwards no longer counts', async () => {
    await using bench = await createApproving()
    await approved(bench, 'v1')
    const config = approvingConfig()
    config['people'] = { managers: [{ email: cleo.email }] }
    await bench.configure(config)
    const result = await bench.advance('prod')
    assert.deepEqual(outcomes(result), { prod: 'waiting' })
    assert.ok(codes(result, 'prod').includes('approver-not-listed'))
  })

  test('a quorum wants that many different people', async () => {
    const approval = { by: ['@managers'], quorum: 2 }
    await using bench = await createApproving(approvingConfig({ approval }))
    await waitsForApproval(bench, 'v1')
    const one = await person(bench, ben)
    await one.approve('prod')
    await one.approve('prod')
    await (await person(bench, { name: 'Ben again', email: 'BEN@example.com' })).approve('prod')
    assert.deepEqual(outcomes(await bench.advance()), { prod: 'waiting' })
    await (await person(bench, cleo)).approve('prod')
    assert.deepEqual(outcomes(await bench.advance()), { prod: 'succeeded' })
  })

  test('who approves what they looked at is refused when another plan waits by now', async () => {
    await using bench = await createApproving()
    await waitsForApproval(bench, 'v1')
    const looked = (await bench.state('prod')).waiting?.plan ?? ''
    await bench.push('main', { 'carts/main.txt': 'two' })
    await bench.deliver('main')
    await waitsForApproval(bench, 'v2')
    await assert.rejects((await person(bench, ben)).approve('prod', looked.slice(0, 12)), { code: 'PLAN_MOVED' })
  })

  test('what was rejected waits no more, and its approvals are gone', async () => {
    await using bench = await createApproving()
    await approved(bench, 'v1')
    await bench.reject('prod', 'not on a Friday')
    assert.equal((await bench.advance()).outcome, 'nothing')
    assert.deepEqual(bench.target('prod').effects(), [])
    assert.deepEqual((await bench.state('prod')).approvals, [])
  })

  test('two approvals at the same moment both count', async () => {
    const approval = { by: ['@managers'], quorum: 2 }
    await using bench = await createApproving(approvingConfig({ approval }))
    await waitsForApproval(bench, 'v1')
    const [one, two] = [await person(bench, ben), await person(bench, cleo)]
    await Promise.all([one.approve('prod'), two.approve('prod')])
    assert.deepEqual(outcomes(await bench.advance()), { prod: 'succeeded' })
  })

  test('a void approval for a plan of long ago is not told with every later release', async () => {
    await using bench = await createApproving()
    await approved(bench, 'v1')
    bench.environment['PROD_TOKEN'] = 'another-secret-value'
    await voided(bench)
    await (await person(bench, ben)).approve('prod')
    await bench.advance('prod')
    await bench.push('main', { 'carts/main.txt': 'two' })
    await bench.deliver('main')
    const waits = await bench.deliver(await bench.tag('v2'))
    assert.deepEqual(codes(waits, 'prod'), ['awaiting-approval'])
  })
})
