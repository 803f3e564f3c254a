/** Invariant 12: policy comes from the remote's trunk, recipe from the commit. A branch cannot grant itself anything. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { codes, createBench, outcomes, type ShopConfig, shopConfig } from '../fixtures/world.ts'

const target = { fleet: { hosts: ['local'] } }
const changed = (change: (config: ShopConfig) => void) => shopConfig(change)

describe('12. policy from trunk', () => {
  test('an environment that only the branch knows is ignored, with the reason', async () => {
    await using bench = await createBench()
    await bench.push('feature', { 'carts/main.txt': 'mine' })
    await bench.configure(
      changed((config) => {
        config.environments['mine'] = { on: { branch: 'feature' }, target }
      }),
      'feature',
    )
    const result = await bench.deliver('feature')
    assert.equal(result.outcome, 'nothing')
    assert.deepEqual(
      result.reasons.map((known) => known.code),
      ['no-route'],
    )
    assert.deepEqual(bench.target('mine').effects(), [])
    const notes = bench.progress.flatMap((event) => (event.kind === 'note' ? event.message : []))
    assert.ok(notes.some((note) => note.includes('mine') && note.includes('ignored')))
  })

  test('a branch cannot route itself to an environment', async () => {
    await using bench = await createBench()
    await bench.push('feature')
    await bench.configure(
      changed((config) => {
        Object.assign(config.environments['prod'] ?? {}, { on: { branch: 'feature' }, after: [] })
      }),
      'feature',
    )
    assert.equal((await bench.deliver('feature')).outcome, 'nothing')
    assert.deepEqual(bench.target('prod').effects(), [])
  })

  test('a tag’s own commit cannot take away the approval, the upstream or the window that trunk asks for', async () => {
    const strict = changed((config) => {
      Object.assign(config.environments['prod'] ?? {}, { approval: { quorum: 1 } })
    })
    const lax = changed((config) => {
      Object.assign(config.environments['prod'] ?? {}, { after: [] })
    })
    await using bench = await createBench({ config: lax })
    const commit = await bench.clone.head()
    await bench.deliver('main')
    await bench.configure(strict)
    const result = await bench.deliver(await bench.tag('v1', commit))
    assert.deepEqual(codes(result, 'prod'), ['awaiting-approval'])
  })

  test('a branch cannot name itself the trunk', async () => {
    await using bench = await createBench()
    await bench.push('feature')
    await bench.configure(
      changed((config) => {
        config['trunk'] = 'feature'
        config.environments['mine'] = { on: { branch: 'feature' }, target }
      }),
      'feature',
    )
    assert.equal((await bench.deliver('feature')).outcome, 'nothing')
    assert.deepEqual(bench.target('mine').effects(), [])
  })

  test('variable sources and reactions are trunk’s, too', async () => {
    const preview = {
      on: { branch: 'feature' },
      target,
      variables: { prefix: 'PREVIEW_' },
      onFailure: ['rollback', 'yank'],
    }
    const withToken = (change: (environment: Record<string, unknown>) => void = () => {}) =>
      changed((config) => {
        Object.assign(config.services['carts'] ?? {}, { env: { TOKEN: { from: 'TOKEN' } } })
        config.environments['preview'] = { ...preview, verify: [{ name: 'fine', run: 'reject BROKEN' }] }
        change(config.environments['preview'] ?? {})
      })
    await using bench = await createBench({ config: withToken() })
    Object.assign(bench.environment, { PREVIEW_TOKEN: 'preview-value', PROD_TOKEN: 'prod-value' })
    await bench.push('feature')
    await bench.configure(
      withToken((environment) => {
        Object.assign(environment, { variables: { prefix: 'PROD_' }, onFailure: [] })
      }),
      'feature',
    )
    await bench.deliver('feature')
    assert.equal(bench.target('preview').state().received['carts']?.['TOKEN'], 'preview-value')
    await bench.push('feature', { 'carts/main.txt': 'BROKEN' })
    assert.ok(codes(await bench.deliver('feature'), 'preview').includes('yanked'))
  })

  test('the recipe is the commit’s: its services, hooks, verification and rollout', async () => {
    const config = changed((shop) => {
      shop.environments['preview'] = { on: { branch: 'feature' }, target }
    })
    await using bench = await createBench({ config })
    await bench.push('feature')
    await bench.configure(
      changed((shop) => {
        shop.services['extra'] = { path: 'extra', infer: false, run: { command: 'extra' } }
        shop.environments['preview'] = {
          on: { branch: 'feature' },
          target,
          hooks: { before: [{ name: 'mine', run: 'mine', service: 'carts' }] },
          verify: [{ name: 'own words', run: 'look' }],
        }
      }),
      'feature',
    )
    await bench.push('feature', { 'extra/main.txt': 'extra' })
    assert.deepEqual(outcomes(await bench.deliver('feature')), { preview: 'succeeded' })
    assert.ok(bench.target('preview').running()['extra'])
    assert.ok(bench.target('preview').effects().includes('job mine'))
    assert.ok(bench.builder.work.includes('verify look'))
  })

  test('what waits in the queue is judged by trunk’s policy at the time it is taken', async () => {
    await using bench = await createBench()
    await bench.deliver('main')
    await bench.push('main', { 'carts/main.txt': 'two' })
    bench.target('stage').reachable = false
    await bench.deliver('main')
    await bench.configure(
      changed((config) => {
        Object.assign(config.environments['stage'] ?? {}, { approval: { quorum: 1 } })
      }),
    )
    bench.target('stage').reachable = true
    const result = await bench.deliver('main')
    assert.deepEqual(codes(result, 'stage'), ['awaiting-approval'])
  })

  test('a tag that is not on trunk goes nowhere that asks for it', async () => {
    await using bench = await createBench()
    await bench.push('feature', { 'carts/main.txt': 'mine' })
    const result = await bench.deliver(await bench.tag('v9'))
    assert.deepEqual(outcomes(result), { prod: 'refused' })
    assert.deepEqual(codes(result, 'prod'), ['not-reachable'])
  })
})
